import { describe, expect, it } from "vitest";
import { type Random, random } from "../../src/model/random.ts";
import { type Matrix, matrix } from "../../src/model/tensor.ts";
import { assignmentMoments } from "../../src/stats/assignment-moments.ts";
import {
  jointLogP,
  kernelCovariance,
  kernelProducts,
  type PortKernel,
  portKernel,
  type PortView,
} from "../../src/stats/joint-permutation-test.ts";
import { forEachPermutation, relabelledProduct } from "../../src/stats/relabellings.ts";

function gram(n: number, source: Random): Matrix {
  const w = new Float64Array(n * 5);
  source.normals(w);
  return matrix(
    n,
    n,
    Float64Array.from({ length: n * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      let sum = 0;
      for (let k = 0; k < 5; k++) sum += w[i * 5 + k]! * w[j * 5 + k]!;
      return sum;
    }),
  );
}

function centred(n: number, source: Random): Float64Array {
  const values = new Float64Array(n);
  source.normals(values);
  const mean = values.reduce((sum, value) => sum + value / n, 0);
  return values.map((value) => value - mean);
}

const viewOf = (kernels: readonly (PortKernel | null)[], size: number): PortView => ({
  size,
  kernels,
  products: kernelProducts(kernels),
});

/** The mean over all relabellings of what `value` says of one. */
function meanOverAll(n: number, value: (relabelling: Int32Array) => number): number {
  let [sum, count] = [0, 0];
  forEachPermutation(n, (each) => {
    sum += value(Int32Array.from(each));
    count++;
  });
  return sum / count;
}

const inner = (a: PortKernel, b: PortKernel) =>
  a.part.data.reduce((sum, value, at) => sum + value * b.part.data[at]!, 0);

describe("moments over all relabellings", () => {
  const n = 6;
  const source = random(4, "joint");
  const [a, b] = [[portKernel(gram(n, source))!, portKernel(gram(n, source))!], [
    portKernel(gram(n, source))!,
    portKernel(gram(n, source))!,
  ]];
  const [left, right] = [[centred(n, source), centred(n, source)], [centred(n, source), centred(n, source)]];
  const assigned = (p: Int32Array) =>
    left.reduce(
      (sum, each, k) => sum + each.reduce((part, value, i) => part + value * right[k]![p[i]!]!, 0),
      0,
    );

  it("are those of the 720 relabellings: an assignment's second, third and fourth", () => {
    const { variance, thirdMoment, fourthMoment } = assignmentMoments(left, right);
    expect(variance).toBeCloseTo(meanOverAll(n, (p) => assigned(p) ** 2), 10);
    expect(thirdMoment).toBeCloseTo(meanOverAll(n, (p) => assigned(p) ** 3), 10);
    expect(fourthMoment).toBeCloseTo(meanOverAll(n, (p) => assigned(p) ** 4), 10);
  });

  it("are those of the 720 relabellings: the covariance of two kernels' statistics", () => {
    const counted = meanOverAll(
      n,
      (p) => relabelledProduct(a[0]!.part, b[0]!.part, p) * relabelledProduct(a[1]!.part, b[1]!.part, p),
    );
    expect(kernelCovariance(n, kernelProducts(a), kernelProducts(b), 0, 1)).toBeCloseTo(counted, 12);
  });

  it("refuse too few channels, and vectors that are no pairs", () => {
    expect(() => assignmentMoments([Float64Array.of(1, -1, 0)], [Float64Array.of(1, -1, 0)])).toThrow(
      /3 channels, required at least 4/,
    );
    expect(() => assignmentMoments(left, right.slice(1))).toThrow(/2 and 1 vectors/);
  });
});

describe("jointLogP", () => {
  const n = 24;
  const source = random(8, "ports");

  it("finds what two ports share, by kernels and by vectors, whatever the order of both", () => {
    const shared = gram(n, source);
    const noisy = () =>
      portKernel(matrix(n, n, shared.data.map((value, at) => value + 0.3 * gramNoise[at]!)))!;
    const gramNoise = gram(n, source).data;
    const [x, y] = [noisy(), portKernel(shared)!];
    const v = centred(n, source);
    const alone = jointLogP(viewOf([x], n), viewOf([y], n), [inner(x, y)], [null], [[0]])!;
    expect(alone).toBeLessThan(Math.log(1e-8));
    const both = jointLogP(viewOf([x], n), viewOf([y], n), [inner(x, y)], [{ left: [v], right: [v] }], [[
      0,
      1,
    ]])!;
    expect(both).toBeLessThan(alone);
  });

  it("is corrected for the sets that are looked at, those that are the same counted once", () => {
    const [x, y] = [portKernel(gram(n, source))!, portKernel(gram(n, source))!];
    const p = (sets: readonly (readonly number[])[]) =>
      jointLogP(viewOf([x], n), viewOf([y], n), [0.2], [null], sets)!;
    // Statistic 1 cannot be tested: all three sets are {0}.
    expect(p([[0], [0, 1], [0]])).toBe(p([[0]]));
    const v = centred(n, source);
    const two = jointLogP(viewOf([x], n), viewOf([y], n), [0.2], [{ left: [v], right: [v.toReversed()] }], [[
      0,
    ], [1]])!;
    expect(two).toBeCloseTo(Math.log(2) + p([[0]]), 10);
  });

  it("says nothing where nothing but rounding could be tested", () => {
    const identity = matrix(
      n,
      n,
      Float64Array.from({ length: n * n }, (_, at) => at % (n + 1) === 0 ? 1 : 0),
    );
    expect(portKernel(identity)).toBeNull();
    expect(jointLogP(viewOf([null], n), viewOf([portKernel(gram(n, source))], n), [0], [null], [[0]]))
      .toBeNull();
  });

  it("refuses ports of different widths, and of too few channels", () => {
    const views = [n, n - 1].map((size) => viewOf([portKernel(gram(size, source))], size));
    expect(() => jointLogP(views[0]!, views[1]!, [0], [], [[0]])).toThrow(/ports of 24 and of 23 channels/);
    // Vectors alone have moments of fewer channels; kernels have not.
    const few = viewOf([null], 5);
    const vectors = { left: [centred(5, source)], right: [centred(5, source)] };
    expect(() => jointLogP(few, few, [0], [vectors], [[1]])).toThrow(
      /ports of 5 channels, required at least 6/,
    );
  });
});
