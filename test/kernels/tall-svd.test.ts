/** Long matrices in blocks: as accurate as LAPACK of the whole, whatever the spectrum. */

import { describe, expect, it } from "vitest";
import type { Lapack } from "../../src/kernels/lapack.ts";
import { isTall, tallSvd, tallSvdBytes } from "../../src/kernels/tall-svd.ts";
import { thinSvd, thinSvdBytes } from "../../src/kernels/thin-svd.ts";
import { openWasmLapack } from "../../src/kernels/wasm-lapack.ts";
import { type Matrix, matrix } from "../../src/model/tensor.ts";
import { copyOf, EPS, normalMatrix, rowDot, withSpectrum } from "../support/matrices.ts";

const wasm = await openWasmLapack();
const LONG = 2500;
const SHORT = 40;
const spectrum = (value: (j: number) => number) => Array.from({ length: SHORT }, (_, j) => value(j));

function transposed({ rows, cols, data }: Matrix): Matrix {
  return matrix(
    cols,
    rows,
    Float64Array.from({ length: rows * cols }, (_, at) => data[at % rows * cols + Math.floor(at / rows)]!),
  );
}

/** A Gaussian matrix, its columns taken from those of these numbers; null is a column of zeros. */
function columns(from: (col: number) => number | null): Matrix {
  const { data } = normalMatrix(LONG, SHORT, 3);
  return matrix(
    LONG,
    SHORT,
    data.map((_, at) => {
      const col = from(at % SHORT);
      return col === null ? 0 : data[at - at % SHORT + col]!;
    }),
  );
}

function withoutColumn({ rows, cols, data }: Matrix, col: number): Matrix {
  return matrix(rows, cols, data.map((value, at) => at % cols === col ? 0 : value));
}

const GRADED = withSpectrum(LONG, SHORT, spectrum((j) => 1e-12 ** (j / (SHORT - 1))), 2);

const MATRICES: readonly (readonly [name: string, matrix: Matrix])[] = [
  ["Gaussian", normalMatrix(LONG, SHORT, 1)],
  ["1/i", withSpectrum(LONG, SHORT, spectrum((j) => 1 / (j + 1)), 2)],
  ["graded to 1e-12", GRADED],
  ["graded to 1e-300", withSpectrum(LONG, SHORT, spectrum((j) => 1e-300 ** (j / (SHORT - 1))), 2)],
  ["mostly small", withSpectrum(LONG, SHORT, spectrum((j) => j < 3 ? 1 : 1e-9), 2)],
  ["clustered", withSpectrum(LONG, SHORT, spectrum((j) => 1 + j * 1e-14), 2)],
  ["deficient by its spectrum", withSpectrum(LONG, SHORT, spectrum((j) => j < 7 ? 1 : 0), 2)],
  ["with one column of zeros", columns((col) => col === 7 ? null : col)],
  ["with two columns of zeros", columns((col) => col === 7 || col === 8 ? null : col)],
  ["graded to 1e-12, with a column of zeros", withoutColumn(GRADED, 7)],
  ["with columns of zeros", columns((col) => col % 3 === 0 ? null : col)],
  ["with columns twice", columns((col) => col % 9)],
  ["of rank 1", columns(() => 5)],
  ["of zeros", matrix(LONG, SHORT)],
];

describe.each(MATRICES)("a long matrix, %s", (_, tall) => {
  it.each([["tall", tall], ["wide", transposed(tall)]])("%s: has LAPACK's residuals", (_, a) => {
    const expected = thinSvd(wasm, copyOf(a));
    const found = tallSvd(wasm, copyOf(a), 1)!;
    const tolerance = 50 * EPS * LONG;
    const largest = expected.singularValues[0]!;
    found.singularValues.forEach((value, j) =>
      expect(Math.abs(value - expected.singularValues[j]!)).toBeLessThanOrEqual(tolerance * largest)
    );
    for (const side of [found.left, found.right]) {
      for (let i = 0; i < SHORT; i++) {
        for (let j = 0; j <= i; j++) {
          expect(Math.abs(rowDot(side, i, side, j) - (i === j ? 1 : 0))).toBeLessThan(tolerance);
        }
      }
    }
    let worst = 0;
    for (let row = 0; row < a.rows; row += 7) {
      for (let col = 0; col < a.cols; col++) {
        let sum = a.data[row * a.cols + col]!;
        for (let j = 0; j < SHORT; j++) {
          sum -= found.left.data[j * a.rows + row]! * found.singularValues[j]! *
            found.right.data[j * a.cols + col]!;
        }
        worst = Math.max(worst, Math.abs(sum));
      }
    }
    expect(worst).toBeLessThanOrEqual(tolerance * largest);
  });
});

describe("the choice of blocks", () => {
  it("is for large long matrices, whose memory is that of the short side", () => {
    expect(isTall(32000, 2048) && isTall(2048, 32000)).toBe(true);
    expect([isTall(32000, 1024), isTall(4096, 11008), isTall(1000, 10)]).toEqual([false, false, false]);
    const bytes = thinSvdBytes(32000, 2048);
    expect(bytes).toBe(tallSvdBytes(32000, 2048));
    expect(bytes).toBeLessThan(32000 * 2048 * 8);
  });

  it("finds eigenvectors that are wrong, and gives nothing then", () => {
    const wrong: Lapack = new Proxy(wasm, {
      get: (target, key) =>
        key === "eigen"
          ? (gram: Parameters<Lapack["eigen"]>[0]) => {
            const values = wasm.eigen(gram);
            gram.block.data()[0]! += 0.1;
            return values;
          }
          : (target[key as keyof Lapack] as unknown),
    });
    const bound: Lapack = new Proxy(wrong, {
      get: (target, key) => {
        const value = target[key as keyof Lapack] as unknown;
        return typeof value === "function" ? (value as (...all: unknown[]) => unknown).bind(wasm) : value;
      },
    });
    expect(tallSvd(bound, normalMatrix(LONG, SHORT, 1), 1)).toBeNull();
  });
});
