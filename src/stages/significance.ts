/** Stage 5: which overlaps are more than chance. */

import { show } from "../model/errors.ts";
import type { NearKernels } from "../model/graph.ts";
import { release } from "../model/tensor.ts";
import { adjust, type Correction, criticalLogP, expectedByChance } from "../stats/multiple-testing.ts";
import { sigmaOfLogP } from "../stats/normal.ts";
import { type NullDistribution, nullDistribution, type NullName } from "../stats/null-distribution.ts";
import type { OverlapBlock } from "./overlap.ts";
import type { OverlapGeometry } from "./overlap-geometry.ts";

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
  readonly distribution: NullDistribution | null;
  /** Pairs that were tested: `rho > 0`, and a null that is not a point. */
  readonly tests: number;
  /** Those of them that lie between near-kernels of both sides. */
  readonly nearKernelTests: number;
  readonly sourceNeuron: Int32Array;
  readonly targetNeuron: Int32Array;
  readonly overlap: Float64Array;
  readonly cosine: Float64Array | null;
  /** `ln P(X >= overlap)`; 0 where there is nothing to test. */
  readonly logP: Float64Array;
}

/** An overlap is known to an ulp at best, so a ratio of 1 counts as one ulp less: p-values stay above 0. */
const LARGEST_RATIO = 1 - 2 ** -53;

/**
 * Gathers the candidates of a connection from its overlap blocks.
 *
 * With `edges: significant` only pairs with unadjusted `p <= alpha` (or `keep`, where that is looser) are kept: no correction makes a
 * p-value smaller, and `adjust` proves that their verdicts need no others. Their number is a small share of all, so a connection is tested in
 * little memory however large it is.
 *
 * @param near counts the tests between near-kernels; without it there are none
 */
export function candidateCollector(geometry: OverlapGeometry, settings: TestSettings, near?: NearKernels) {
  const distribution = nullDistribution(settings.null, geometry);
  // The least ratio that can matter; a hair lower, because the verdict itself is taken on the log p.
  // On a single channel the overlap is rho itself, and the null speaks of it as it is.
  const single = geometry.testedChannels === 1;
  const level = keptLevel(geometry, settings);
  const least = level < 0 ? leastRatio(distribution, level) : -Infinity;
  const sourceNeuron: number[] = [];
  const targetNeuron: number[] = [];
  const overlap: number[] = [];
  const cosine: number[] = [];
  const logP: number[] = [];
  let tests = 0;
  let nearTests = 0;
  const nearSources = near?.source.reduce((sum, flag) => sum + flag, 0) ?? 0;
  const consider = (block: OverlapBlock, at: number, ratio: number) => {
    if (!(ratio >= least)) return;
    const p = distribution?.logSurvival(Math.min(LARGEST_RATIO, ratio)) ?? 0;
    if (p > level) return;
    sourceNeuron.push(at % geometry.sources);
    targetNeuron.push(block.first + Math.floor(at / geometry.sources));
    overlap.push(block.overlap[at]!);
    if (block.cosine !== null) cosine.push(block.cosine[at]!);
    logP.push(p);
  };
  /** Where `rho` is 1 for all, which is the rule: most pairs are done after one comparison. */
  const addUnit = (block: OverlapBlock, values: Float64Array) => {
    if (distribution !== null) {
      tests += values.length;
      const rows = near?.target.subarray(block.first, block.first + block.rows) ?? [];
      for (const flag of rows) nearTests += flag * nearSources;
    }
    for (let at = 0; at < values.length; at++) if (values[at]! >= least) consider(block, at, values[at]!);
  };
  const addVaried = (block: OverlapBlock, rho: Float64Array) => {
    for (let row = 0, at = 0; row < block.rows; row++) {
      for (let source = 0; source < geometry.sources; source++, at++) {
        if (rho[at] === 0) continue;
        if (distribution !== null) {
          tests++;
          if (near?.target[block.first + row] === 1) nearTests += near.source[source]!;
        }
        consider(block, at, single ? block.overlap[at]! : block.overlap[at]! / rho[at]!);
      }
    }
  };
  return {
    add(block: OverlapBlock): void {
      if (block.rho === null) addUnit(block, block.overlap.subarray(0, block.rows * geometry.sources));
      else addVaried(block, block.rho);
    },
    finish(): Candidates {
      return {
        geometry,
        distribution,
        tests,
        nearKernelTests: nearTests,
        sourceNeuron: Int32Array.from(sourceNeuron),
        targetNeuron: Int32Array.from(targetNeuron),
        overlap: Float64Array.from(overlap),
        cosine: geometry.positions === 1 ? Float64Array.from(cosine) : null,
        logP: Float64Array.from(logP),
      };
    },
  };
}

/** Candidates as they can be kept: all but what follows from the connection and the settings. */
export type KeptCandidates = Omit<Candidates, "geometry" | "distribution">;

/** Gives the memory of candidates back that nobody looks at any more: there are thousands for each connection. */
export function releaseCandidates(
  { sourceNeuron, targetNeuron, overlap, cosine, logP }: KeptCandidates,
): void {
  release(sourceNeuron, targetNeuron, overlap, logP, ...cosine === null ? [] : [cosine]);
}

/** The candidates of a connection from those of its parts, in the order of their rows. The parts' are given away. */
export function joinedCandidates(
  parts: readonly KeptCandidates[],
  geometry: OverlapGeometry,
  settings: TestSettings,
): Candidates {
  const [only] = parts;
  const kept = only !== undefined && parts.length === 1 ? only : concatenated(parts, geometry);
  return { ...kept, geometry, distribution: nullDistribution(settings.null, geometry) };
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
  parts.forEach(releaseCandidates);
  return kept;
}

