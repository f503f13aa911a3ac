/**
 * Stage 5, first half: the pairs of a connection that may become edges, gathered while its overlaps go by. What is decided over them
 * stands in significance.ts.
 */

import type { NearKernels } from "../model/graph.ts";
import type { Correction } from "../stats/multiple-testing.ts";
import type { NullName } from "../stats/null-distribution.ts";
import type { OverlapBlock } from "./overlap.ts";
import { isTested, type OverlapGeometry } from "./overlap-geometry.ts";
import type { PairNulls } from "./pair-null.ts";

/** Which edges are kept: the significant ones, all, or the `top` largest overlaps of each connection. */
export type EdgeChoice = "significant" | "all" | { readonly top: number };

/** How edges are tested. */
export interface TestSettings {
  readonly null: NullName;
  /** `ln alpha`: an edge is significant when its adjusted log p is at most this. */
  readonly logAlpha: number;
  readonly correction: Correction;
  readonly edges: EdgeChoice;
  /**
   * `ln p` down to which candidates are kept at least, so that a later run at another level can be told without the overlaps; for
   * connections of up to `MOST_KEPT_PAIRS` pairs. Default: the run's own level.
   */
  readonly keep?: number;
}

/** Of the pairs of larger connections the looser level would keep megabytes each, and a transformer has thousands of those. */
const MOST_KEPT_PAIRS = 2 ** 18;

/** `ln p` up to which a connection's candidates are complete: 0 where all pairs are. */
export function keptLevel(
  { sources, targets }: Pick<OverlapGeometry, "sources" | "targets">,
  { edges, logAlpha, keep = logAlpha }: TestSettings,
): number {
  if (edges !== "significant") return 0;
  return sources * targets <= MOST_KEPT_PAIRS ? Math.max(logAlpha, keep) : logAlpha;
}

/** The pairs of one connection that may become edges, with what its verdicts need. */
export interface Candidates {
  readonly geometry: OverlapGeometry;
  /** Pairs that were tested: neurons that are not null and have channels in common, and an overlap that can vary. */
  readonly tests: number;
  /** Those of them that lie between near-kernels of both sides. */
  readonly nearKernelTests: number;
  readonly sourceNeuron: Int32Array;
  readonly targetNeuron: Int32Array;
  readonly overlap: Float64Array;
  readonly cosine: Float64Array | null;
  /** `ln P(X >= overlap)`; 0 where there is nothing to test. Of an inferred connection, with its correction for having been chosen. */
  readonly logP: Float64Array;
  /** Of how many the connection was chosen by the weights that it is tested on. Default: 1. */
  readonly looked?: number;
}

/**
 * Multiplies the p of the candidates of a connection that the weights chose by the number of pairs of ports that were looked at: they are tested on the
 * data that chose it.
 */
export function correctedForChoice(candidates: Candidates, looked: number | undefined): Candidates {
  if (looked === undefined || looked <= 1) return candidates;
  const correction = Math.log(looked);
  return { ...candidates, looked, logP: candidates.logP.map((logP) => Math.min(0, logP + correction)) };
}

/**
 * Which neurons of both sides count. Null ones are no ends of edges. Two that both share their singular values with others are no pair: both
 * vectors are choices, and layers of equal weights choose alike. Tests between near-kernels are counted.
 */
export interface PairSides extends NearKernels {
  readonly sourceNull: Uint8Array;
  readonly targetNull: Uint8Array;
  readonly sourceClustered: Uint8Array;
  readonly targetClustered: Uint8Array;
}

/**
 * Gathers the candidates of a connection from its overlap blocks.
 *
 * With `edges: significant` only pairs with unadjusted `p <= alpha` (or `keep`, where that is looser) are kept: no correction makes a
 * p-value smaller, and `adjust` proves that their verdicts need no others. Their number is a small share of all, so a connection is tested in
 * little memory however large it is.
 *
 * @param nulls of the rows that will be added, by their places among the connection's
 */
export function candidateCollector(
  geometry: OverlapGeometry,
  settings: TestSettings,
  nulls: PairNulls,
  sides: PairSides,
) {
  const level = keptLevel(geometry, settings);
  const testable = isTested(geometry);
  const gathered = new Gathered(geometry.positions === 1);
  let tests = 0;
  let nearTests = 0;
  const none = (source: number, chosen: boolean) =>
    sides.sourceNull[source] === 1 || chosen && sides.sourceClustered[source] === 1;
  const addRow = (block: OverlapBlock, row: number) => {
    const target = block.first + row;
    if (sides.targetNull[target] === 1) return;
    const distributions = nulls.of(target);
    const near = sides.target[target]!;
    const chosen = sides.targetClustered[target] === 1;
    for (let source = 0, at = row * geometry.sources; source < geometry.sources; source++, at++) {
      const distribution = distributions[nulls.places[source]!] ?? null;
      const rho = block.rho === null ? 1 : block.rho[at]!;
      if (distribution === null || none(source, chosen) || rho === 0 && nulls.byRho) continue;
      const overlap = block.overlap[at]!;
      if (!distribution.tested) {
        // Where nothing of a connection can be tested, all its pairs have p = 1; among others such a pair is none.
        if (!testable && level === 0) gathered.add(source, target, overlap, block.cosine?.[at] ?? 0, 0);
        continue;
      }
      tests++;
      nearTests += near * sides.source[source]!;
      const value = nulls.ofRatio ? overlap / rho : overlap;
      if (!(value >= distribution.least)) continue;
      const logP = distribution.logSurvival(value);
      if (logP <= level) gathered.add(source, target, overlap, block.cosine?.[at] ?? 0, logP);
    }
  };
  return {
    add(block: OverlapBlock): void {
      for (let row = 0; row < block.rows; row++) addRow(block, row);
    },
    finish(): KeptCandidates {
      return { tests, nearKernelTests: nearTests, ...gathered.finish() };
    },
  };
}

