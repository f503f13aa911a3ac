import { describe, expect, it } from "vitest";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { openReferenceKernel } from "../../src/kernels/reference.ts";
import { random } from "../../src/model/random.ts";
import type { Spectrum, Svd } from "../../src/model/spectrum.ts";
import { type Matrix, matrix } from "../../src/model/tensor.ts";
import {
  canonical,
  contentSeed,
  directions,
  liveChannels,
  neuronOrder,
} from "../../src/stages/directions.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { layerOf } from "../support/layer-fixture.ts";
import { copyOf, EPS, normalMatrix, orthonormalRows, reconstruct, rowDot } from "../support/matrices.ts";

const kernel = openReferenceKernel();
/** Computes as the other, and says that it does so in single precision. */
const single: Kernel = { ...kernel, info: { ...kernel.info, precision: "f32" } };

describe("which neurons have a direction", () => {
  const flags = (values: readonly number[], precision: "f64" | "f32", side: number, group?: number[]) => {
    const singularValues = Float64Array.from(values);
    const groups = Int32Array.from(group ?? values.map(() => 0));
    const found = directions({ singularValues, group: groups }, { rows: 2, cols: side }, precision);
    return [[...found.nullNeurons].join(""), [...found.clustered].join("")];
  };

  it("is told by distances relative to the largest singular value", () => {
    expect(flags([4, 2, 1], "f64", 100)).toEqual(["000", "000"]);
    // max(rows, cols) eps of 4 is 8.9e-14.
    expect(flags([4, 2, 2 - 8e-14, 1, 1 - 1e-13, 1e-13, 8e-14, 0], "f64", 100)).toEqual([
      "00000011",
      "01100011",
    ]);
    // A chain of neighbours is one cluster; a single null neuron has the direction that is left.
    expect(flags([4, 4 - 8e-14, 4 - 16e-14, 0], "f64", 100)).toEqual(["0001", "1110"]);
    expect(flags([0, 0], "f64", 100)).toEqual(["11", "11"]);
    expect(flags([0], "f64", 100)).toEqual(["1", "0"]);
  });

  it("takes values of small matrices for equal that are nine eps apart, and null only what is rounding", () => {
    expect(flags([1, 1 - 9 * EPS, 0.5, 9 * EPS, 1.5 * EPS], "f64", 2)).toEqual(["00001", "11000"]);
  });

  it("is coarser in single precision, but does not take an ordinary spectrum for one cluster", () => {
    // eps is 1.2e-7; of 4000 columns 4.8e-4 is null, 1.9e-6 apart is one.
    expect(flags([1, 0.5, 0.5 - 1.8e-6, 0.4, 0.4 - 2e-6, 5e-4, 4.7e-4], "f32", 4000))
      .toEqual(["0000001", "0110000"]);
    expect(flags([1, 0.5, 0.5 - 1.8e-6, 4.7e-4], "f64", 4000)).toEqual(["0000", "0000"]);
  });

  it("looks at each group by itself", () => {
    expect(flags([1, 1, 1, 1e-14, 1e-14, 0], "f64", 100, [0, 1, 1, 0, 2, 2])).toEqual(["000101", "011000"]);
  });
});

describe("the neurons of several groups", () => {
  const order = (...groups: number[][]) =>
    neuronOrder(groups.map((values) => Float64Array.from(values)), { rows: 100, cols: 100 }, "f64")
      .map(({ group, at }) => `${group}.${at}`).join(" ");

  it("come in the order of their singular values, equal ones by group, null ones last", () => {
    expect(order([3, 1], [4, 2])).toBe("1.0 0.0 1.1 0.1");
    expect(order([1, 0.5 - 1e-15], [1 + 1e-15, 0.5])).toBe("0.0 1.0 0.1 1.1");
    expect(order([1, 1e-16, 1e-17], [1e-16, 0], [0, 0])).toBe("0.0 1.0 0.1 0.2 1.1 2.0 2.1");
  });

  it("are not equal because a group is small beside another", () => {
    expect(order([1], [1e-20], [2e-20])).toBe("0.0 2.0 1.0");
  });
});

