/** Which way an SVD goes, and that a wrong turn is noticed. What it must find is in the kernel contract. */

import { describe, expect, it } from "vitest";
import type { Dense, Lapack } from "../../src/kernels/lapack.ts";
import { thinSvd } from "../../src/kernels/thin-svd.ts";
import { openWasmLapack } from "../../src/kernels/wasm-lapack.ts";
import { type Matrix, matrix } from "../../src/model/tensor.ts";
import { copyOf, EPS, normalMatrix, rowDot, withSpectrum } from "../support/matrices.ts";

const wasm = await openWasmLapack();

/** A `Lapack` that notes its calls, and may be told to do some of them otherwise. */
function watched(otherwise: Partial<Lapack> = {}) {
  const calls: string[] = [];
  const note = <K extends keyof Lapack>(name: K, value: Lapack[K]) =>
    typeof value !== "function" ? value : (...given: unknown[]) => {
      if (name === "decompose") calls.push(`decompose ${(given[0] as Dense).rows}`);
      else if (name === "eigen") calls.push(`eigen ${(given[0] as Dense).rows}`);
      return (value as (...all: unknown[]) => unknown).apply(wasm, given);
    };
  const lapack = new Proxy(wasm, {
    get: (target, key) => {
      const name = key as keyof Lapack;
      return note(name, otherwise[name] ?? target[name]);
    },
  });
  return { lapack, calls };
}

function worstDefect(v: Matrix): number {
  let worst = 0;
  for (let i = 0; i < v.rows; i++) {
    for (let j = 0; j <= i; j++) {
      worst = Math.max(worst, Math.abs(rowDot(v, i, v, j) - (i === j ? 1 : 0)));
    }
  }
  return worst;
}

const SIZE = 60;
const flat = Array.from({ length: SIZE }, (_, j) => 1 - j / 100);

describe("the way of an SVD", () => {
  it("goes through the Gram matrix where the spectrum is flat", () => {
    const { lapack, calls } = watched();
    thinSvd(lapack, withSpectrum(SIZE, 90, flat, 1));
    expect(calls).toEqual([`eigen ${SIZE}`]);
  });

  it("decomposes only the few small rows again", () => {
    const { lapack, calls } = watched();
    thinSvd(lapack, withSpectrum(90, SIZE, flat.map((s, j) => j < SIZE - 5 ? s : s / 1000), 1));
    expect(calls).toEqual([`eigen ${SIZE}`, "decompose 5"]);
  });

  it("leaves a spectrum that is mostly small to LAPACK", () => {
    const { lapack, calls } = watched();
    thinSvd(lapack, withSpectrum(SIZE, SIZE, flat.map((s, j) => j < 20 ? s : s / 1000), 1));
    expect(calls).toEqual([`eigen ${SIZE}`, `decompose ${SIZE}`]);
  });

  it("leaves small matrices to LAPACK", () => {
    const { lapack, calls } = watched();
    thinSvd(lapack, normalMatrix(10, 500, 1));
    expect(calls).toEqual(["decompose 10"]);
  });

  it.each([1e-3, 1e-6, 1e-9])(
    "notices eigenvectors that are wrong by %d, and is right all the same",
    (error) => {
      const { lapack, calls } = watched({
        eigen(gram) {
          const values = wasm.eigen(gram);
          // Two eigenvectors are turned into each other: they stay orthonormal, but their images do not stay orthogonal.
          const data = gram.block.data();
          for (let c = 0; c < gram.cols; c++) {
            const [x, y] = [data[c]!, data[(gram.rows - 1) * gram.cols + c]!];
            data[c] = x * Math.cos(error) - y * Math.sin(error);
            data[(gram.rows - 1) * gram.cols + c] = x * Math.sin(error) + y * Math.cos(error);
          }
          return values;
        },
      });
      const a = withSpectrum(SIZE, 90, flat, 1);
      const found = thinSvd(lapack, copyOf(a));
      expect(calls).toEqual([`eigen ${SIZE}`, `decompose ${SIZE}`]);
      flat.forEach((s, j) => expect(Math.abs(found.singularValues[j]! - s)).toBeLessThan(10 * EPS));
    },
  );

  it("notices eigenvectors that are not orthonormal", () => {
    const { lapack, calls } = watched({
      eigen(gram) {
        const values = wasm.eigen(gram);
        gram.block.data()[3]! += 1e-8;
        return values;
      },
    });
    const found = thinSvd(lapack, withSpectrum(SIZE, 90, flat, 1));
    expect(calls).toContain(`decompose ${SIZE}`);
    expect(worstDefect(found.left)).toBeLessThan(1e-13);
  });

  it("keeps vectors of small singular values orthogonal to the others, where squaring would have lost them", () => {
    // eps / 1e-8 is all that a Gram matrix knows of the direction of the last ones.
    const s = flat.map((value, j) => j < SIZE - 4 ? value : 1e-8 / (j + 1));
    const { lapack, calls } = watched();
    const found = thinSvd(lapack, withSpectrum(SIZE, 200, s, 5));
    expect(calls).toEqual([`eigen ${SIZE}`, "decompose 4"]);
    expect(worstDefect(found.right)).toBeLessThan(10 * EPS * 200);
    expect(worstDefect(found.left)).toBeLessThan(10 * EPS * 200);
  });

  it("gives the same answer twice, bit for bit", () => {
    const a = withSpectrum(SIZE, 90, flat, 3);
    expect(thinSvd(wasm, copyOf(a))).toEqual(thinSvd(wasm, copyOf(a)));
  });

  it("frees what it used: a thousand matrices take the memory of one", async () => {
    const lapack = await openWasmLapack();
    for (let at = 0; at < 1000; at++) thinSvd(lapack, normalMatrix(30, 30 + at % 7, at));
    const room = lapack.allocate(1);
    // 30 x 36 numbers, their products and LAPACK's workspace take less than a mebibyte.
    expect(room.data().buffer.byteLength).toBeLessThan(8 * 2 ** 20);
  });

  it("says where memory is at its end", async () => {
    const lapack = await openWasmLapack();
    expect(() => lapack.scoped(() => lapack.allocate(2 ** 30))).toThrow(
      /^wasm: found no room for 8589934592 bytes .* required less than 4 GiB in all; use the native kernel/,
    );
    expect(thinSvd(lapack, matrix(1, 1, Float64Array.of(-2))).singularValues[0]).toBe(2);
  });
});
