/**
 * Stage 4: how strongly each neuron of one layer feeds each neuron of the next.
 *
 * `overlap[i, j] = sum_k ( sum_c T[c, k] w[c] )^2`, where `T` is the tested vector, the one that carries the positions
 * (`v_i` of the target in `svr`, `u_j` of the source in `cosvr`), and `w` is the other one, carried by the channel map
 * into its support. For `z = 1` the inner product itself is the signed cosine.
 */

import type { Kernel } from "../kernels/kernel.ts";
import { type Connection, type Layer, sharedChannels } from "../model/layer.ts";
import type { Spectrum } from "../model/spectrum.ts";
import { type Matrix, matrix } from "../model/tensor.ts";

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

/** The sizes on which a connection's null distribution depends. */
export interface OverlapGeometry {
  /** `n`: channels shared. */
  readonly sharedChannels: number;
  /** `N`: channels in the support of the tested vector. */
  readonly testedChannels: number;
  /** `Ns`: channels in the support of the other vector. */
  readonly otherChannels: number;
  /** `z` of the tested vector. */
  readonly positions: number;
  /** Whether `rho = 1` for every pair: the whole of the other vector is carried, each channel to one of its own, into one dense support. */
  readonly unit: boolean;
  /** `r'` and `r`. */
  readonly targets: number;
  readonly sources: number;
}

/** The geometry of a connection between two decomposed layers. */
export function overlapGeometry(connection: Connection, source: Spectrum, target: Spectrum): OverlapGeometry {
  const from = source.layer;
  const to = target.layer;
  const svr = source.unfolding === "svr";
  const [tested, other] = svr ? [to, from] : [from, to];
  const [testedAll, otherAll] = svr ? [to.inChannels, from.outChannels] : [from.outChannels, to.inChannels];
  return {
    sharedChannels: sharedChannels(connection),
    testedChannels: testedAll / tested.groups,
    otherChannels: otherAll / other.groups,
    positions: tested.positions,
    unit: tested.groups === 1 &&
      times(connection, svr ? "source" : "target", otherAll).every((count) => count === 1) &&
      times(connection, svr ? "target" : "source", testedAll).every((count) => count <= 1),
    targets: target.singularValues.length,
    sources: source.singularValues.length,
  };
}

/** How often the map takes each channel of a side. */
function times(connection: Connection, side: "source" | "target", channels: number): Uint32Array {
  const seen = new Uint32Array(channels);
  for (const range of connection.channels) {
    for (let c = range[side]; c < range[side] + range.length; c++) seen[c]! += 1;
  }
  return seen;
}

