import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { onnx } from "../../../connectors/sources/onnx/onnx.ts";
import type { LayerGraph } from "../../../src/model/layer.ts";
import { layerGraph } from "../../../src/stages/layers.ts";
import { graphOf, said } from "../../support/onnx-said.ts";
import {
  type Bytes,
  field,
  indices,
  joined,
  node,
  tensor,
  TYPE,
  value,
  weight,
  writeOnnx,
} from "../../support/files/onnx-file.ts";

let folder = "";
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "onnx-graph-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function traced(...parts: readonly Bytes[]): Promise<LayerGraph> {
  const path = join(folder, `${count++}.onnx`);
  await writeOnnx(path, ...parts);
  return await graphOf(path);
}

const image = value(11, "x", ["n", 3, 8, 8]);
const conv = (name: string, out: number, input: number, from: string, groups = 1) =>
  joined(
    weight(`${name}.weight`, [out, input / groups, 3, 3]),
    node("Conv", [from, `${name}.weight`], [name], { pads: [1, 1, 1, 1], group: groups }),
  );
const linear = (name: string, out: number, input: number, from: string) =>
  joined(
    weight(`${name}.weight`, [out, input]),
    node("Gemm", [from, `${name}.weight`], [name], { transB: 1 }),
  );

const RULES: readonly (readonly [rule: string, parts: readonly Bytes[], says: readonly string[]])[] = [
  ["walks through activations, pooling, clips and casts", [
    image,
    conv("a", 4, 3, "x"),
    node("Relu", ["a"], ["r"]),
    node("MaxPool", ["r"], ["p"], { kernel_shape: [2, 2], strides: [2, 2] }),
    node("Clip", ["p"], ["c"]),
    node("Cast", ["c"], ["k"], { to: 1 }),
    conv("b", 2, 4, "k"),
  ], ["a -> b direct: 0>0x4"]],
  ["forks at an addition of activations; one with a constant is a bias", [
    image,
    conv("a", 4, 3, "x"),
    conv("b", 4, 4, "a"),
    weight("bias", [1, 4, 1, 1]),
    node("Add", ["b", "bias"], ["d"]),
    node("Add", ["d", "a"], ["s"]),
    conv("c", 2, 4, "s"),
  ], ["a -> b direct: 0>0x4", "a -> c residual: 0>0x4", "b -> c residual: 0>0x4"]],
  ["offsets at a concatenation of channels, and slices what is split", [
    image,
    conv("a", 4, 3, "x"),
    conv("b", 6, 3, "x"),
    node("Concat", ["a", "b"], ["s"], { axis: 1 }),
    conv("c", 2, 10, "s"),
    indices("sizes", [5, 5]),
    node("Split", ["s", "sizes"], ["l", "h"], { axis: 1 }),
    conv("d", 2, 5, "h"),
  ], ["a -> c concat: 0>0x4", "b -> c concat: 0>4x6", "b -> d concat: 1>0x5"]],
  ["slices channels, also by steps and from the end", [
    image,
    conv("a", 8, 3, "x"),
    indices("from", [-4]),
    indices("to", [2 ** 40]),
    indices("axis", [1]),
    indices("step", [2]),
    node("Slice", ["a", "from", "to", "axis", "step"], ["s"]),
    conv("b", 2, 2, "s"),
  ], ["a -> b split: 4>0x1 6>1x1"]],
  ["pads channels: an offset", [
    image,
    conv("a", 4, 3, "x"),
    indices("pads", [0, 2, 0, 0, 0, 2, 0, 0]),
    node("Pad", ["a", "pads"], ["p"]),
    conv("b", 3, 8, "p"),
  ], ["a -> b direct: 0>2x4"]],
  ["flattens channels first", [
    image,
    conv("a", 4, 3, "x"),
    node("Flatten", ["a"], ["f"], { axis: 1 }),
    linear("b", 2, 256, "f"),
  ], ["a -> b flatten: 0>0x4"]],
  ["flattens by a reshape whose shape is computed from that of the map", [
    image,
    conv("a", 4, 3, "x"),
    node("Shape", ["a"], ["shape"]),
    indices("zero", [0], []),
    node("Gather", ["shape", "zero"], ["n"], { axis: 0 }),
    indices("rest", [-1]),
    node("Unsqueeze", ["n", "zero"], ["n1"], { axes: [0] }),
    node("Concat", ["n1", "rest"], ["to"], { axis: 0 }),
    node("Reshape", ["a", "to"], ["f"]),
    linear("b", 2, 256, "f"),
  ], ["a -> b flatten: 0>0x4"]],
  ["pools globally", [
    image,
    conv("a", 4, 3, "x"),
    node("ReduceMean", ["a"], ["m"], { axes: [2, 3], keepdims: 0 }),
    linear("b", 2, 4, "m"),
    node("GlobalAveragePool", ["a"], ["g"]),
    node("Flatten", ["g"], ["h"]),
    linear("c", 2, 4, "h"),
  ], ["a -> b pool: 0>0x4", "a -> c pool: 0>0x4"]],
  ["shuffles channels", [
    image,
    conv("a", 6, 3, "x"),
    indices("apart", [0, 2, 3, 8, 8]),
    indices("together", [0, 6, 8, 8]),
    node("Reshape", ["a", "apart"], ["r"]),
    node("Transpose", ["r"], ["t"], { perm: [0, 2, 1, 3, 4] }),
    node("Reshape", ["t", "together"], ["s"]),
    conv("b", 2, 6, "s"),
  ], ["a -> b direct: 0>0x1 3>1x1 1>2x1 4>3x1 2>4x1 5>5x1"]],
  ["keeps channels of functions of one signal", [
    image,
    conv("a", 4, 3, "x"),
    node("Sigmoid", ["a"], ["s"]),
    node("Mul", ["a", "s"], ["silu"]),
    node("HardSigmoid", ["silu"], ["h"]),
    node("Mul", ["silu", "h"], ["swish"]),
    conv("b", 2, 4, "swish"),
  ], ["a -> b direct: 0>0x4"]],
  ["stops where a signal meets itself turned over", [
    value(11, "x", ["n", 8, 5]),
    weight("a", [5, 8]),
    node("MatMul", ["x", "a"], ["y"]),
    node("Transpose", ["y"], ["t"], { perm: [0, 2, 1] }),
    node("Add", ["y", "t"], ["s"]),
    weight("b", [8, 4]),
    node("MatMul", ["s", "b"], ["z"]),
  ], ['? -> b: Add "Add_s": channels that lie differently are added']],
  ["stops at a product of activations, and names it", [
    image,
    conv("a", 4, 3, "x"),
    conv("b", 4, 3, "x"),
    node("Mul", ["a", "b"], ["m"]),
    conv("c", 2, 4, "m"),
  ], ['? -> c: Mul "Mul_m": a product of activations']],
  ["stops at what it does not know, and at bodies of loops", [
    image,
    conv("a", 4, 3, "x"),
    node("Mystery", ["a"], ["m"]),
    conv("b", 2, 4, "m"),
    node("Loop", ["a"], ["l"], {
      body: { graph: joined(weight("inner", [2, 2]), node("Relu", ["a"], ["y"])) },
    }),
    conv("c", 2, 4, "l"),
  ], [
    '? -> b: Mystery "Mystery_m": an operator that is not known to keep channels',
    '? -> c: Loop "Loop_l": its body is not walked',
  ]],
  ["stops where a layer reads positions", [
    image,
    conv("a", 4, 3, "x"),
    weight("w", [8, 8]),
    node("MatMul", ["a", "w"], ["m"]),
    conv("b", 2, 4, "m"),
  ], [
    '? -> w: MatMul "MatMul_m": reads along another axis than that of the channels',
    '? -> b: Conv "Conv_b": reads along another axis than that of the channels',
  ]],
  ["takes a branch whose condition is known, and both where it is not", [
    value(11, "x", ["n", 3, 8, 8]),
    value(11, "b", []),
    conv("a", 4, 3, "x"),
    node("Shape", ["a"], ["shape"]),
    node("Size", ["shape"], ["rank"]),
    indices("four", [4], []),
    node("Equal", ["rank", "four"], ["is"]),
    node("If", ["is"], ["y"], {
      then_branch: { graph: joined(node("Relu", ["a"], ["t"]), value(12, "t", [])) },
      else_branch: { graph: joined(weight("never", [4]), node("Mystery", ["a"], ["e"]), value(12, "e", [])) },
    }),
    conv("c", 2, 4, "y"),
    conv("d", 4, 3, "x"),
    node("If", ["b"], ["z"], {
      then_branch: { graph: joined(node("Identity", ["a"], ["t"]), value(12, "t", [])) },
      else_branch: { graph: joined(node("Identity", ["d"], ["e"]), value(12, "e", [])) },
    }),
    conv("e", 2, 4, "z"),
  ], ["a -> c direct: 0>0x4", "a -> e direct: 0>0x4", "d -> e direct: 0>0x4"]],
  ["reads a matrix on either side, transposed or not, and by an equation", [
    value(11, "x", ["n", "t", 5]),
    weight("a", [5, 4]),
    node("MatMul", ["x", "a"], ["ya"]),
    weight("b", [3, 4]),
    node("Transpose", ["b"], ["bt"], { perm: [1, 0] }),
    node("MatMul", ["ya", "bt"], ["yb"]),
    weight("c", [3, 2]),
    node("Einsum", ["yb", "c"], ["yc"], { equation: "btd,de->bte" }),
    node("Transpose", ["yc"], ["back"], { perm: [0, 2, 1] }),
    weight("d", [6, 2]),
    node("MatMul", ["d", "back"], ["yd"]),
  ], ["a -> b direct: 0>0x4", "b -> c direct: 0>0x3", "c -> d direct: 0>0x2"]],
];

