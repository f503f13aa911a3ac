import { describe, expect, it } from "vitest";
import { random } from "../../src/model/random.ts";
import { haarFrame } from "./haar.ts";
import {
  deadChannels,
  deltaOrthogonal,
  dirac,
  type Initialization,
  INITIALIZATIONS,
  kaimingNormal,
  oneProfile,
  oneTap,
  orthogonal,
  sparse,
  truncatedNormal,
  type WeightShape,
  zeroEnds,
  zeroLastScale,
  zeroMiddle,
} from "./initializations.ts";

/** 12 out and 8 in channels, 3 x 3, unless said otherwise. */
const shapeOf = (more: Partial<WeightShape> = {}): WeightShape => ({
  out: 12,
  in: 8,
  kernel: [3, 3],
  groups: 1,
  end: false,
  middle: false,
  ...more,
});

const SHAPES: readonly (readonly [string, WeightShape])[] = [
  ["a convolution", shapeOf()],
  ["a tall matrix", shapeOf({ out: 20, kernel: [] })],
  ["a depthwise convolution", shapeOf({ in: 1, groups: 12 })],
  ["a convolution in two groups", shapeOf({ groups: 2 })],
  ["a flattened layer", shapeOf({ kernel: [2, 2] })],
];

const weight = ({ weight }: Initialization, shape: WeightShape, seed = 1) =>
  weight(shape, random(seed, "weight"));

/** How far rows of so many numbers, `stride` apart, are from orthonormal. */
function defect(values: Float64Array, rows: number, cols: number, row: number, col: number): number {
  let most = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = i === j ? -1 : 0;
      for (let k = 0; k < cols; k++) sum += values[i * row + k * col]! * values[j * row + k * col]!;
      most = Math.max(most, Math.abs(sum));
    }
  }
  return most;
}

const zeros = (values: Float64Array) => values.filter((value) => value === 0).length;

describe("the list", () => {
  it("has names that differ, and says of which the rotation null is not true", () => {
    expect(INITIALIZATIONS.length).toBeGreaterThanOrEqual(14);
    expect(new Set(INITIALIZATIONS.map(({ name }) => name)).size).toBe(INITIALIZATIONS.length);
    const others = INITIALIZATIONS.filter(({ holds }) => holds !== "rotation");
    expect(others.map(({ name, holds }) => [name, holds])).toEqual([
      ["sparse, nine tenths zero", "relabelling"],
      ["dirac", "neither"],
      ["dead channels", "relabelling"],
    ]);
  });

  describe.each(INITIALIZATIONS)("$name", (initialization) => {
    it.each(SHAPES)("fills %s, the same by the same seed", (_, shape) => {
      const values = weight(initialization, shape);
      expect(values).toHaveLength(shape.out * shape.in * shape.kernel.reduce((a, b) => a * b, 1));
      expect(values.every(Number.isFinite)).toBe(true);
      expect(values.some((value) => value !== 0)).toBe(true);
      expect(weight(initialization, shape)).toEqual(values);
      if (initialization !== dirac) expect(weight(initialization, shape, 2)).not.toEqual(values);
    });
  });
});

describe("a Haar frame", () => {
  it.each([[1, 1], [1, 6], [5, 5], [7, 30], [64, 64]])("of %d rows in R^%d is orthonormal", (rows, cols) => {
    expect(defect(haarFrame(rows, cols, random(3, "frame")), rows, cols, cols, 1)).toBeLessThan(1e-14);
  });

  it("has entries of either sign, also on its diagonal, with the moments of a uniform direction", () => {
    // Of a unit vector in R^4: mean of x 0, of x^2 1/4, of x^4 3/24; each row, each column.
    const draws = 20_000;
    const sums = Array.from({ length: 16 }, () => [0, 0, 0]);
    for (let seed = 0; seed < draws; seed++) {
      haarFrame(4, 4, random(seed, "frame")).forEach((x, i) => {
        sums[i]![0]! += x;
        sums[i]![1]! += x ** 2;
        sums[i]![2]! += x ** 4;
      });
    }
    for (const [one, two, four] of sums as [number, number, number][]) {
      // Variances 1/4, 1/8 - 1/16, and below 1/20 (E x^8 = 105/1920): five standard errors.
      expect(Math.abs(one / draws)).toBeLessThan(5 * Math.sqrt(1 / 4 / draws));
      expect(Math.abs(two / draws - 1 / 4)).toBeLessThan(5 * Math.sqrt(1 / 16 / draws));
      expect(Math.abs(four / draws - 1 / 8)).toBeLessThan(5 * Math.sqrt(1 / 20 / draws));
    }
  });

  it("cannot have more rows than columns", () => {
    expect(() => haarFrame(3, 2, random(1, ""))).toThrow("found 3 rows, required at most 2");
  });
});

