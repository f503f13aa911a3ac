import { describe, expect, it } from "vitest";
import { type Matrix, matrix } from "../../src/model/tensor.ts";
import { type Random, random } from "../../src/model/random.ts";
import { pearsonLogTail } from "../../src/stats/pearson-curve.ts";
import {
  permutationLogP,
  permutationTest,
  portSums,
  relabellingMoments,
  relevantPart,
  traceOfCube,
} from "../../src/stats/permutation-test.ts";

/** Weights of `n` channels, `m` numbers each. */
type Weights = (n: number, m: number, source: Random) => Float64Array;

function normals(n: number, m: number, source: Random): Float64Array {
  const values = new Float64Array(n * m);
  source.normals(values);
  return values;
}

const WEIGHTS: Readonly<Record<string, Weights>> = {
  gaussian: normals,
  uniform: (n, m, source) => new Float64Array(n * m).map(() => 2 * source.uniform() - 1),
  "truncated normal": (n, m, source) => normals(n, m, source).map((x) => Math.abs(x) < 2 ? x : x / 2),
  "sparse, 9 of 10 zero": (n, m, source) => normals(n, m, source).map((x) => source.uniform() < 0.1 ? x : 0),
  "skewed (lognormal)": (n, m, source) => normals(n, m, source).map(Math.exp),
  "heavy-tailed (Student, 2 degrees)": (n, m, source) =>
    normals(n, m, source).map((x) => x / Math.sqrt(-Math.log(source.uniform()))),
  "two pairs of equal channels": (n, m, source) => normals(n, m, source).copyWithin(0, 2 * m, 4 * m),
};

/** A matrix from its entries. */
const filled = (n: number, entry: (i: number, j: number) => number) =>
  matrix(n, n, Float64Array.from({ length: n * n }, (_, at) => entry(Math.floor(at / n), at % n)));

/** `W W'`, `n x n`. */
function gram(weights: Float64Array, n: number): Matrix {
  const m = weights.length / n;
  return filled(n, (i, j) => {
    let sum = 0;
    for (let k = 0; k < m; k++) sum += weights[i * m + k]! * weights[j * m + k]!;
    return sum;
  });
}

/** The Gram matrix of the rows at length 1: their cosines. */
function cosines(weights: Float64Array, n: number): Matrix {
  const { data } = gram(weights, n);
  return filled(n, (i, j) => data[i * n + j]! / (Math.sqrt(data[i * n + i]! * data[j * n + j]!) || 1));
}

/** A graph's adjacency. */
const graph = (n: number, ...edges: readonly (readonly [number, number])[]) =>
  filled(n, (i, j) => Number(edges.some(([a, b]) => (a === i && b === j) || (a === j && b === i))));

const relabelled = (B: Matrix, p: ArrayLike<number>) =>
  filled(B.rows, (i, j) => B.data[p[i]! * B.rows + p[j]!]!);

/** `sum A[i, j] B[p(i), p(j)]` of symmetric matrices. */
function statistic(A: Matrix, B: Matrix, p: ArrayLike<number>): number {
  const n = A.rows;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const [row, other] = [i * n, p[i]! * n];
    for (let j = 0; j < i; j++) sum += 2 * A.data[row + j]! * B.data[other + p[j]!]!;
    sum += A.data[row + i]! * B.data[other + p[i]!]!;
  }
  return sum;
}

const identity = (n: number) => Uint16Array.from({ length: n }, (_, i) => i);

/** Visits all permutations, in one array: each element in turn at the first place, and so on. */
function everyPermutation(p: Uint16Array, visit: () => void, from = 0): void {
  if (from === p.length) return visit();
  for (let i = from; i < p.length; i++) {
    [p[from], p[i]] = [p[i]!, p[from]!];
    everyPermutation(p, visit, from + 1);
    [p[from], p[i]] = [p[i]!, p[from]];
  }
}

/** Fisher and Yates; the 32 bits of a random number do for three draws. */
function shuffle(p: Uint16Array, source: Random): Uint16Array {
  let rest = 0;
  for (let i = p.length - 1; i > 0; i--) {
    rest = (i % 3 === 0 || i === p.length - 1 ? source.uniform() : rest) * (i + 1);
    const j = Math.floor(rest);
    rest -= j;
    [p[i], p[j]] = [p[j]!, p[i]!];
  }
  return p;
}

/** Two independent ports of one kind of weights, each as its relevant part. */
function pair(kind: string, n: number, m: number, seed: number): [Matrix, Matrix] {
  const source = random(seed, `permutation test, ${kind}`);
  const port = () => relevantPart(gram(WEIGHTS[kind]!(n, m, source), n))!;
  return [port(), port()];
}

