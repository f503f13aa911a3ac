/** Leading triplets from blocks of rows, against the kernel's own of the whole matrix and against known ones. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Kernel } from "../../../src/kernels/kernel.ts";
import type { Layer } from "../../../src/model/layer.ts";
import type { Svd } from "../../../src/model/spectrum.ts";
import { type Matrix, matrix } from "../../../src/model/tensor.ts";
import { tallMatrix } from "../../../src/stages/tall/tall-matrix.ts";
import { tallSpectrum } from "../../../src/stages/tall/tall-spectrum.ts";
import { KERNELS } from "../../support/kernels.ts";
import { layerOf } from "../../support/layer-fixture.ts";
import { copyOf, normalMatrix, reflected, rowDot } from "../../support/matrices.ts";

/** More rows than a block has. */
const [ROWS, COLS] = [9000, 300];

let kernel: Kernel;
beforeAll(async () => {
  kernel = await KERNELS.get("wasm")!();
});
afterAll(() => kernel.dispose());

/** A model of one tensor that is only read by rows. @param beside other tensors */
function modelOf({ cols, data }: Matrix, beside: Readonly<Record<string, Float64Array>> = {}) {
  return {
    read: (name: string) =>
      beside[name] === undefined ? Promise.reject(new Error(`read ${name}`)) : Promise.resolve(beside[name]),
    rows: () => (first: number, count: number) =>
      Promise.resolve(data.slice(first * cols, (first + count) * cols)),
  };
}

const plain = layerOf(0, ROWS, COLS);
/** The tensor is the transpose of the weight, as of an embedding. */
const turned: Layer = {
  ...layerOf(0, COLS, ROWS),
  weight: {
    ...plain.weight,
    strides: { group: ROWS * COLS, out: 1, in: COLS, position: 1 },
  },
};

async function byRows(a: Matrix, options: { rank: number; noise?: boolean }, layer = plain) {
  const tall = tallMatrix(modelOf(a), layer, "svr")!;
  return await tallSpectrum(layer, tall, "svr", kernel, options);
}

const known = (of: (j: number) => number) =>
  reflected(ROWS, COLS, Array.from({ length: COLS }, (_, j) => of(j)), 3);

/** The most that two sets of vectors differ in, each up to what its residual over its gap allows. */
function differences(found: Svd, expected: Svd): number[] {
  return Array.from(
    found.singularValues,
    (_, j) =>
      Math.max(
        1 - rowDot(found.left, j, expected.left, j),
        1 - rowDot(found.right, j, expected.right, j),
      ),
  );
}

