/** What onnxruntime's quantizers leave of one network (`test/golden/files/onnx/quantize.py`) is that network, rounded. */

import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { onnx } from "../../../connectors/sources/onnx/onnx.ts";
import { layerGraph } from "../../../src/stages/layers.ts";
import { unfold } from "../../../src/stages/unfold.ts";
import { unreadWarnings } from "../../../src/run/unread.ts";
import { graphOf, said } from "../../support/onnx-said.ts";

const file = (name: string) =>
  fileURLToPath(new URL(`../../golden/files/onnx/${name}.onnx`, import.meta.url));

/** The numbers of each layer, unfolded. */
async function matrices(name: string): Promise<Map<string, readonly number[]>> {
  const model = await onnx.open(file(name), "id");
  const found = new Map<string, readonly number[]>();
  const graph = layerGraph(model);
  for (const layer of graph.layers) {
    const groups = unfold(layer, await model.read(layer.weight.tensor), "svr");
    found.set(layer.name, groups.flatMap(({ data }) => [...data]));
  }
  expect(unreadWarnings(model.tensors, graph)).toEqual([]);
  await model.close();
  return found;
}

const SAYS = [
  "c1 -> c2 direct: 0>0x8",
  "c1 -> dw residual: 0>0x8",
  "c2 -> dw residual: 0>0x8",
  "c1 -> fc1 concat: 0>8x8",
  "c2 -> fc1 concat: 0>8x8",
  "dw -> fc1 concat: 0>0x8",
  "fc1 -> fc2 direct: 0>0x10",
].sort();

describe("a network behind onnxruntime's quantizers", () => {
  let right: ReadonlyMap<string, readonly number[]>;
  beforeAll(async () => {
    right = await matrices("float");
  });

  it.each([
    ["float", 1e-9],
    ["quantized-dynamic", 1 / 127],
    ["quantized-static", 1 / 127],
    ["quantized-qdq", 1 / 127],
    ["quantized-fused", 1 / 127],
    ["quantized-4-bits", 2 / 15],
    ["quantized-8-bits", 2 / 255],
  ])("%s has the same connections, and weights within a step of %f of the largest", async (name, step) => {
    expect(said(await graphOf(file(name))).sort()).toEqual(SAYS);
    const found = await matrices(name);
    expect([...found.keys()]).toEqual([...right.keys()]);
    for (const [layer, values] of found) {
      const exact = right.get(layer)!;
      const largest = Math.max(...exact.map(Math.abs));
      expect(values.length).toBe(exact.length);
      expect(Math.max(...values.map((value, i) => Math.abs(value - exact[i]!))), layer)
        .toBeLessThanOrEqual(step * largest);
    }
  });
});