describe("the relevant part of a kernel", () => {
  const [A, B] = [1, 2].map((seed) => gram(normals(9, 4, random(seed, "kernel")), 9)) as [Matrix, Matrix];

  it("has no row sums, no trace and length 1", () => {
    const { rows: n, data } = relevantPart(A)!;
    for (let i = 0; i < n; i++) {
      expect(data.subarray(i * n, i * n + n).reduce((sum, x) => sum + x, 0)).toBeCloseTo(0, 14);
      for (let j = 0; j < n; j++) expect(data[i * n + j]).toBe(data[j * n + i]);
    }
    expect(identity(n).reduce((sum, i) => sum + data[i * n + i]!, 0)).toBeCloseTo(0, 14);
    expect(data.reduce((sum, x) => sum + x * x, 0)).toBeCloseTo(1, 14);
  });

  it("holds all that a relabelling changes in a double-centred kernel", () => {
    // J A J with J = I - 1/n.
    const J = (i: number, j: number) => Number(i === j) - 1 / 9;
    const product = (f: (k: number) => number) => identity(9).reduce((sum, k) => sum + f(k), 0);
    const half = filled(9, (i, j) => product((k) => A.data[i * 9 + k]! * J(k, j)));
    const centred = filled(9, (i, j) => product((k) => J(i, k) * half.data[k * 9 + j]!));
    const [a, b] = [relevantPart(A)!, relevantPart(B)!];
    const source = random(3, "relabellings");
    const points = Array.from({ length: 20 }, () => {
      const p = shuffle(identity(9), source);
      return { x: statistic(centred, B, p), y: statistic(a, b, p) };
    });
    // One rising line through all points.
    const slope = (points[1]!.y - points[0]!.y) / (points[1]!.x - points[0]!.x);
    expect(slope).toBeGreaterThan(0);
    for (const { x, y } of points) expect(y).toBeCloseTo(points[0]!.y + slope * (x - points[0]!.x), 12);
  });

  it("does not know scales, levels or the identity's share", () => {
    const part = relevantPart(A)!;
    for (const scale of [1e-200, 1, 1e200]) {
      const other = filled(9, (i, j) => scale * (A.data[i * 9 + j]! + 7 + (i === j ? 3 : 0)));
      relevantPart(other)!.data.forEach((value, at) => expect(value).toBeCloseTo(part.data[at]!, 12));
    }
  });

  it("is nothing where only rounding is left", () => {
    const n = 24;
    // The eigenvectors of a path: an orthogonal matrix, with the rounding of its cosines.
    const orthogonal = filled(n, (i, j) => Math.cos((2 * i + 1) * j * Math.PI / 48) / (j ? 1 : Math.SQRT2));
    const constant = new Float64Array(n * 30).fill(0.1);
    const kernels = [gram(orthogonal.data, n), gram(constant, n), filled(n, (i, j) => Number(i === j))];
    for (const kernel of kernels) {
      expect(relevantPart(kernel)).toBeNull();
      expect(permutationTest(kernel, kernel)).toBeNull();
    }
    expect(relevantPart(filled(n, () => 0))).toBeNull();
    expect(relevantPart(filled(n, (i, j) => 1e3 + (i === j ? 0 : 1e-4 * Math.sin(i * j))))).toBeNull();
    for (const size of [0, 1, 2]) expect(relevantPart(filled(size, (i, j) => 1 + i * j))).toBeNull();
    for (const value of [NaN, Infinity, -Infinity]) {
      expect(relevantPart(filled(4, (i, j) => i + j === 3 ? value : i * j))).toBeNull();
    }
  });

  it("is refused of what is no kernel", () => {
    expect(() => relevantPart(matrix(2, 3))).toThrow(TypeError);
    expect(() => relevantPart(filled(4, (i, j) => i - j))).toThrow(/transpose/);
    const [four, five] = [4, 5].map((n) => filled(n, (i, j) => i * j));
    expect(() => permutationTest(four!, five!)).toThrow(/4 and of 5/);
    expect(() => portSums(matrix(2, 3))).toThrow(TypeError);
    expect(() => traceOfCube(matrix(2, 3))).toThrow(TypeError);
  });
});