/** `r` triplets with clusters at 3 and 2 and a null space: singular values by run, and the runs. */
const RUNS = [
  { from: 0, to: 1, value: 5 },
  { from: 1, to: 5, value: 3 },
  { from: 5, to: 7, value: 2 },
  { from: 7, to: 8, value: 1 },
  { from: 8, to: 12, value: 0 },
];
const R = 12;
const SHARED = RUNS.filter(({ from, to }) => to - from > 1);

function decomposition(rows: number, cols: number): Svd {
  return {
    left: orthonormalRows(R, rows, 1),
    singularValues: Float64Array.from({ length: R }, (_, j) => RUNS.find(({ to }) => j < to)!.value),
    right: orthonormalRows(R, cols, 2),
  };
}

/** Rows `[from, to)`, replaced by an orthonormal basis of the same subspace. */
function turned(side: Matrix, { from, to }: { from: number; to: number }, seed: number): void {
  const turn = orthonormalRows(to - from, to - from, seed);
  const before = side.data.slice(from * side.cols, to * side.cols);
  for (let i = 0; i < to - from; i++) {
    for (let c = 0; c < side.cols; c++) {
      let sum = 0;
      for (let j = 0; j < to - from; j++) sum += turn.data[i * turn.cols + j]! * before[j * side.cols + c]!;
      side.data[(from + i) * side.cols + c] = sum;
    }
  }
}

/** The same decomposition by other vectors: those of a cluster turned on both sides alike, null ones on each by itself. */
function otherBasis({ left, singularValues, right }: Svd, noise: number): Svd {
  const other = { left: copyOf(left), right: copyOf(right), singularValues: singularValues.slice() };
  SHARED.forEach((run, at) => {
    turned(other.left, run, 10 + at);
    turned(other.right, run, run.value === 0 ? 20 + at : 10 + at);
  });
  // Rounding is where it was not; values still descend.
  other.singularValues.forEach((value, j) => other.singularValues[j] = value + (R - j) * noise);
  return other;
}

const copy = ({ left, right, singularValues }: Svd): Svd => ({
  left: copyOf(left),
  right: copyOf(right),
  singularValues,
});

const farthest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

