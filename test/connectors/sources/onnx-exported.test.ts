/** Files that PyTorch's exporter wrote: `test/golden/files/onnx/make.py` says of which networks. */

import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { graphOf, said } from "../../support/onnx-said.ts";

describe("graphs of PyTorch's exporter", () => {
  const file = (name: string) =>
    fileURLToPath(new URL(`../../golden/files/onnx/${name}.onnx`, import.meta.url));

  it("follow shuffles, splits, sums, norms taken apart and both ways out", async () => {
    expect(said(await graphOf(file("convnet")))).toEqual([
      "stem -> grouped direct: 0>0x8",
      "grouped -> after direct: 0>0x1 4>1x1 1>2x1 5>3x1 2>4x1 6>5x1 3>6x1 7>7x1",
      "stem -> left split: 0>0x4",
      "after -> left split: 0>0x4",
      "stem -> right split: 4>0x4",
      "after -> right split: 4>0x4",
      "left -> joined concat: 0>0x6",
      "right -> joined concat: 0>6x2",
      "joined -> up direct: 0>0x4",
      "up -> head flatten: 0>0x3",
      "up -> pooled pool: 0>0x3",
    ]);
  });

  it("keep what a gate of one number per channel scales, whose own way ends", async () => {
    expect(said(await graphOf(file("gated")))).toEqual([
      "conv -> gate.down pool: 0>0x4",
      "gate.down -> gate.up direct: 0>0x2",
      "conv -> out direct: 0>0x4",
      '? -> out: Mul "/gate/Mul": scales the channels of another signal',
    ]);
  });

  it("carry the candidate gate of recurrent layers, both directions side by side", async () => {
    const [w0, r0, w1, r1, w, r] = [
      "/lstm/LSTM.W.0",
      "/lstm/LSTM.R.0",
      "/lstm/LSTM.W.1",
      "/lstm/LSTM.R.1",
      "/gru/GRU.W",
      "/gru/GRU.R",
    ];
    expect(said(await graphOf(file("lstm"))).sort()).toEqual([
      `embed -> ${w0} direct: 0>0x6`,
      `embed -> ${w1} direct: 0>0x6`,
      ...[w0, r0].flatMap((
        each,
      ) => [`${each} -> ${r0} recurrent: 12>0x4`, `${each} -> ${w} recurrent: 12>0x4`]),
      ...[w1, r1].flatMap((
        each,
      ) => [`${each} -> ${r1} recurrent: 12>0x4`, `${each} -> ${w} recurrent: 12>4x4`]),
      ...[w, r].flatMap((
        each,
      ) => [`${each} -> ${r} recurrent: 10>0x5`, `${each} -> /out/MatMul recurrent: 10>0x5`]),
    ].sort());
  });

  it("stop at attention, and go on behind it along the residual stream", async () => {
    const graph = await graphOf(file("attention"));
    expect(said(graph)).toEqual([
      "/o/MatMul -> /up/MatMul residual: 0>0x8",
      "/up/MatMul -> /down/MatMul direct: 0>0x16",
      '? -> /o/MatMul: MatMul "/MatMul": a product of activations',
      '? -> /o/MatMul: MatMul "/MatMul_1": a product of activations',
    ]);
    expect(graph.layers.map(({ name, normGain }) => [name, normGain])).toEqual([
      ["/qkv/MatMul", "none"],
      ["/o/MatMul", "none"],
      ["/up/MatMul", "raw"],
      ["/down/MatMul", "none"],
    ]);
  });
});
