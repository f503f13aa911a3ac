/** Initializations of untrained networks: what libraries do, and what makes untrained weights hard for a null distribution. */

import type { Random } from "../../src/model/random.ts";
import { elementCount } from "../../src/model/tensor.ts";
import { haarFrame } from "./haar.ts";

/** What a weight is to its initialization. */
export interface WeightShape {
  /** Out channels, over all groups. */
  readonly out: number;
  /** In channels of one group. */
  readonly in: number;
  /** Extents of the kernel, or of the map that a fully connected layer reads flattened; none where there is one position. */
  readonly kernel: readonly number[];
  readonly groups: number;
  /** Whether it is the last of a branch that is added to what bypasses it. */
  readonly end: boolean;
  /** Whether it is the layer in the middle of the network, which initializations that treat one layer apart take. */
  readonly middle: boolean;
}

/** The channelwise scale of a normalization: right behind a weight, whose marks it then has, or elsewhere. */
export type ScaleShape = Pick<WeightShape, "end" | "middle">;

/** A way to fill a network. */
export interface Initialization {
  readonly name: string;
  /**
   * Which null hypothesis is true of a network that is filled so. `rotation`: left singular vectors lie anyhow, whatever other layers
   * are. `relabelling`: the channels of a layer are distributed alike, but its vectors keep to some of them. `neither`: channels with the
   * same number in two layers have to do with each other.
   */
  readonly holds: "rotation" | "relabelling" | "neither";
  /**
   * The same for the same shape and random numbers.
   *
   * @returns the weight of out channel `o` and in channel `c` of its group at position `k` at `(o * in + c) * z + k`
   */
  weight(shape: WeightShape, random: Random): Float64Array;
  /** What every channel of a normalization is multiplied by. */
  scale(shape: ScaleShape): number;
}

/** Gives a weight for a shape and random numbers. */
type Fill = Initialization["weight"];

const named = (name: string, weight: Fill, more: Partial<Initialization> = {}): Initialization => ({
  name,
  holds: "rotation",
  scale: () => 1,
  ...more,
  weight,
});

const positionsOf = ({ kernel }: WeightShape) => elementCount(kernel);

const countOf = (shape: WeightShape) => shape.out * shape.in * positionsOf(shape);

/** As PyTorch counts them. */
const fanIn = (shape: WeightShape) => shape.in * positionsOf(shape);
const fanOut = (shape: WeightShape) => shape.out * positionsOf(shape);

function normals(count: number, deviation: number, random: Random): Float64Array {
  const values = new Float64Array(count);
  random.normals(values);
  return values.map((value) => value * deviation);
}

/** Independent normals of a standard deviation. */
const normal = (deviation: (shape: WeightShape) => number): Fill => (shape, random) =>
  normals(countOf(shape), deviation(shape), random);

/** Independent uniform numbers in `(-bound, bound)`. */
const uniform = (bound: (shape: WeightShape) => number): Fill => (shape, random) => {
  const most = bound(shape);
  return Float64Array.from({ length: countOf(shape) }, () => most * (2 * random.uniform() - 1));
};

/** He et al. 2015, for rectifiers. */
export const kaimingNormal: Initialization = named("kaiming normal", normal((w) => Math.sqrt(2 / fanIn(w))));

/** What PyTorch does where nothing else is said: `kaiming_uniform_(a = sqrt(5))`. */
export const kaimingUniform: Initialization = named(
  "kaiming uniform",
  uniform((w) => 1 / Math.sqrt(fanIn(w))),
);

/** Glorot & Bengio 2010. */
export const xavierNormal: Initialization = named(
  "xavier normal",
  normal((w) => Math.sqrt(2 / (fanIn(w) + fanOut(w)))),
);

/** Glorot & Bengio 2010. */
export const xavierUniform: Initialization = named(
  "xavier uniform",
  uniform((w) => Math.sqrt(6 / (fanIn(w) + fanOut(w)))),
);

/** Normals of deviation 0.02, those beyond two deviations drawn again. */
export const truncatedNormal: Initialization = named("truncated normal", (shape, random) => {
  const values = normals(countOf(shape), 1, random);
  const again = new Float64Array(2);
  for (let i = 0; i < values.length; i++) {
    while (Math.abs(values[i]!) > 2) {
      random.normals(again);
      values[i] = again[0]!;
    }
  }
  return values.map((value) => 0.02 * value);
});

/**
 * Martens 2010, PyTorch's `sparse_`: normals, of which in each column (all out channels) a share of zeros, rounded up. Where most are
 * zero, many singular vectors are a channel or two.
 */
export const sparse = (name: string, zeros: number): Initialization =>
  named(name, (shape, random) => {
    const columns = fanIn(shape);
    const values = normals(countOf(shape), 0.01, random);
    for (let column = 0; column < columns; column++) {
      for (const o of some(shape.out, Math.ceil(zeros * shape.out), random)) values[o * columns + column] = 0;
    }
    return values;
  }, { holds: zeros > 0.25 ? "relabelling" : "rotation" });

/** `count` of the numbers below `of`, each subset equally likely. */
function some(of: number, count: number, random: Random): number[] {
  const all = Array.from({ length: of }, (_, i) => i);
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(random.uniform() * (of - i));
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all.slice(0, count);
}

/** `rows x cols` with orthonormal rows or columns, whichever are fewer. */
function semiOrthogonal(rows: number, cols: number, random: Random): Float64Array {
  if (rows <= cols) return haarFrame(rows, cols, random);
  const columns = haarFrame(cols, rows, random);
  return Float64Array.from(
    { length: rows * cols },
    (_, i) => columns[i % cols * rows + Math.floor(i / cols)]!,
  );
}

