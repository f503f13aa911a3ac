/**
 * Files that `test/golden/files/onnx/quantized.py` made: their connections were seen in onnxruntime by moving channels, and what their
 * weights mean is in `quantized.json`.
 */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { onnx } from "../../../connectors/sources/onnx/onnx.ts";
import { graphOf, said } from "../../support/onnx-said.ts";

const file = (name: string) => fileURLToPath(new URL(`../../golden/files/onnx/${name}`, import.meta.url));
const SCALES = (name: string) => `? -> c: Mul ${JSON.stringify(name)}: scales the channels of another signal`;

const FILES: readonly (readonly [name: string, says: readonly string[]])[] = [
  ["squeeze", [
    "a -> g pool: 0>0x4",
    "g -> h direct: 0>0x2",
    "a -> c direct: 0>0x4",
    SCALES("Mul_m"),
  ]],
  ["film", ["a -> c residual: 0>0x4", "beta -> c residual: 0>0x4", SCALES("Mul_m")]],
  ["mask", ["a -> c direct: 0>0x4"]],
  ["qlinear", ["a -> b direct: 0>0x4", "a -> fc residual: 0>0x4", "b -> fc residual: 0>0x4"]],
  ["integer", ["in -> int direct: 0>0x6", "int -> out direct: 0>0x4"]],
  ["nbits", ["fc1 -> fc2 direct: 0>0x24"]],
  ["dynamic-lstm", [
    "W -> R recurrent: 12>0x4",
    "R -> R recurrent: 12>0x4",
    "W -> out recurrent: 12>0x4",
    "R -> out recurrent: 12>0x4",
  ]],
  ["functions", ["first -> second direct: 0>0x4", "second -> third direct: 0>0x5"]],
  ["loop", [
    "before -> inner direct: 0>0x4",
    "inner -> each direct: 0>0x4",
    "inner -> after direct: 0>0x4",
    "each -> last.rows direct: 0>0x2",
    '? -> inner: Loop "Loop_last": what its last pass has left',
  ]],
  ["scan", [
    "before -> wi direct: 0>0x6",
    "wi -> after residual: 0>0x4",
    "wh -> after residual: 0>0x4",
    '? -> wh: Scan "Scan_last": what its last pass has left',
  ]],
];

describe("gates, quantized operators, functions and bodies", () => {
  it.each(FILES)("%s", async (name, says) => {
    expect(said(await graphOf(file(`${name}.onnx`))).sort()).toEqual([...says].sort());
  });

  it("have weights of the real numbers that quantized ones mean", async () => {
    const meant = JSON.parse(await readFile(file("quantized.json"), "utf8")) as Record<string, string>;
    const found = new Map<string, Float64Array>();
    for (const name of ["qlinear", "integer", "nbits", "dynamic-lstm"]) {
      const model = await onnx.open(file(`${name}.onnx`), "id");
      for (const tensor of model.tensors) {
        const made = /^(.*)_dequantized$/.exec(tensor.name)?.[1];
        if (made === undefined) continue;
        found.set(made, await model.read(tensor.name));
        expect(tensor.shape.reduce((a, b) => a * b, 1)).toBe(found.get(made)!.length);
      }
      await model.close();
    }
    expect([...found.keys()].sort()).toEqual(Object.keys(meant).sort());
    for (const [name, values] of found) {
      const right = meant[name]!.split(" ").map(Number);
      expect(values.length, name).toBe(right.length);
      expect(Math.max(...values.map((value, i) => Math.abs(value - right[i]!))), name).toBeLessThan(1e-5);
    }
  });

  it("read transposed recurrent weights as they lie", async () => {
    const { layers } = await graphOf(file("dynamic-lstm.onnx"));
    expect(layers.slice(0, 2)).toMatchObject([
      { name: "W", outChannels: 16, inChannels: 3, weight: { strides: { out: 1, in: 16 } } },
      { name: "R", outChannels: 16, inChannels: 4, weight: { strides: { out: 1, in: 16 } } },
    ]);
  });
});
