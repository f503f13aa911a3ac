/** Products of activations: masks, and numbers per channel, scale a signal that keeps its channels. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { graphOf, said } from "../../support/onnx-said.ts";
import { type Bytes, joined, node, value, weight, writeOnnx } from "../../support/files/onnx-file.ts";

let folder = "";
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "onnx-scales-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const conv = (name: string, out: number, input: number, from: string) =>
  joined(
    weight(`${name}.weight`, [out, input, 3]),
    node("Conv", [from, `${name}.weight`], [name], { pads: [1, 1] }),
  );
const sound = value(11, "x", ["n", 3, "t"]);
const before = conv("a", 4, 3, "x");
const after = conv("c", 2, 4, "m");
const SCALES = (by: string) => `? -> c: Mul "Mul_m": ${by}`;
const ends = SCALES("scales the channels of another signal");
const product = SCALES("a product of activations");

const RULES: readonly (readonly [rule: string, parts: readonly Bytes[], says: readonly string[]])[] = [
  ["a mask of one channel that comes from the input", [
    value(11, "mask", ["n", 1, "t"]),
    node("Mul", ["a", "mask"], ["m"]),
  ], ["a -> c direct: 0>0x4"]],
  ["a mask of one channel that a layer makes, whose way ends", [
    conv("g", 1, 3, "x"),
    node("Sigmoid", ["g"], ["s"]),
    node("Mul", ["s", "a"], ["m"]),
  ], ["a -> c direct: 0>0x4", ends]],
  ["a number per channel, behind a pool and two layers: squeeze and excitation", [
    node("GlobalAveragePool", ["a"], ["p"]),
    conv("g", 2, 4, "p"),
    conv("h", 4, 2, "g"),
    node("Sigmoid", ["h"], ["s"]),
    node("Mul", ["a", "s"], ["m"]),
  ], ["a -> g pool: 0>0x4", "g -> h direct: 0>0x2", "a -> c direct: 0>0x4", ends]],
  ["a number per channel of another input, and an offset that is added: FiLM", [
    value(11, "e", ["n", 5]),
    weight("gamma", [5, 4]),
    node("MatMul", ["e", "gamma"], ["u"]),
    node("Unsqueeze", ["u"], ["gu"], { axes: [2] }),
    node("Mul", ["gu", "a"], ["f"]),
    weight("beta", [5, 4]),
    node("MatMul", ["e", "beta"], ["v"]),
    node("Unsqueeze", ["v"], ["bu"], { axes: [2] }),
    node("Add", ["f", "bu"], ["m"]),
  ], [
    "a -> c residual: 0>0x4",
    "beta -> c residual: 0>0x4",
    '? -> c: Mul "Mul_f": scales the channels of another signal',
  ]],
  ["two factors of one shape: nobody can say which one scales the other", [
    conv("b", 4, 3, "x"),
    node("Mul", ["a", "b"], ["m"]),
  ], [product]],
  ["two factors each of which is repeated along the other", [
    node("GlobalAveragePool", ["a"], ["p"]),
    conv("g", 1, 3, "x"),
    node("Mul", ["p", "g"], ["m"]),
  ], [product]],
  ["a signal that is lost and is scaled is still lost", [
    conv("b", 4, 3, "x"),
    node("Mul", ["a", "b"], ["l"]),
    conv("g", 1, 3, "x"),
    node("Mul", ["l", "g"], ["m"]),
  ], ['? -> c: Mul "Mul_l": a product of activations', product]],
  ["one that is the network's input times a layer's number per channel", [
    value(11, "y", ["n", 4, "t"]),
    node("GlobalAveragePool", ["a"], ["p"]),
    node("Mul", ["y", "p"], ["m"]),
  ], [product]],
  ["a mask made of a comparison keeps what it masks", [
    value(11, "lengths", ["n", 1, 1]),
    weight("steps", [1, 1, 8]),
    node("Less", ["steps", "lengths"], ["l"]),
    node("Cast", ["l"], ["f"], { to: 1 }),
    node("Mul", ["a", "f"], ["m"]),
  ], ["a -> c direct: 0>0x4"]],
];

describe("a product in an ONNX graph", () => {
  it.each(RULES)("%s", async (_, parts, says) => {
    const path = join(folder, `${count++}.onnx`);
    await writeOnnx(path, sound, before, ...parts, after);
    expect(said(await graphOf(path)).sort()).toEqual([...says].sort());
  });
});