/**
 * The candidates that a run with these settings would gather, from those that another has kept, which are no fewer: so that it
 * makes no difference who saw the overlaps.
 *
 * @throws {TypeError} when the memory of those that were kept has been given back
 */
export function candidatesAgain(
  kept: KeptCandidates,
  geometry: OverlapGeometry,
  settings: TestSettings,
): Candidates {
  const level = keptLevel(geometry, settings);
  const { logP } = kept;
  if ((logP.buffer as ArrayBuffer).detached) throw new TypeError("candidates: found them given away already");
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
    distribution: nullDistribution(settings.null, geometry),
    sourceNeuron: int32(kept.sourceNeuron),
    targetNeuron: int32(kept.targetNeuron),
    overlap: float64(kept.overlap),
    cosine: kept.cosine === null ? null : float64(kept.cosine),
    logP: float64(logP),
  };
}

function leastRatio(distribution: NullDistribution | null, logAlpha: number): number {
  const threshold = distribution?.threshold(logAlpha) ?? null;
  return threshold === null ? Infinity : threshold * (1 - 1e-12);
}

/** The verdicts on one connection's candidates. */
export interface Verdicts {
  /** `ln q` per candidate; 0 where no correction looks at it. */
  readonly logQ: Float64Array;
  /** 1 where the adjusted p is at most alpha. */
  readonly significant: Uint8Array;
  readonly significantCount: number;
  /** Candidates whose unadjusted p is at most alpha. */
  readonly nominal: number;
  /** The overlap from which an edge is significant; null when `rho` varies or no edge can pass. */
  readonly threshold: number | null;
  /** Expected number of significant edges, were all tested vectors random. */
  readonly expectedByChance: number;
}

/**
 * Decides over one family of tests: one connection, or all connections of a model together.
 *
 * @param family the candidates of each connection of the family
 * @returns one entry per connection, in order
 */
export function decide(family: readonly Candidates[], settings: TestSettings): Verdicts[] {
  const { correction, logAlpha } = settings;
  const tests = family.reduce((sum, each) => sum + each.tests, 0);
  const counted = family.map((each) => countedIn(each, settings));
  const all = new Float64Array(counted.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  family.forEach(({ logP }, i) => counted[i]!.forEach((at) => all[end++] = logP[at]!));
  const adjusted = adjust(all, tests, correction);
  let rejected = 0;
  for (const q of adjusted) if (q <= logAlpha) rejected++;
  const level = tests === 0 ? null : criticalLogP(correction, logAlpha, tests, rejected);
  const expected = expectedByChance(correction, tests, Math.exp(logAlpha));
  let next = 0;
  return family.map((each, i) => {
    const logQ = new Float64Array(each.logP.length);
    const significant = new Uint8Array(each.logP.length);
    let significantCount = 0;
    let nominal = 0;
    for (const at of counted[i]!) {
      const q = adjusted[next++]!;
      logQ[at] = q;
      if (each.logP[at]! <= logAlpha) nominal++;
      if (q > logAlpha) continue;
      significant[at] = 1;
      significantCount++;
    }
    return {
      logQ,
      significant,
      significantCount,
      nominal,
      threshold: level === null || !each.geometry.unit ? null : each.distribution?.threshold(level) ?? null,
      expectedByChance: tests === 0 ? 0 : expected * each.tests / tests,
    };
  });
}

/**
 * Positions of the candidates that a correction looks at. Where only significant edges are wanted, those above alpha are not: they change
 * no verdict, and whether they were kept for another run must not show in any figure of this one.
 */
function countedIn({ logP, distribution }: Candidates, { edges, logAlpha }: TestSettings): Uint32Array {
  const at = new Uint32Array(distribution === null ? 0 : logP.length);
  let count = 0;
  const most = edges === "significant" ? logAlpha : 0;
  for (let i = 0; i < at.length; i++) if (logP[i]! <= most) at[count++] = i;
  return at.subarray(0, count);
}

/** Positions of the candidates that become edges: all kept, or the `top` largest overlaps, in order of candidates. */
export function chosen(candidates: Candidates, verdicts: Verdicts, edges: EdgeChoice): Uint32Array {
  const every = new Uint32Array(
    edges === "significant" ? verdicts.significantCount : candidates.overlap.length,
  );
  for (let at = 0, next = 0; next < every.length; at++) {
    if (edges !== "significant" || verdicts.significant[at] === 1) every[next++] = at;
  }
  if (edges === "all" || edges === "significant") return every;
  if (!(edges.top >= 1)) throw new RangeError(`edges: found top ${show(edges.top)}, required at least 1`);
  return every.sort((a, b) => candidates.overlap[b]! - candidates.overlap[a]! || a - b).slice(0, edges.top)
    .sort();
}

/**
 * Positions of the candidates that may be links of a chain: significant, at the run's alpha, among all pairs that could continue a
 * chain at either of their neurons (Bonferroni over the larger side). Were every candidate a link, pairs that are small by chance would be
 * appended to the ends of a chain that is real. All of them are candidates whatever the choice of edges.
 */
export function linking({ logP, geometry }: Candidates, logAlpha: number): Uint32Array {
  const least = logAlpha - Math.log(Math.max(geometry.sources, geometry.targets));
  const at: number[] = [];
  logP.forEach((p, i) => p <= least && at.push(i));
  return Uint32Array.from(at);
}

/** The normal quantile of each log p. */
export function sigmas(logP: Float64Array): Float64Array {
  return logP.map(sigmaOfLogP);
}
