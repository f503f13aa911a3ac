/** Quantized weights that cannot be read, and bodies and functions in forms that no exporter writes. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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
  folder = await mkdtemp(join(tmpdir(), "onnx-bodies-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const bytes = (name: string, shape: readonly number[], type: number = TYPE.I8) =>
  field(5, tensor(name, type, shape, field(9, new Uint8Array(shape.reduce((a, b) => a * b, 1)))));
const vector = value(11, "x", ["n", 4]);
const matrix = (name: string, from: string, to: string, rows: number, columns: number) =>
  joined(weight(name, [rows, columns]), node("MatMul", [from, name], [to]));
const integer = joined(
  bytes("q", [4, 6]),
  node("DynamicQuantizeLinear", ["x"], ["xq", "xs", "xz"]),
  node("MatMulInteger", ["xq", "q", "xz"], ["m"]),
);
const packed = (shape: readonly number[], inputs: readonly string[], attributes: Record<string, number>) =>
  joined(
    bytes("q", shape, TYPE.U8),
    weight("s", [6]),
    indices("order", [0, 0, 0, 0]),
    node("MatMulNBits", ["x", "q", ...inputs], ["m"], { N: 6, K: 4, bits: 4, block_size: 16, ...attributes }),
  );
const body = (...parts: readonly Bytes[]) => ({
  body: {
    graph: joined(value(11, "i", []), value(11, "go", []), ...parts),
  },
});

const RULES:
  readonly (readonly [rule: string, parts: readonly Bytes[], says: readonly (string | RegExp)[]])[] = [
    ["an integer product without a scale behind it", [
      integer,
      node("Cast", ["m"], ["f"], { to: 1 }),
      matrix("b", "f", "y", 6, 2),
    ], ['? -> b: MatMulInteger "MatMulInteger_m": quantized, and its scale cannot be found']],
    ["an integer product whose scales come one after the other", [
      integer,
      node("Cast", ["m"], ["f"], { to: 1 }),
      node("Mul", ["f", "xs"], ["g"]),
      weight("s", [6]),
      node("Mul", ["g", "s"], ["h"]),
      matrix("b", "h", "y", 6, 2),
    ], ["q -> b direct: 0>0x6"]],
    ["an integer product behind which two constants are multiplied: nobody says which of them is its scale", [
      integer,
      node("Cast", ["m"], ["f"], { to: 1 }),
      weight("s", [1]),
      weight("t", [6]),
      node("Mul", ["s", "t"], ["st"]),
      node("Mul", ["f", "st"], ["g"]),
      matrix("b", "g", "y", 6, 2),
    ], ['? -> b: MatMulInteger "MatMulInteger_m": quantized, and its scale cannot be found']],
    ["a stored integer matrix in front of an activation is no weight", [
      bytes("q", [6, 4]),
      node("DynamicQuantizeLinear", ["x"], ["xq", "xs", "xz"]),
      node("MatMulInteger", ["q", "xq"], ["m"]),
      matrix("b", "m", "y", 6, 2),
    ], [/MatMulInteger "MatMulInteger_m": its weight is no stored matrix/]],
    ["blocks in an order of their own", [
      packed([6, 1, 8], ["s", "", "order"], {}),
      matrix("b", "m", "y", 6, 2),
    ], ['? -> b: MatMulNBits "MatMulNBits_m": its blocks are in an order of their own (g_idx)']],
    ["blocks that hold fewer numbers than the attributes say", [
      packed([6, 1, 8], ["s"], { K: 2 ** 40 }),
      matrix("b", "m", "y", 6, 2),
    ], [/MatMulNBits "MatMulNBits_m": shapes \[6,1,8\] and \[6\] do not fit 6 x 1099511627776 of 4 bits/]],
    ["blocks of no numbers", [
      bytes("q", [0], TYPE.U8),
      weight("s", [0]),
      node("MatMulNBits", ["x", "q", "s"], ["m"], { N: 6, K: 4, bits: 4, block_size: 0 }),
      matrix("b", "m", "y", 6, 2),
    ], [/MatMulNBits "MatMulNBits_m": shapes \[0\] and \[0\] do not fit 6 x 4 of 4 bits in blocks of 0/]],
    ["blocks of three bits", [
      packed([6, 1, 8], ["s"], { bits: 3 }),
      matrix("b", "m", "y", 6, 2),
    ], [/do not fit 6 x 4 of 3 bits in blocks of 16/]],
    ["what a loop hands on unchanged, and what may not have had a pass", [
      matrix("a", "x", "u", 4, 4),
      value(11, "count", []),
      node(
        "Loop",
        ["count", "", "u", "u"],
        ["same", "last"],
        body(
          value(11, "s", ["n", 4]),
          value(11, "t", ["n", 4]),
          node("Identity", ["s"], ["s1"]),
          node("Identity", ["s1"], ["s2"]),
          matrix("inner", "s", "t1", 4, 4),
          value(12, "go", []),
          value(12, "s2", []),
          value(12, "t1", []),
        ),
      ),
      matrix("b", "same", "y", 4, 2),
      matrix("c", "last", "z", 4, 2),
    ], [
      "a -> inner direct: 0>0x4",
      "a -> b direct: 0>0x4",
      "a -> c direct: 0>0x4",
      "inner -> c direct: 0>0x4",
    ]],
    ["a loop whose condition is computed: it may not have had a pass", [
      matrix("a", "x", "u", 4, 4),
      indices("three", [3]),
      node("ReduceMax", ["x"], ["most"], { keepdims: 0 }),
      node("Cast", ["most"], ["is"], { to: 9 }),
      node(
        "Loop",
        ["three", "is", "u"],
        ["last"],
        body(
          value(11, "t", ["n", 4]),
          matrix("inner", "u", "t1", 4, 4),
          value(12, "go", []),
          value(12, "t1", []),
        ),
      ),
      matrix("c", "last", "z", 4, 2),
    ], ["a -> inner direct: 0>0x4", "a -> c direct: 0>0x4", "inner -> c direct: 0>0x4"]],
    ["a scan along the channels, and one over stacked weights", [
      matrix("a", "x", "u", 4, 3),
      weight("stack", [5, 3, 3]),
      node("Scan", ["u", "stack"], ["rows", "r"], {
        num_scan_inputs: 2,
        scan_input_axes: [1, 0],
        body: {
          graph: joined(
            value(11, "c", ["n"]),
            value(11, "w", [3, 3]),
            node("MatMul", ["u", "w"], ["p"]),
            value(12, "c", []),
            value(12, "p", []),
          ),
        },
      }),
      matrix("b", "r", "y", 3, 2),
    ], ['? -> b: MatMul "MatMul_p": its weight is no stored matrix']],
    ["what is lost where paths meet, by the name of the node", [
      matrix("a", "x", "u", 4, 4),
      node("Reshape", ["u", "open"], ["v"]),
      node("Concat", ["u", "v"], ["w"], { axis: 1 }),
      indices("open", [0, -1]),
      value(11, "k", ["n", "k"]),
      node("Concat", ["k", "w"], ["w2"], { axis: 1 }),
      matrix("b", "w2", "y", 9, 2),
    ], [
      /Concat "Concat_w2": something of unknown width is concatenated/,
      /MatMul "MatMul_y": reads an axis that holds no channels/,
    ]],
    ["a body that does not fit its operator", [
      matrix("a", "x", "u", 4, 4),
      node("Loop", ["u"], ["l"], body(value(12, "go", []))),
      matrix("b", "l", "y", 4, 2),
    ], ['? -> b: Loop "Loop_l": its body is not walked']],
  ];

describe("what is read with care in an ONNX graph", () => {
  it.each(RULES)("%s", async (_, parts, says) => {
    const path = join(folder, `${count++}.onnx`);
    await writeOnnx(path, vector, ...parts);
    const lines = said(await graphOf(path));
    expect(lines).toHaveLength(says.length);
    for (const each of says) {
      expect(lines).toContainEqual(typeof each === "string" ? each : expect.stringMatching(each));
    }
  });
});
