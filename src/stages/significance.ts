/** Stage 5, second half: which overlaps are more than chance. */

import { show } from "../model/errors.ts";
import { adjust, criticalLogP, expectedByChance } from "../stats/multiple-testing.ts";
import { sigmaOfLogP } from "../stats/normal.ts";
import { nullDistribution, type NullName } from "../stats/null-distribution.ts";
import type { Candidates, EdgeChoice, TestSettings } from "./candidates.ts";
import type { OverlapGeometry } from "./overlap-geometry.ts";

/** The verdicts on one connection's candidates. */
export interface Verdicts {
  /** `ln q` per candidate; 0 where no correction looks at it. */
  readonly logQ: Float64Array;
  /** 1 where the adjusted p is at most alpha. */
  readonly significant: Uint8Array;
  readonly significantCount: number;
  /** Candidates whose unadjusted p is at most alpha. */
  readonly nominal: number;
  /** The overlap from which an edge is significant; null when it is not the same for all pairs, or no edge can pass. */
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
  const tests = family.reduce((sum, each) => sum + allTests(each), 0);
  const counted = family.map((each) => countedIn(each, settings));
  const all = new Float64Array(counted.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  family.forEach(({ logP }, i) => counted[i]!.forEach((at) => all[end++] = logP[at]!));
  const adjusted = adjust(all, tests, correction);
  let rejected = 0;
  for (const q of adjusted) if (q <= logAlpha) rejected++;
  const level = tests === 0 ? null : criticalLogP(correction, logAlpha, tests, rejected);
  const made = family.reduce((sum, each) => sum + each.tests, 0);
  const expected = expectedByChance(correction, correction === "none" ? made : tests, Math.exp(logAlpha));
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
      threshold: level === null || each.tests === 0
        ? null
        : commonThreshold(settings.null, each.geometry, level - Math.log(each.looked ?? 1)),
      expectedByChance: each.tests === 0
        ? 0
        : expected * each.tests / (correction === "none" ? made : tests) / (each.looked ?? 1),
    };
  });
}

/**
 * Tests that there would be with all neurons. Where only leading ones are there, the correction is for these: what is significant then is so
 * with all neurons too.
 */
function allTests({ tests, geometry }: Candidates): number {
  return Math.round(tests * (geometry.pairsEach ?? 1));
}

/** The overlap at a log p, where that is one and the same for all pairs; null where it is not, or where nothing can be as unlikely. */
function commonThreshold(name: NullName, geometry: OverlapGeometry, logP: number): number | null {
  if (name !== "rotation") {
    return geometry.unit ? nullDistribution(name, geometry)?.threshold(logP) ?? null : null;
  }
  if (!geometry.direct || geometry.positions > 1) return null;
  // One position: the Beta of both.
  return nullDistribution("beta", geometry)?.threshold(logP) ?? null;
}

/**
 * Positions of the candidates that a correction looks at. Where only significant edges are wanted, those above alpha are not: they change
 * no verdict, and whether they were kept for another run must not show in any figure of this one.
 */
function countedIn({ logP, tests }: Candidates, { edges, logAlpha }: TestSettings): Uint32Array {
  const at = new Uint32Array(tests === 0 ? 0 : logP.length);
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
  for (let i = 0; i < logP.length; i++) if (logP[i]! <= least) at.push(i);
  return Uint32Array.from(at);
}

/** The normal quantile of each log p. */
export function sigmas(logP: Float64Array): Float64Array {
  return logP.map(sigmaOfLogP);
}
