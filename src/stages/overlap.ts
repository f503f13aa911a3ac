/**
 * Stage 4: how strongly each neuron of one layer feeds each neuron of the next.
 *
 * `overlap[i, j] = sum_k ( sum_c T[c, k] w[c] )^2`, where `T` is the tested vector, the one that carries the positions
 * (`v_i` of the target in `svr`, `u_j` of the source in `cosvr`), and `w` is the other one, carried by the channel map
 * into its support. For `z = 1` the inner product itself is the signed cosine.
 */

import type { Kernel } from "../kernels/kernel.ts";
import type { Connection } from "../model/layer.ts";
import type { Spectrum } from "../model/spectrum.ts";
import { type Matrix, matrix } from "../model/tensor.ts";
import { overlapGeometry } from "./overlap-geometry.ts";

/** Squared norms up to here are rounding in vectors that have nothing in common: no edge. */
const NO_OVERLAP = 1e-28;

/** Consecutive complete rows of the overlap matrix (rows: target neurons, columns: source neurons). */
export interface OverlapBlock {
  /** Index of the first target neuron. */
  readonly first: number;
  readonly rows: number;
  /** `rows x r`, in [0, 1] (up to the number of repeats where the map repeats channels). */
  readonly overlap: Float64Array;
  /** `rows x r`, the signed inner products; null where `z > 1`. */
  readonly cosine: Float64Array | null;
  /** `rows x r`: `rho`, the squared norm of the other vector within the support; null where it is 1 for all. */
  readonly rho: Float64Array | null;
}

/**
 * The overlaps of a connection, in blocks of complete rows, first to last.
 *
 * @param mostBytes how much a block's overlaps may take
 * @throws {TypeError} when the spectra were unfolded differently
 */
export async function* overlapBlocks(
  connection: Connection,
  source: Spectrum,
  target: Spectrum,
  kernel: Kernel,
  mostBytes = 32 * 2 ** 20,
  signal?: AbortSignal,
): AsyncGenerator<OverlapBlock> {
  if (source.unfolding !== target.unfolding) {
    throw new TypeError(
      `overlap: found unfoldings ${source.unfolding} and ${target.unfolding}, required the same`,
    );
  }
  const geometry = overlapGeometry(connection, source, target);
  const svr = source.unfolding === "svr";
  // The map as a list: in channel t of the target comes from out channel origin[t] of the source, or from none (-1).
  const origin = new Int32Array(target.layer.inChannels).fill(-1);
  for (const range of connection.channels) {
    for (let c = 0; c < range.length; c++) origin[range.target + c] = range.source + c;
  }
  const z = geometry.positions;
  const sources = geometry.sources;
  // Overlaps, inner products or a transposed copy, and rho.
  const step = Math.max(1, Math.floor(mostBytes / (24 * sources)));
  const carried = svr ? carry(source, origin, "source") : null;
  for (let first = 0; first < geometry.targets; first += step) {
    signal?.throwIfAborted();
    const rows = Math.min(step, geometry.targets - first);
    const block = carried === null
      ? await cosvrBlock(target, origin, source, first, rows, z, kernel, signal)
      : await svrBlock(target, carried, first, rows, z, kernel, signal);
    yield finishBlock(block, geometry.unit, first, rows, sources, z);
  }
}

interface RawBlock {
  readonly overlap: Float64Array;
  readonly inner: Float64Array;
  readonly rho: () => Float64Array;
}

function finishBlock(
  raw: RawBlock,
  unit: boolean,
  first: number,
  rows: number,
  sources: number,
  z: number,
): OverlapBlock {
  const rho = unit ? null : raw.rho();
  const { overlap } = raw;
  if (rho === null) atMostOne(overlap);
  else {
    for (let at = 0; at < rows * sources; at++) {
      const bound = rho[at]! <= NO_OVERLAP ? 0 : rho[at]!;
      rho[at] = bound;
      if (overlap[at]! > bound) overlap[at] = bound;
    }
  }
  return { first, rows, overlap, cosine: z === 1 ? raw.inner : null, rho };
}