describe("a matrix that is read by rows", () => {
  it.each([
    ["1/i", known((j) => 1 / (j + 1))],
    ["exp(-i/20)", known((j) => Math.exp(-j / 20))],
    ["Gaussian", normalMatrix(ROWS, COLS, 5)],
  ])("has the triplets of the whole, spectrum %s", async (_, a) => {
    const { spectrum, sparse } = await byRows(a, { rank: 40 });
    const whole = await kernel.svd(copyOf(a), { rank: 40 });
    expect(sparse).toBe(false);
    expect(spectrum.singularValues).toHaveLength(40);
    const first = whole.singularValues[0]!;
    spectrum.singularValues.forEach((value, j) =>
      expect(Math.abs(value - whole.singularValues[j]!)).toBeLessThan(1e-12 * first)
    );
    expect([...spectrum.converged!]).toEqual(Array(40).fill(1));
    expect(Math.max(...spectrum.residuals!)).toBeLessThan(1e-8);
    expect(Math.max(...differences(spectrum, whole))).toBeLessThan(1e-10);
    expect(spectrum.norm).toBeCloseTo(Math.sqrt(a.data.reduce((sum, value) => sum + value ** 2, 0)), 8);
    expect(Math.abs(spectrum.residual! - whole.residual!)).toBeLessThan(0.1);
  });

  it("may be the transpose of the layer's", async () => {
    const a = known((j) => 2 ** -j);
    const { spectrum } = await byRows(a, { rank: 8 }, turned);
    const { spectrum: other } = await byRows(a, { rank: 8 });
    expect([spectrum.left.cols, spectrum.right.cols]).toEqual([COLS, ROWS]);
    const swapped = { ...spectrum, left: spectrum.right, right: spectrum.left };
    for (let j = 0; j < 8; j++) {
      expect(Math.abs(rowDot(swapped.left, j, other.left, j))).toBeCloseTo(1, 12);
      const row = spectrum.left.data.subarray(j * COLS, (j + 1) * COLS);
      const largest = row.reduce((most, value) => Math.abs(value) > Math.abs(most) + 1e-12 ? value : most, 0);
      expect(largest).toBeGreaterThan(0);
    }
  });

  it("keeps what stands out of the noise of the matrix, not of its square", async () => {
    const a = normalMatrix(ROWS, COLS, 7);
    const planted = reflected(ROWS, COLS, [400, 300, 200], 9);
    a.data.forEach((value, at) => a.data[at] = value + planted.data[at]!);
    const { spectrum } = await byRows(a, { rank: 64, noise: true });
    const whole = await kernel.svd(copyOf(a), { rank: 64, noise: true });
    expect(spectrum.singularValues).toHaveLength(3);
    expect(whole.singularValues).toHaveLength(3);
  });

  it("says of triplets too small for a square that they are not known", async () => {
    const { spectrum } = await byRows(known((j) => 10 ** -j), { rank: 14 });
    // The square of 1e-7 is rounding.
    expect([...spectrum.converged!]).toEqual([1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
  });

  it("takes in what is folded", async () => {
    const a = normalMatrix(ROWS, COLS, 2);
    const gain = Float64Array.from({ length: COLS }, (_, j) => 1 + j / COLS);
    const layer: Layer = { ...plain, folding: { gain: "norm" } };
    const tall = tallMatrix(modelOf(a, { norm: gain }), layer, "svr")!;
    const { spectrum } = await tallSpectrum(layer, tall, "svr", kernel, { rank: 3 });
    const scaled = copyOf(a);
    scaled.data.forEach((value, at) => scaled.data[at] = value * gain[at % COLS]!);
    const whole = await kernel.svd(scaled, { rank: 3 });
    spectrum.singularValues.forEach((value, j) =>
      expect(value / whole.singularValues[j]!).toBeCloseTo(1, 12)
    );
  });

  it("may be zero, or mostly zero", async () => {
    const { spectrum, sparse } = await byRows(matrix(ROWS, COLS), { rank: 4 });
    expect([...spectrum.singularValues, spectrum.norm]).toEqual([0, 0, 0, 0, 0]);
    for (const side of [spectrum.left, spectrum.right]) expect(rowDot(side, 2, side, 2)).toBeCloseTo(1, 12);
    expect(sparse).toBe(false);
    const pruned = normalMatrix(ROWS, COLS, 4);
    for (let at = 0; at < pruned.data.length; at++) if (at % 7 < 3) pruned.data[at] = 0;
    expect((await byRows(pruned, { rank: 2 })).sparse).toBe(true);
  });

  it.each([
    [NaN, plain, "svd, row 4100, column 7: found NaN, required a finite number"],
    [Infinity, turned, "svd, row 7, column 4100: found Infinity, required a finite number"],
    [1e200, plain, "svd, row 4100, column 7: found 1e+200, required 0 or a size between"],
  ])("is refused with %s", async (value, layer, message) => {
    const a = normalMatrix(ROWS, COLS, 6);
    a.data[4100 * COLS + 7] = value;
    await expect(byRows(a, { rank: 2 }, layer)).rejects.toThrow(message);
  });

  it("is none where rows are not longer than wide, or not in the file's order", () => {
    const model = modelOf(matrix(1, 1));
    expect(tallMatrix(model, layerOf(0, 300, 300), "svr")).toBeNull();
    expect(tallMatrix(model, layerOf(0, 300, 9000), "svr")).toBeNull();
    expect(tallMatrix(model, layerOf(0, 900, 10, { positions: 9 }), "svr")).toBeNull();
    expect(tallMatrix({ read: model.read }, plain, "svr")).toBeNull();
  });
});