describe("canonical vectors", () => {
  describe.each<[string, number, number]>([["square", 12, 12], ["wide", 12, 40], ["tall", 40, 12]])(
    "of a %s matrix",
    (_, rows, cols) => {
      const given = decomposition(rows, cols);
      const shape = { rows, cols };
      const found = canonical(copy(given), shape, 7, kernel);

      it("depend on the subspace only", async () => {
        const other = await canonical(otherBasis(given, EPS / 8), shape, 7, kernel);
        const { left, right } = await found;
        expect(farthest(otherBasis(given, 0).left.data, left.data)).toBeGreaterThan(0.1);
        expect(farthest(other.left.data, left.data)).toBeLessThan(1e-10);
        expect(farthest(other.right.data, right.data)).toBeLessThan(1e-10);
      });

      it("are orthonormal, null ones among themselves and to the others too", async () => {
        const { left, right } = await found;
        for (const side of [left, right]) {
          for (let i = 0; i < R; i++) {
            for (let j = 0; j <= i; j++) {
              expect(Math.abs(rowDot(side, i, side, j) - (i === j ? 1 : 0))).toBeLessThan(1e-14);
            }
          }
        }
      });

      it("decompose the same matrix, with the same singular values, signs as always", async () => {
        const after = await found;
        expect(farthest(reconstruct(after).data, reconstruct(given).data)).toBeLessThan(1e-13);
        expect(after.singularValues).toEqual(given.singularValues);
        for (let j = 0; j < R; j++) {
          const u = after.left.data.subarray(j * rows, (j + 1) * rows);
          const largest = u.reduce((best, x) => Math.abs(x) > Math.abs(best) ? x : best, 0);
          if (![0, 7].includes(j)) expect(largest).toBeGreaterThan(0);
        }
      });

      it("leave neurons as they are that have a direction of their own", async () => {
        const { left, right } = await found;
        for (const j of [0, 7]) {
          const row = ({ data, cols }: Matrix) => data.subarray(j * cols, (j + 1) * cols);
          expect(row(left)).toEqual(row(given.left));
          expect(row(right)).toEqual(row(given.right));
        }
      });

      it("are others by another seed", async () => {
        const other = await canonical(copy(given), shape, 8, kernel);
        const { left } = await found;
        for (const { from, to } of SHARED) {
          // Not even close: each of several dimensions.
          for (let j = from; j < to; j++) {
            expect(Math.abs(rowDot(left, j, other.left, j))).toBeLessThan(0.999);
          }
        }
      });
    },
  );

  it("are any unit vectors where all is zero", async () => {
    const zero = {
      left: orthonormalRows(5, 5, 3),
      singularValues: new Float64Array(5),
      right: orthonormalRows(5, 9, 4),
    };
    const other = { ...copy(zero), left: orthonormalRows(5, 5, 5), right: orthonormalRows(5, 9, 6) };
    const [a, b] = [
      await canonical(zero, { rows: 5, cols: 9 }, 1, kernel),
      await canonical(other, { rows: 5, cols: 9 }, 1, kernel),
    ];
    expect(farthest(a.left.data, b.left.data)).toBeLessThan(1e-14);
    expect(farthest(a.right.data, b.right.data)).toBeLessThan(1e-14);
  });

  it("are chosen by the tolerance of the precision", async () => {
    const given = decomposition(12, 40);
    const noisy = otherBasis(given, 1e-7);
    const shape = { rows: 12, cols: 40 };
    const [a, b] = [
      await canonical(copy(given), shape, 7, single),
      await canonical(copy(noisy), shape, 7, single),
    ];
    expect(farthest(a.left.data, b.left.data)).toBeLessThan(1e-10);
    expect(farthest(a.right.data, b.right.data)).toBeLessThan(1e-10);
    // In double precision no two of these values are equal, and none is rounding.
    expect(await canonical(copy(noisy), shape, 7, kernel)).toEqual(noisy);
  });

  it("are the same from a kernel's own decompositions of a matrix and of its rows in another order", async () => {
    // Rows in another order turn the left subspace with them; a kernel's vectors within it are others.
    const a = reconstruct(decomposition(12, 40));
    const [m, n] = [a.rows, a.cols];
    const reversed = matrix(
      m,
      n,
      Float64Array.from(a.data, (_, at) => a.data[(m - 1 - Math.floor(at / n)) * n + at % n]!),
    );
    const [first, second] = [await kernel.svd(copyOf(a)), await kernel.svd(reversed)];
    const back = matrix(
      R,
      m,
      Float64Array.from(
        second.left.data,
        (_, at) => second.left.data[Math.floor(at / m) * m + m - 1 - at % m]!,
      ),
    );
    const [one, two] = [
      await canonical(first, a, 7, kernel),
      await canonical({ ...second, left: back }, a, 7, kernel),
    ];
    for (const { from, to } of SHARED) {
      const rows = ({ data, cols }: Matrix) => data.subarray(from * cols, to * cols);
      expect(farthest(rows(one.left), rows(two.left))).toBeLessThan(1e-10);
      expect(farthest(rows(one.right), rows(two.right))).toBeLessThan(1e-10);
    }
  });
});