/** Saxe et al. 2014, PyTorch's `orthogonal_`: of the whole tensor, unfolded to `out x (in z)`, groups or not. */
export const orthogonal: Initialization = named(
  "orthogonal",
  (shape, random) => semiOrthogonal(shape.out, fanIn(shape), random),
);

/** The middle tap of a kernel. */
function centreOf({ kernel }: WeightShape): number {
  return kernel.reduce((at, extent) => at * extent + Math.floor(extent / 2), 0);
}

/** A channel matrix, `out x in`, at one position; zero at the others. */
function atTap(shape: WeightShape, tap: number, matrix: Float64Array): Float64Array {
  const z = positionsOf(shape);
  const out = new Float64Array(countOf(shape));
  matrix.forEach((value, i) => out[i * z + tap] = value);
  return out;
}

/** Xiao et al. 2018: orthogonal at the middle tap, zero at the others. Orthogonal where there is one tap. */
export const deltaOrthogonal: Initialization = named(
  "delta-orthogonal",
  (shape, random) => atTap(shape, centreOf(shape), semiOrthogonal(shape.out, shape.in, random)),
);

/** Another initialization, but for the last weight of each residual branch, which is zero (fixup, ReZero, GPT-2's projections). */
export const zeroEnds = (name: string, { weight }: Initialization): Initialization =>
  named(name, (shape, random) => shape.end ? new Float64Array(countOf(shape)) : weight(shape, random));

/** Another initialization; the batch normalization at the end of each residual branch scales by zero (`zero_init_residual`). */
export const zeroLastScale = (name: string, { weight }: Initialization): Initialization =>
  named(name, weight, { scale: ({ end }) => end ? 0 : 1 });

/** Another initialization, but for the layer in the middle, which is zero with its normalization. */
export const zeroMiddle = (name: string, { weight }: Initialization): Initialization =>
  named(name, (shape, random) => shape.middle ? new Float64Array(countOf(shape)) : weight(shape, random), {
    scale: ({ middle }) => middle ? 0 : 1,
  });

/** Binomial coefficients: a blur along each axis of the kernel, of norm 1. */
function blur({ kernel }: WeightShape): Float64Array {
  const profile = kernel.reduce((rest, extent) => {
    let row = [1];
    for (let i = 1; i < extent; i++) row = [...row, 0].map((value, at) => value + (row[at - 1] ?? 0));
    return rest.flatMap((value) => row.map((factor) => value * factor));
  }, [1]);
  const norm = Math.hypot(...profile);
  return Float64Array.from(profile, (value) => value / norm);
}

/** Every kernel is a number times the same blur, as kernels of a trained network nearly are. */
export const oneProfile: Initialization = named("one blurred profile", (shape, random) => {
  const [profile, z] = [blur(shape), positionsOf(shape)];
  const gains = normals(shape.out * shape.in, Math.sqrt(2 / shape.in), random);
  return Float64Array.from({ length: countOf(shape) }, (_, i) => gains[Math.floor(i / z)]! * profile[i % z]!);
});

/** All kernels of a layer live on the same tap; which one is random. */
export const oneTap: Initialization = named("a single tap", (shape, random) => {
  const tap = Math.floor(random.uniform() * positionsOf(shape));
  return atTap(shape, tap, normals(shape.out * shape.in, Math.sqrt(2 / shape.in), random));
});

/** PyTorch's `dirac_` and `eye_`: channel `c` of each group goes on as channel `c`, as far as there are as many. */
export const dirac: Initialization = named("dirac", (shape) => {
  const perGroup = shape.out / shape.groups;
  const matrix = new Float64Array(shape.out * shape.in);
  for (let o = 0; o < shape.out; o++) if (o % perGroup < shape.in) matrix[o * shape.in + o % perGroup] = 1;
  return atTap(shape, centreOf(shape), matrix);
}, { holds: "neither" });

/**
 * Another initialization, in which a share of each layer's out channels and of its in channels is zero, rounded down; which is random, for
 * each layer by itself. Left vectors lie anyhow within the channels that are left.
 */
export const deadChannels = (name: string, dead: number, { weight }: Initialization): Initialization =>
  named(name, (shape, random) => {
    const values = weight(shape, random);
    const [z, perGroup] = [positionsOf(shape), shape.out / shape.groups];
    const inChannels = shape.in * shape.groups;
    const outs = new Set(some(shape.out, Math.floor(dead * shape.out), random));
    const ins = new Set(some(inChannels, Math.floor(dead * inChannels), random));
    return values.map((value, i) => {
      const [o, c] = [Math.floor(i / (shape.in * z)), Math.floor(i / z) % shape.in];
      return outs.has(o) || ins.has(Math.floor(o / perGroup) * shape.in + c) ? 0 : value;
    });
  }, { holds: "relabelling" });

/** Every initialization, by a name that says what it is. */
export const INITIALIZATIONS: readonly Initialization[] = [
  kaimingNormal,
  kaimingUniform,
  xavierNormal,
  xavierUniform,
  truncatedNormal,
  sparse("sparse, a tenth zero", 0.1),
  sparse("sparse, nine tenths zero", 0.9),
  orthogonal,
  deltaOrthogonal,
  zeroEnds("zero residual ends", kaimingNormal),
  zeroEnds("zero residual ends, orthogonal", orthogonal),
  zeroLastScale("zero last scale", kaimingNormal),
  zeroMiddle("one zero layer", kaimingNormal),
  oneProfile,
  oneTap,
  dirac,
  deadChannels("dead channels", 0.25, kaimingNormal),
];