/**
 * The overlaps of a connection, in blocks of complete rows, first to last.
 *
 * @param mostBytes how much a block's inner products may take
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
  const rowBytes = 8 * sources * (z + 3);
  const step = Math.max(1, Math.min(geometry.targets, Math.floor(mostBytes / rowBytes)));
  const carriedSource = svr ? carry(source, origin, "source") : null;
  const outPositions = svr ? null : byPosition(source, z);
  for (let first = 0; first < geometry.targets; first += step) {
    signal?.throwIfAborted();
    const rows = Math.min(step, geometry.targets - first);
    const block = svr
      ? await svrBlock(target, carriedSource!, first, rows, z, kernel, signal)
      : await cosvrBlock(target, outPositions!, origin, source, first, rows, z, kernel, signal);
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
  const most = rho === null ? 1 : Infinity;
  for (let at = 0; at < rows * sources; at++) {
    const bound = rho === null ? most : rho[at]! <= NO_OVERLAP ? 0 : rho[at]!;
    if (rho !== null) rho[at] = bound;
    if (raw.overlap[at]! > bound) raw.overlap[at] = bound;
  }
  return { first, rows, overlap: raw.overlap, cosine: z === 1 ? raw.inner : null, rho };
}

/** Every neuron's vector on all channels of the other side, `neurons x channels`, zeros where nothing arrives. */
function carry(from: Spectrum, origin: Int32Array, side: "source" | "target"): Matrix {
  const svr = side === "source";
  const { layer, group } = from;
  const vectors = svr ? from.left : from.right;
  const perGroup = (svr ? layer.outChannels : layer.inChannels) / layer.groups;
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

/** `svr`: the rows `(i, k)` of the target's vectors times the carried source vectors, squared and summed over `k`. */
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
  const overlap = new Float64Array(rows * sources);
  const inner = new Float64Array(z === 1 ? rows * sources : 0);
  for (const [group, members] of byGroup(target, first, rows)) {
    const support = columns(w, group * perGroup, perGroup);
    const tested = matrix(members.length * z, perGroup);
    members.forEach((i, at) => {
      for (let c = 0; c < perGroup; c++) {
        for (let k = 0; k < z; k++) {
          tested.data[(at * z + k) * perGroup + c] = target.right.data[(i * perGroup + c) * z + k]!;
        }
      }
    });
    const product = await kernel.multiply(tested, support, {
      transposeB: true,
      ...(signal === undefined ? {} : { signal }),
    });
    members.forEach((i, at) => {
      for (let k = 0; k < z; k++) {
        squareInto(product.data, (at * z + k) * sources, overlap, (i - first) * sources, sources);
      }
      if (z === 1) inner.set(product.data.subarray(at * sources, (at + 1) * sources), (i - first) * sources);
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

/** `cosvr`: the carried target vectors times the source's vectors, position by position. */
async function cosvrBlock(
  target: Spectrum,
  left: readonly Matrix[],
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
  const part = slice(target, first, rows);
  const carried = widen(carry(part, origin, "target"), channels);
  const overlap = new Float64Array(rows * sources);
  let inner = new Float64Array(0);
  const options = { transposeB: true, ...(signal === undefined ? {} : { signal }) };
  for (let k = 0; k < z; k++) {
    const product = await kernel.multiply(carried, left[k]!, options);
    squareInto(product.data, 0, overlap, 0, overlap.length);
    if (z === 1) inner = Float64Array.from(product.data);
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

function slice(spectrum: Spectrum, first: number, rows: number): Spectrum {
  const rowsOf = ({ data, cols }: Matrix) =>
    matrix(rows, cols, data.subarray(first * cols, (first + rows) * cols));
  return {
    ...spectrum,
    left: rowsOf(spectrum.left),
    right: rowsOf(spectrum.right),
    singularValues: spectrum.singularValues.subarray(first, first + rows),
    group: spectrum.group.subarray(first, first + rows),
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

/** The source's left vectors, one `neurons x channels` matrix per position, over the channels of all groups. */
function byPosition(source: Spectrum, z: number): Matrix[] {
  const channels = source.layer.outChannels;
  const perGroup = channels / source.layer.groups;
  return Array.from({ length: z }, (_, k) => {
    const out = matrix(source.group.length, channels);
    source.group.forEach((group, j) => {
      for (let c = 0; c < perGroup; c++) {
        out.data[j * channels + group * perGroup + c] = source.left.data[(j * perGroup + c) * z + k]!;
      }
    });
    return out;
  });
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

function squaredNorms(a: Matrix): Float64Array {
  const out = new Float64Array(a.rows);
  for (let row = 0; row < a.rows; row++) squareSum(a.data, row * a.cols, a.cols, out, row);
  return out;
}

function squareSum(data: Float64Array, from: number, length: number, out: Float64Array, at: number): void {
  for (let i = from; i < from + length; i++) out[at]! += data[i]! * data[i]!;
}

function squareInto(data: Float64Array, from: number, out: Float64Array, to: number, length: number): void {
  for (let i = 0; i < length; i++) out[to + i]! += data[from + i]! * data[from + i]!;
}

/** Whether the near-kernel block of this connection has the null of `DESIGN`: identity map, both layers dense. */
export function isDirect(connection: Connection, from: Layer, to: Layer): boolean {
  const [range] = connection.channels;
  return connection.channels.length === 1 && from.groups === 1 && to.groups === 1 && range!.source === 0 &&
    range!.target === 0 && range!.length === from.outChannels && range!.length === to.inChannels;
}