function atMostOne(overlap: Float64Array): void {
  for (let at = 0; at < overlap.length; at++) if (overlap[at]! > 1) overlap[at] = 1;
}

/** Every neuron's vector on all channels of the other side, `neurons x channels`, zeros where nothing arrives. */
function carry(from: Spectrum, origin: Int32Array, side: "source" | "target"): Matrix {
  const svr = side === "source";
  const { layer, group } = from;
  const vectors = svr ? from.left : from.right;
  const perGroup = (svr ? layer.outChannels : layer.inChannels) / layer.groups;
  // Nothing is moved where every channel arrives at its own place.
  if (layer.groups === 1 && origin.length === perGroup && origin.every((s, t) => s === t)) return vectors;
  const width = svr ? origin.length : Math.max(-1, ...origin) + 1;
  const out = matrix(group.length, width);
  for (let j = 0; j < group.length; j++) {
    const offset = group[j]! * perGroup;
    for (let t = 0; t < origin.length; t++) {
      const s = origin[t]!;
      if (s < 0) continue;
      const [here, there] = svr ? [s - offset, t] : [t - offset, s];
      if (here >= 0 && here < perGroup) out.data[j * width + there]! += vectors.data[j * perGroup + here]!;
    }
  }
  return out;
}

/** `svr`: the target's vectors are tested, the other ones are the source's as they arrive. */
async function svrBlock(
  target: Spectrum,
  w: Matrix,
  first: number,
  rows: number,
  z: number,
  kernel: Kernel,
  signal?: AbortSignal,
): Promise<RawBlock> {
  const layer = target.layer;
  const perGroup = layer.inChannels / layer.groups;
  const sources = w.rows;
  if (layer.groups === 1) {
    const found = await overlapOf(neuronsOf(target, first, rows).right, w, z, kernel, signal);
    const rho = () => repeated(squaredNorms(w), rows);
    return { overlap: found.overlap, inner: found.inner ?? new Float64Array(0), rho };
  }
  const overlap = new Float64Array(rows * sources);
  const inner = new Float64Array(z === 1 ? rows * sources : 0);
  for (const [group, members] of byGroup(target, first, rows)) {
    const found = await overlapOf(
      rowsOf(target.right, members),
      columns(w, group * perGroup, perGroup),
      z,
      kernel,
      signal,
    );
    members.forEach((i, at) => {
      const part = (values: Float64Array) => values.subarray(at * sources, (at + 1) * sources);
      overlap.set(part(found.overlap), (i - first) * sources);
      if (found.inner !== null) inner.set(part(found.inner), (i - first) * sources);
    });
  }
  const rho = () => {
    const out = new Float64Array(rows * sources);
    for (const [group, members] of byGroup(target, first, rows)) {
      const norms = squaredNorms(columns(w, group * perGroup, perGroup));
      for (const i of members) out.set(norms, (i - first) * sources);
    }
    return out;
  };
  return { overlap, inner, rho };
}

/** `cosvr`: the source's vectors are tested, the other ones are the target's as they are carried back. */
async function cosvrBlock(
  target: Spectrum,
  origin: Int32Array,
  source: Spectrum,
  first: number,
  rows: number,
  z: number,
  kernel: Kernel,
  signal?: AbortSignal,
): Promise<RawBlock> {
  const channels = source.layer.outChannels;
  const perGroup = channels / source.layer.groups;
  const sources = source.singularValues.length;
  const carried = widen(carry(neuronsOf(target, first, rows), origin, "target"), channels);
  const overlap = new Float64Array(rows * sources);
  const inner = new Float64Array(z === 1 ? rows * sources : 0);
  for (const [group, members] of byGroup(source, 0, sources)) {
    const found = await overlapOf(
      rowsOf(source.left, members),
      columns(carried, group * perGroup, perGroup),
      z,
      kernel,
      signal,
    );
    members.forEach((j, at) => {
      for (let i = 0; i < rows; i++) overlap[i * sources + j] = found.overlap[at * rows + i]!;
      if (found.inner === null) return;
      for (let i = 0; i < rows; i++) inner[i * sources + j] = found.inner[at * rows + i]!;
    });
  }
  const rho = () => {
    const norms = Array.from(
      { length: source.layer.groups },
      (_, group) => squaredNorms(columns(carried, group * perGroup, perGroup)),
    );
    const out = new Float64Array(rows * sources);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < sources; j++) out[i * sources + j] = norms[source.group[j]!]![i]!;
    }
    return out;
  };
  return { overlap, inner, rho };
}