describe("orthogonal initializations", () => {
  it.each(SHAPES)("have orthonormal rows or columns: %s", (_, shape) => {
    const cols = shape.in * shape.kernel.reduce((a, b) => a * b, 1);
    const values = weight(orthogonal, shape);
    const found = shape.out <= cols
      ? defect(values, shape.out, cols, cols, 1)
      : defect(values, cols, shape.out, 1, cols);
    expect(found).toBeLessThan(1e-14);
  });

  it("have them at the middle tap alone, where they are delta-orthogonal", () => {
    const values = weight(deltaOrthogonal, shapeOf());
    expect(zeros(values)).toBe(12 * 8 * 8);
    expect(defect(values.subarray(4), 8, 12, 9, 8 * 9)).toBeLessThan(1e-14);
  });
});

describe("other initializations", () => {
  it("truncate at two deviations", () => {
    const values = weight(truncatedNormal, shapeOf({ out: 100, in: 100, kernel: [] }));
    const most = Math.max(...values.map(Math.abs));
    expect(most).toBeLessThanOrEqual(0.04);
    expect(most).toBeGreaterThan(0.0399);
    // Variance 0.02^2 (1 - 4 phi(2) / (1 - 2 Phi(-2))) = 0.000309...
    const variance = values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
    expect(variance / 0.02 ** 2).toBeCloseTo(0.7737, 1);
  });

  it("leave out a share of each column", () => {
    const values = weight(sparse("", 0.3), shapeOf());
    for (let column = 0; column < 72; column++) {
      expect(zeros(values.filter((_, i) => i % 72 === column))).toBe(4);
    }
  });

  it("blur every kernel alike", () => {
    const values = weight(oneProfile, shapeOf());
    const profile = [1, 2, 1, 2, 4, 2, 1, 2, 1];
    values.forEach((value, i) => expect(value * 4).toBeCloseTo(values[i - i % 9 + 4]! * profile[i % 9]!, 14));
  });

  it("leave one tap, not the same for every seed", () => {
    const taps = new Set(Array.from({ length: 40 }, (_, seed) => {
      const values = weight(oneTap, shapeOf(), seed);
      const at = values.findIndex((value) => value !== 0);
      expect(values.every((value, i) => (value !== 0) === (i % 9 === at % 9))).toBe(true);
      return at;
    }));
    expect(taps.size).toBeGreaterThan(4);
  });

  it("pass channels on, group by group", () => {
    expect(weight(dirac, shapeOf({ out: 4, in: 1, groups: 2, kernel: [3] })))
      .toEqual(Float64Array.of(0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0));
    expect(weight(dirac, shapeOf({ out: 3, in: 2, kernel: [] }))).toEqual(Float64Array.of(1, 0, 0, 1, 0, 0));
  });

  it("leave channels dead on either side", () => {
    const values = weight(deadChannels("", 0.25, kaimingNormal), shapeOf());
    const dead = (size: number, of: (i: number) => number) =>
      Array.from({ length: size }, (_, at) => values.filter((value, i) => of(i) === at && value !== 0))
        .filter(({ length }) => length === 0).length;
    expect(dead(12, (i) => Math.floor(i / 72))).toBe(3);
    expect(dead(8, (i) => Math.floor(i / 9) % 8)).toBe(2);
    expect(zeros(values)).toBe(values.length - 9 * 6 * 9);
  });

  it("leave nothing of ends, of the middle, of the scales there", () => {
    const all = 12 * 72;
    const [ends, middle] = [zeroEnds("", kaimingNormal), zeroMiddle("", kaimingNormal)];
    expect(zeros(weight(ends, shapeOf({ end: true })))).toBe(all);
    expect(zeros(weight(ends, shapeOf({ middle: true })))).toBe(0);
    expect(zeros(weight(middle, shapeOf({ middle: true })))).toBe(all);
    expect(zeros(weight(middle, shapeOf({ end: true })))).toBe(0);
    expect(zeroLastScale("", kaimingNormal).scale({ end: true, middle: false })).toBe(0);
    expect(middle.scale({ end: false, middle: true })).toBe(0);
    expect(kaimingNormal.scale({ end: true, middle: true })).toBe(1);
  });
});