describe("the dataflow of an ONNX graph", () => {
  it.each(RULES)("%s", async (_, parts, says) => {
    expect(said(await traced(...parts)).sort()).toEqual([...says].sort());
  });

  it("flattens channels last behind a transpose, and reads the weight that way", async () => {
    const graph = await traced(
      image,
      conv("a", 4, 3, "x"),
      node("Transpose", ["a"], ["t"], { perm: [0, 2, 3, 1] }),
      node("Flatten", ["t"], ["f"]),
      linear("b", 2, 256, "f"),
    );
    expect(said(graph)).toEqual(["a -> b flatten: 0>0x4"]);
    expect(graph.layers[1]).toMatchObject({
      positions: 64,
      weight: { strides: { out: 256, in: 1, position: 4 } },
    });
  });

  it("uses shared weights once, as one layer", async () => {
    const graph = await traced(
      image,
      conv("a", 4, 3, "x"),
      weight("s.weight", [4, 4, 1, 1]),
      node("Conv", ["a", "s.weight"], ["s1"]),
      node("Relu", ["a"], ["r"]),
      node("Conv", ["r", "s.weight"], ["s2"]),
      node("Add", ["s1", "s2"], ["sum"]),
      conv("b", 2, 4, "sum"),
    );
    expect(graph.layers.map(({ name }) => name)).toEqual(["a", "s", "b"]);
    expect(said(graph)).toEqual(["a -> s direct: 0>0x4", "s -> b residual: 0>0x4"]);
  });

  it("reads kernels that were turned from Keras's order, grouped and transposed convolutions", async () => {
    const graph = await traced(
      image,
      weight("k", [3, 3, 3, 8]),
      node("Transpose", ["k"], ["kt"], { perm: [3, 2, 0, 1] }),
      node("Conv", ["x", "kt"], ["a"]),
      weight("g", [6, 4, 1, 1]),
      node("Conv", ["a", "g"], ["b"], { group: 2 }),
      weight("up", [6, 5, 2, 2]),
      node("ConvTranspose", ["b", "up"], ["c"], { strides: [2, 2] }),
    );
    expect(graph.layers).toMatchObject([
      {
        name: "k",
        outChannels: 8,
        inChannels: 3,
        positions: 9,
        weight: { strides: { out: 1, in: 8, position: 24 } },
      },
      { name: "g", outChannels: 6, inChannels: 8, groups: 2 },
      { name: "up", kind: "conv-transpose", outChannels: 5, inChannels: 6, positions: 4 },
    ]);
  });

  it("reads a dequantized weight under the name of what was quantized, between quantized activations", async () => {
    const graph = await traced(
      image,
      conv("a", 4, 3, "x"),
      weight("s", [], [0.1]),
      node("QuantizeLinear", ["a", "s"], ["q"]),
      node("DequantizeLinear", ["q", "s"], ["d"]),
      field(5, tensor("b.weight_quantized", TYPE.I8, [2, 4, 1, 1], field(9, new Uint8Array(8)))),
      node("DequantizeLinear", ["b.weight_quantized", "s"], ["b.weight_DequantizeLinear_Output"]),
      node("Conv", ["d", "b.weight_DequantizeLinear_Output"], ["b"]),
    );
    expect(said(graph)).toEqual(["a -> b direct: 0>0x4"]);
    expect(graph.layers[1]!.weight.tensor).toBe("b.weight_DequantizeLinear_Output");
    expect(graph.skipped.find(({ name }) => name === "b.weight_quantized")?.reason).toMatch(
      /quantized weight/,
    );
  });

  it("finds normalizations for folding: batch norms behind a layer, gains in front of one, also taken apart", async () => {
    const parts = [
      image,
      conv("a", 4, 3, "x"),
      ...["scale", "shift", "mean", "var"].map((name) => weight(name, [4])),
      node("BatchNormalization", ["a", "scale", "shift", "mean", "var"], ["n"]),
      node("GlobalAveragePool", ["n"], ["g"]),
      node("Flatten", ["g"], ["f"]),
      node("ReduceMean", ["f"], ["m"], { axes: [-1] }),
      node("Sub", ["f", "m"], ["d"]),
      weight("two", [], [2]),
      node("Pow", ["d", "two"], ["q"]),
      node("ReduceMean", ["q"], ["v"], { axes: [-1] }),
      weight("eps", [], [1e-5]),
      node("Add", ["v", "eps"], ["ve"]),
      node("Sqrt", ["ve"], ["sd"]),
      node("Div", ["d", "sd"], ["z"]),
      weight("gain", [4]),
      node("Mul", ["z", "gain"], ["zg"]),
      weight("offset", [4]),
      node("Add", ["zg", "offset"], ["ln"]),
      linear("b", 2, 4, "ln"),
    ];
    const path = join(folder, "norms.onnx");
    await writeOnnx(path, ...parts);
    const graph = await graphOf(path);
    expect(said(graph)).toEqual(["a -> b pool: 0>0x4"]);
    expect(graph.layers).toMatchObject([{ batchNorm: "raw", normGain: "none" }, {
      batchNorm: "none",
      normGain: "raw",
    }]);
    const model = await onnx.open(path, "id");
    const { layers } = layerGraph(model, { batchNorm: "folded", normGain: "folded" });
    await model.close();
    expect(layers[0]!.folding).toEqual({ batchNorm: { gamma: "scale", variance: "var", epsilon: 1e-5 } });
    expect(layers[1]!.folding).toEqual({ gain: "gain" });
  });
});