/** Tested vectors against others, `tested.rows x other.rows`; with one position the inner products too. */
async function overlapOf(
  tested: Matrix,
  other: Matrix,
  z: number,
  kernel: Kernel,
  signal?: AbortSignal,
): Promise<{ overlap: Float64Array; inner: Float64Array | null }> {
  const options = signal === undefined ? {} : { signal };
  if (z > 1) return { overlap: (await kernel.overlap(tested, other, z, options)).data, inner: null };
  const inner = (await kernel.multiply(tested, other, { transposeB: true, ...options })).data;
  return { overlap: squares(inner), inner };
}

function squares(values: Float64Array): Float64Array {
  const out = new Float64Array(values.length);
  for (let at = 0; at < values.length; at++) out[at] = values[at]! * values[at]!;
  return out;
}

/** Some rows of a matrix; consecutive ones share its memory. */
function rowsOf({ data, cols }: Matrix, rows: readonly number[]): Matrix {
  const first = rows[0]!;
  if (rows[rows.length - 1]! - first === rows.length - 1) {
    return matrix(rows.length, cols, data.subarray(first * cols, (first + rows.length) * cols));
  }
  const out = matrix(rows.length, cols);
  rows.forEach((row, at) => out.data.set(data.subarray(row * cols, (row + 1) * cols), at * cols));
  return out;
}

/** Consecutive neurons of a spectrum; they share its memory. */
export function neuronsOf(spectrum: Spectrum, first: number, rows: number): Spectrum {
  const rowsOf = ({ data, cols }: Matrix) =>
    matrix(rows, cols, data.subarray(first * cols, (first + rows) * cols));
  return {
    ...spectrum,
    left: rowsOf(spectrum.left),
    right: rowsOf(spectrum.right),
    singularValues: spectrum.singularValues.subarray(first, first + rows),
    group: spectrum.group.subarray(first, first + rows),
    nullNeurons: spectrum.nullNeurons.subarray(first, first + rows),
    clustered: spectrum.clustered.subarray(first, first + rows),
    ...spectrum.residuals === undefined
      ? {}
      : { residuals: spectrum.residuals.subarray(first, first + rows) },
    ...spectrum.converged === undefined
      ? {}
      : { converged: spectrum.converged.subarray(first, first + rows) },
  };
}

function widen(a: Matrix, cols: number): Matrix {
  if (a.cols === cols) return a;
  const out = matrix(a.rows, cols);
  for (let row = 0; row < a.rows; row++) {
    out.data.set(a.data.subarray(row * a.cols, (row + 1) * a.cols), row * cols);
  }
  return out;
}

function byGroup(spectrum: Spectrum, first: number, rows: number): Map<number, number[]> {
  return Map.groupBy(Array.from({ length: rows }, (_, i) => first + i), (i) => spectrum.group[i]!);
}

function columns(a: Matrix, from: number, width: number): Matrix {
  if (from === 0 && width === a.cols) return a;
  const out = matrix(a.rows, width);
  for (let row = 0; row < a.rows; row++) {
    out.data.set(a.data.subarray(row * a.cols + from, row * a.cols + from + width), row * width);
  }
  return out;
}

function repeated(values: Float64Array, times: number): Float64Array {
  const out = new Float64Array(times * values.length);
  for (let i = 0; i < times; i++) out.set(values, i * values.length);
  return out;
}

function squaredNorms(a: Matrix): Float64Array {
  const out = new Float64Array(a.rows);
  for (let row = 0; row < a.rows; row++) squareSum(a.data, row * a.cols, a.cols, out, row);
  return out;
}

function squareSum(data: Float64Array, from: number, length: number, out: Float64Array, at: number): void {
  for (let i = from; i < from + length; i++) out[at]! += data[i]! * data[i]!;
}
