/**
 * Layers of which many weights are zero. Their vectors keep to few channels, and turning them among all is no null hypothesis: layers that
 * have nothing to do with each other have edges then. Edges count only where a test that supposes nothing about vectors sees that channels
 * are shared.
 */

import type { Layer, Unfolding } from "../model/layer.ts";
import type { Matrix } from "../model/tensor.ts";
import type { TestSettings } from "./candidates.ts";
import type { OverlapScan } from "./overlap-parts.ts";

/** Untrained networks of narrow and depthwise layers have 1.1 times the edges of chance at a quarter of zeros, and 1.27 times at half. */
const LEAST_DENSITY = 0.75;

/**
 * Whether more than a quarter of a layer's weights are exactly zero. Channels and positions at which all weights are zero do not count: no vector
 * is there, and what is turned stays on the others.
 *
 * @param blocks as `unfold` returns them; only read
 */
export function isSparse(
  { positions: z }: Pick<Layer, "positions">,
  blocks: readonly Matrix[],
  unfolding: Unfolding,
): boolean {
  const entries = blocks.reduce((sum, { data }) => sum + data.length, 0);
  // Of most layers no more needs to be seen.
  if (!hasZeros(blocks, (1 - LEAST_DENSITY) * entries)) return false;
  const livePositions = new Uint8Array(z);
  const [perRow, perCol] = unfolding === "svr" ? [1, z] : [z, 1];
  let found = 0;
  let pairs = 0;
  for (const { rows, cols, data } of blocks) {
    const [outs, ins] = [new Uint8Array(rows / perRow), new Uint8Array(cols / perCol)];
    for (let row = 0, at = 0; row < rows; row++) {
      for (let col = 0; col < cols; col++, at++) {
        if (data[at] === 0) continue;
        found++;
        outs[Math.floor(row / perRow)] = 1;
        ins[Math.floor(col / perCol)] = 1;
        livePositions[unfolding === "svr" ? col % z : row % z] = 1;
      }
    }
    pairs += total(outs) * total(ins);
  }
  return found < LEAST_DENSITY * pairs * total(livePositions);
}

/** The same of a matrix of one position that comes by blocks of rows. */
export class ZeroCount {
  readonly #live: Uint8Array;
  #liveRows = 0;
  #found = 0;

  constructor(cols: number) {
    this.#live = new Uint8Array(cols);
  }

  /** Takes the next rows. */
  take({ rows, cols, data }: Matrix): void {
    for (let row = 0, at = 0; row < rows; row++) {
      const before = this.#found;
      for (let col = 0; col < cols; col++, at++) {
        if (data[at] === 0) continue;
        this.#found++;
        this.#live[col] = 1;
      }
      if (this.#found > before) this.#liveRows++;
    }
  }

  /** See `isSparse`. */
  get isSparse(): boolean {
    return this.#found < LEAST_DENSITY * this.#liveRows * total(this.#live);
  }
}

/** Whether more than so many weights are exactly zero. Most layers have none: the engine's own search is many times faster than a loop. */
function hasZeros(blocks: readonly Matrix[], most: number): boolean {
  let count = 0;
  for (const { data } of blocks) {
    for (let at = data.indexOf(0); at >= 0; at = data.indexOf(0, at + 1)) if (++count > most) return true;
  }
  return false;
}

const total = (flags: Uint8Array) => flags.reduce((sum, flag) => sum + flag, 0);

/**
 * What may be tested of a connection: all, where neither side is sparse. Else nothing, unless the permutation test of the connection rejects
 * at alpha, after Bonferroni over all connections of the model; and never the block between near-kernels, of whose channels that test sees
 * nothing.
 *
 * @param kind of a null control one side is turned as the null says, sparse or not: its edges are tested
 * @param connections of the model
 * @param looked how many pairs of ports the connection was chosen from by its weights. Default: 1, it was not
 */
export function gateSparse(
  seen: OverlapScan,
  { logAlpha }: Pick<TestSettings, "logAlpha">,
  kind: "connection" | "control",
  connections: number,
  looked = 1,
): OverlapScan {
  const { sparse, sharedLogP, candidates, near, measures } = seen;
  if (!sparse) return seen;
  // Whoever chose the connection by its p has looked at as many.
  const correction = Math.log(connections) + Math.log(looked);
  const open = kind === "control" || sharedLogP !== null && sharedLogP + correction <= logAlpha;
  const none = (flags: Uint8Array) => new Uint8Array(flags.length);
  return {
    ...seen,
    near: { source: none(near.source), target: none(near.target) },
    measures: { ...measures, nearKernel: null },
    candidates: {
      ...candidates,
      nearKernelTests: 0,
      // As where a connection has nothing that could be tested.
      ...open ? {} : { tests: 0, logP: new Float64Array(candidates.logP.length) },
    },
  };
}