describe("moments over all relabellings", () => {
  const cases = Object.keys(WEIGHTS).flatMap((kind) => [6, 7, 8].map((n) => [kind, n] as const));

  it.each(cases)("are exact: %s, %d channels", (kind, n) => {
    const [A, B] = pair(kind, n, 15, 1);
    let [count, first, second, third] = [0, 0, 0, 0];
    const p = identity(n);
    everyPermutation(p, () => {
      const value = statistic(A, B, p);
      count++;
      first += value;
      second += value ** 2;
      third += value ** 3;
    });
    const { variance, thirdMoment } = relabellingMoments(portSums(A), portSums(B));
    expect(first / count).toBeCloseTo(0, 12);
    expect(Math.abs(second / count / variance - 1)).toBeLessThan(1e-9);
    expect(Math.abs(third / count / thirdMoment - 1)).toBeLessThan(1e-9);
  });

  it.each(Object.keys(WEIGHTS))("are those of 100000 random relabellings of 32 channels: %s", (kind) => {
    const [A, B] = pair(kind, 32, 20, 2);
    const { variance, thirdMoment } = relabellingMoments(portSums(A), portSums(B));
    const [source, p, count] = [random(4, kind), identity(32), 1e5];
    const powers = [0, 0, 0, 0, 0, 0, 0];
    for (let k = 0; k < count; k++) {
      const value = statistic(A, B, shuffle(p, source)) / Math.sqrt(variance);
      for (let power = 1; power <= 6; power++) powers[power]! += value ** power / count;
    }
    const error = (power: number) => Math.sqrt((powers[2 * power]! - powers[power]! ** 2) / count);
    expect(Math.abs(powers[1]!)).toBeLessThan(4.5 * error(1));
    expect(Math.abs(powers[2]! - 1)).toBeLessThan(4.5 * error(2));
    expect(Math.abs(powers[3]! - thirdMoment / variance ** 1.5)).toBeLessThan(4.5 * error(3));
  });

  it("take the trace of the cube from a kernel that has it", () => {
    const [A] = pair("gaussian", 12, 7, 3);
    const traceCube = gram(A.data, 12).data.reduce((sum, x, at) => sum + x * A.data[at]!, 0);
    expect(traceOfCube(A)).toBeCloseTo(traceCube, 14);
    const { triangles } = portSums(A).cubic;
    expect(portSums(A, traceCube).cubic.triangles).toBeCloseTo(triangles, 14);
    expect(portSums(A, traceCube + 1).cubic.triangles).toBeCloseTo(triangles + 1, 14);
  });

  it("need 6 channels, and as many on both sides", () => {
    const [five, six, seven] = [5, 6, 7].map((n) => portSums(pair("gaussian", n, 4, 1)[0]));
    expect(() => relabellingMoments(five!, five!)).toThrow(RangeError);
    expect(() => relabellingMoments(six!, seven!)).toThrow(TypeError);
    expect(() => permutationLogP(NaN, six!, six!)).toThrow(RangeError);
  });
});

describe("the test of two ports", () => {
  it("looks at all relabellings of few channels", () => {
    // One edge falls on one edge in 1 of n(n-1)/2; ties count.
    for (const n of [3, 4, 5, 6]) {
      const found = permutationTest(graph(n, [0, 1]), graph(n, [0, 1]))!;
      expect(Math.exp(found.logP)).toBeCloseTo(2 / (n * (n - 1)), 12);
      expect(permutationTest(graph(n, [0, 1]), graph(n, [1, 2]))!.logP).toBe(0);
    }
    for (const n of [3, 4, 5, 6]) {
      const [A, B] = pair("gaussian", n, 4, 5);
      const observed = statistic(A, B, identity(n));
      let [all, reached] = [0, 0];
      const p = identity(n);
      everyPermutation(p, () => {
        all++;
        if (statistic(A, B, p) >= observed - 1e-12) reached++;
      });
      const { logP, z, skew } = permutationTest(A, B)!;
      expect(logP).toBeCloseTo(Math.log(reached / all), 12);
      if (n < 6) continue;
      const { variance, thirdMoment } = relabellingMoments(portSums(A), portSums(B));
      expect(z).toBeCloseTo(observed / Math.sqrt(variance), 10);
      expect(skew).toBeCloseTo(thirdMoment / variance ** 1.5, 10);
    }
  });

  it("says by matrices what it says by sums, in either order, however the channels are named", () => {
    const [A, B] = pair("skewed (lognormal)", 15, 6, 7);
    const found = permutationTest(A, B)!;
    const inner = statistic(A, B, identity(15));
    expect(permutationLogP(inner, portSums(A), portSums(B))).toBeCloseTo(found.logP, 12);
    expect(found.logP).toBeCloseTo(pearsonLogTail(found.z, found.skew), 12);
    const p = shuffle(identity(15), random(8, "names"));
    expect(permutationTest(relabelled(B, p), relabelled(A, p))!.logP).toBeCloseTo(found.logP, 10);
  });

  it("never gives less than one of all relabellings", () => {
    const [A] = pair("uniform", 12, 30, 9);
    const { logP, z, skew } = permutationTest(A, A)!;
    expect(pearsonLogTail(z, skew)).toBeLessThan(-22);
    expect(logP).toBeCloseTo(-Math.log(479001600), 12);
  });

  it("tests nothing where no relabelling changes the agreement", () => {
    // All vertices of a cycle are alike in degree, and a diagonal kernel sees only degrees.
    for (const n of [5, 6, 10]) {
      const cycle = graph(n, ...Array.from({ length: n }, (_, i) => [i, (i + 1) % n] as const));
      const diagonal = filled(n, (i, j) => i === j ? i * i : 0);
      expect(permutationTest(cycle, diagonal)).toBeNull();
      expect(permutationTest(cycle, cycle)).not.toBeNull();
      expect(permutationTest(diagonal, diagonal)).not.toBeNull();
    }
    const [a, b] = [filled(8, (i, j) => i === j ? i : 0), graph(8, [0, 1], [2, 3], [4, 5], [6, 7])]
      .map((kernel) => portSums(relevantPart(kernel)!));
    expect(permutationLogP(0, a!, b!)).toBeNull();
  });

  it.each(Object.keys(WEIGHTS))("finds planted sharing, and nothing without it: %s", (kind) => {
    const n = 64;
    const source = random(10, "planted");
    const [writer, noise] = [WEIGHTS[kind]!(n, 48, source), WEIGHTS[kind]!(n, 48, source)];
    // The reader's weights of a channel are in part the writer's.
    const reader = writer.map((x, at) => x + 0.7 * noise[at]!);
    const [A, B] = [cosines(writer, n), cosines(reader, n)];
    expect(permutationTest(A, B)!.logP).toBeLessThan(-10 * Math.LN10);
    expect(permutationTest(A, relabelled(B, shuffle(identity(n), source)))!.logP).toBeGreaterThan(-5);
  });
});