/** What a candidate's own figures are. */
type Figures = Pick<Candidates, "sourceNeuron" | "targetNeuron" | "overlap" | "cosine" | "logP">;

/** Candidates so far, in arrays that grow: there are thousands for each connection, and numbers in plain arrays are objects each. */
class Gathered {
  #length = 0;
  readonly #signed: boolean;
  #neurons = new Int32Array(2 * FIRST);
  #figures = new Float64Array(3 * FIRST);

  /** @param signed whether they have a cosine */
  constructor(signed: boolean) {
    this.#signed = signed;
  }

  add(source: number, target: number, overlap: number, cosine: number, logP: number): void {
    const at = this.#length++;
    if (3 * at === this.#figures.length) this.#grow();
    this.#neurons[2 * at] = source;
    this.#neurons[2 * at + 1] = target;
    this.#figures[3 * at] = overlap;
    this.#figures[3 * at + 1] = cosine;
    this.#figures[3 * at + 2] = logP;
  }

  /** Once. */
  finish(): Figures {
    const neurons = (which: number) => every(this.#neurons, 2, which, new Int32Array(this.#length));
    const figures = (which: number) => every(this.#figures, 3, which, new Float64Array(this.#length));
    const found = {
      sourceNeuron: neurons(0),
      targetNeuron: neurons(1),
      overlap: figures(0),
      cosine: this.#signed ? figures(1) : null,
      logP: figures(2),
    };
    return found;
  }

  #grow(): void {
    const [neurons, figures] = [this.#neurons, this.#figures];
    this.#neurons = new Int32Array(2 * neurons.length);
    this.#figures = new Float64Array(2 * figures.length);
    this.#neurons.set(neurons);
    this.#figures.set(figures);
  }
}

/** Candidates for which there is room at first. */
const FIRST = 256;

/** Every `step`-th of the values, from `first` on. */
function every<T extends Int32Array | Float64Array>(values: T, step: number, first: number, into: T): T {
  for (let i = 0, at = first; i < into.length; i++, at += step) into[i] = values[at]!;
  return into;
}

/** Candidates as they can be kept: all but what follows from the connection and the settings. */
export type KeptCandidates = Omit<Candidates, "geometry">;

/** The candidates of a connection from those of its parts, in the order of their rows. */
export function joinedCandidates(
  parts: readonly KeptCandidates[],
  geometry: OverlapGeometry,
): Candidates {
  const [only] = parts;
  const kept = only !== undefined && parts.length === 1 ? only : concatenated(parts, geometry);
  return { ...kept, geometry };
}

function concatenated(parts: readonly KeptCandidates[], { positions }: OverlapGeometry): KeptCandidates {
  const total = (count: (part: KeptCandidates) => number) =>
    parts.reduce((sum, part) => sum + count(part), 0);
  const length = total(({ logP }) => logP.length);
  const joined = <T extends Float64Array | Int32Array>(into: T, values: (part: KeptCandidates) => T): T => {
    let at = 0;
    for (const part of parts) {
      into.set(values(part), at);
      at += values(part).length;
    }
    return into;
  };
  const kept = {
    tests: total(({ tests }) => tests),
    nearKernelTests: total(({ nearKernelTests }) => nearKernelTests),
    sourceNeuron: joined(new Int32Array(length), ({ sourceNeuron }) => sourceNeuron),
    targetNeuron: joined(new Int32Array(length), ({ targetNeuron }) => targetNeuron),
    overlap: joined(new Float64Array(length), ({ overlap }) => overlap),
    cosine: positions === 1 ? joined(new Float64Array(length), ({ cosine }) => cosine!) : null,
    logP: joined(new Float64Array(length), ({ logP }) => logP),
  };
  return kept;
}

/**
 * The candidates that a run with these settings would gather, from those that another has kept, which are no fewer: so that it
 * makes no difference who saw the overlaps.
 */
export function retestedCandidates(
  kept: KeptCandidates,
  geometry: OverlapGeometry,
  settings: TestSettings,
): Candidates {
  const level = keptLevel(geometry, settings);
  const { logP } = kept;
  const at = new Uint32Array(logP.length);
  let count = 0;
  for (let i = 0; i < logP.length; i++) if (logP[i]! <= level) at[count++] = i;
  const picked = <T extends Float64Array | Int32Array>(values: T, into: T): T => {
    for (let i = 0; i < count; i++) into[i] = values[at[i]!]!;
    return into;
  };
  const float64 = (values: Float64Array) => picked(values, new Float64Array(count));
  const int32 = (values: Int32Array) => picked(values, new Int32Array(count));
  return {
    ...kept,
    geometry,
    sourceNeuron: int32(kept.sourceNeuron),
    targetNeuron: int32(kept.targetNeuron),
    overlap: float64(kept.overlap),
    cosine: kept.cosine === null ? null : float64(kept.cosine),
    logP: float64(logP),
  };
}