describe("live channels", () => {
  const zeroAt = (dead: readonly number[], channel: number) => dead.includes(channel);
  const join = (flags: Uint8Array) => flags.join("");

  it.each(["svr", "cosvr"] as const)("are those that a weight reads and writes, %s", async (unfolding) => {
    const layer = layerOf(0, 9, 8, { positions: 4 });
    const w = normalMatrix(9, 32, 1).data.map((x, at) =>
      zeroAt([1, 5], Math.floor(at / 32)) || zeroAt([0, 7], Math.floor(at / 4) % 8) ? 0 : x
    );
    const found = await spectrum(layer, unfold(layer, w, unfolding), unfolding, kernel);
    expect(join(liveChannels(found, "out", "f64"))).toBe("101110111");
    expect(join(liveChannels(found, "in", "f64"))).toBe("01111110");
  });

  it("are told group by group, by the largest of each; a dead group has none", async () => {
    const layer = layerOf(0, 9, 12, { groups: 3 });
    // The second group is small, one of its channels is rounding of the others; the third is zero.
    const w = normalMatrix(9, 4, 2).data.map((x, at) => {
      const [out, c] = [Math.floor(at / 4), at % 4];
      if (out === 1 || out >= 6) return 0;
      return out < 3 ? x : x * (c === 2 ? 1e-40 : 1e-20);
    });
    const found = await spectrum(layer, unfold(layer, w, "svr"), "svr", kernel);
    expect(join(liveChannels(found, "out", "f64"))).toBe("101111000");
    expect(join(liveChannels(found, "in", "f64"))).toBe("111111010000");
  });

  const vectors = {
    layer: layerOf(0, 3, 3),
    unfolding: "svr" as const,
    norm: 1,
    group: new Int32Array(3),
    left: matrix(3, 3, Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1)),
    right: matrix(3, 3, Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1)),
    clustered: new Uint8Array(3),
  };

  it("are not made by null neurons, whose singular values are rounding", () => {
    const found: Spectrum = {
      ...vectors,
      singularValues: Float64Array.of(1, 1e-3, 3 * EPS),
      nullNeurons: Uint8Array.of(0, 0, 1),
      sparse: false,
    };
    expect(join(liveChannels(found, "out", "f64"))).toBe("110");
  });

  it("are fewer in single precision", () => {
    const found: Spectrum = {
      ...vectors,
      singularValues: Float64Array.of(1, 1e-3, 2e-7),
      nullNeurons: new Uint8Array(3),
      sparse: false,
    };
    expect(join(liveChannels(found, "out", "f64"))).toBe("111");
    expect(join(liveChannels(found, "out", "f32"))).toBe("110");
  });
});

describe("a matrix's seed", () => {
  it("is that of its numbers and shape, wherever they lie", () => {
    const a = normalMatrix(6, 8, 1);
    const all = new Float64Array(60);
    all.set(a.data, 5);
    expect(contentSeed(matrix(6, 8, all.subarray(5, 53)))).toBe(contentSeed(a));
    expect(contentSeed(matrix(8, 6, a.data))).not.toBe(contentSeed(a));
    expect(contentSeed(a)).toBeGreaterThanOrEqual(0);
    expect(Number.isInteger(contentSeed(a))).toBe(true);
  });

  it("is another where any number of a small matrix is", () => {
    const a = normalMatrix(6, 8, 1);
    const seeds = a.data.map((_, at) =>
      contentSeed(matrix(6, 8, a.data.map((x, i) => i === at ? x + EPS : x)))
    );
    expect(new Set([...seeds, contentSeed(a)]).size).toBe(49);
  });

  it("tells zero, constant and large matrices apart", () => {
    const large = (seed: number) => contentSeed(matrix(600, 300, normals600(seed)));
    const seeds = [
      ...[4, 5, 6].flatMap((rows) => [4, 5, 6].map((cols) => contentSeed(matrix(rows, cols)))),
      ...[1, 2, 3].map((value) => contentSeed(matrix(4, 4, new Float64Array(16).fill(value)))),
      ...[1, 2, 3].map(large),
    ];
    expect(new Set(seeds).size).toBe(15);
    expect(large(1)).toBe(large(1));
  });
});

/** Standard normals. */
function normals600(seed: number): Float64Array {
  const values = new Float64Array(600 * 300);
  random(seed, "large").normals(values);
  return values;
}