describe("the level of the test", () => {
  /** The share of random relabellings of some pairs with p at most `p`, over `p`. */
  function ratio(kind: string, n: number, pairs: number, each: number, p: number, m = n): number {
    let rejected = 0;
    for (let seed = 0; seed < pairs; seed++) {
      const [A, B] = pair(kind, n, m, 100 + seed);
      const [a, b] = [portSums(A), portSums(B)];
      const deviation = Math.sqrt(relabellingMoments(a, b).variance);
      const [source, order] = [random(seed, `level, ${kind}`), identity(n)];
      for (let k = 0; k < each; k++) {
        const value = statistic(A, B, shuffle(order, source));
        if (value > deviation && permutationLogP(value, a, b)! <= Math.log(p)) rejected++;
      }
    }
    return rejected / (pairs * each * p);
  }

  const regular = ["gaussian", "uniform", "truncated normal"];
  const large = ["sparse, 9 of 10 zero", "skewed (lognormal)", "heavy-tailed (Student, 2 degrees)"];

  it.each(regular)("is 0.001 where it should be: %s", (kind) => {
    for (const n of [16, 32]) {
      const found = ratio(kind, n, 20, 4000, 1e-3);
      expect(found, `${n}`).toBeGreaterThan(0.6);
      expect(found, `${n}`).toBeLessThan(1.3);
    }
  });

  it("is 0.00001 within a factor of 2", () => {
    const found = regular.map((kind) => ratio(kind, 32, 4, 2e5, 1e-5));
    expect(found.reduce((sum, each) => sum + each / regular.length, 0)).toBeGreaterThan(0.5);
    for (const each of found) expect(each).toBeLessThan(2);
  });

  it.each(large)("is kept where a few channels are larger than all others: %s", (kind) => {
    expect(ratio(kind, 16, 20, 4000, 1e-3)).toBeLessThan(1.3);
    expect(ratio(kind, 16, 10, 2e4, 1e-5)).toBeLessThan(2);
  });

  it("is exceeded where few pairs of channels are more alike than all others, as the docstring says", () => {
    const found = ratio("two pairs of equal channels", 32, 10, 8000, 1e-3, 128);
    expect(found).toBeGreaterThan(2);
    expect(found).toBeLessThan(5);
  });

  it("is that of the whole: kernel in, p out", () => {
    const source = random(11, "whole");
    const logP = Array.from({ length: 3000 }, () => {
      const [A, B] = [8, 20].map((m) => gram(normals(12, m, source), 12));
      return permutationTest(A!, B!)!.logP;
    });
    for (const p of [0.5, 0.1, 0.01]) {
      const rejected = logP.filter((each) => each <= Math.log(p)).length;
      expect(Math.abs(rejected / 3000 - p), `${p}`).toBeLessThan(4 * Math.sqrt(p / 3000) + 0.02 * p);
    }
  });
});
