import { describe, expect, it } from "vitest";
import { nearKernels, nearKernelTests } from "../../src/stages/near-kernels.ts";
import type { TestSettings } from "../../src/stages/candidates.ts";
import { decide } from "../../src/stages/significance.ts";
import { collectorOf, wholeGeometry } from "../support/collector.ts";
import { gaussian } from "../support/layer-fixture.ts";

describe("near-kernel neurons", () => {
  it("are those at or below the relative value; all of a zero layer", () => {
    expect([...nearKernels(Float64Array.of(10, 1.01, 1, 0), 0.1)]).toEqual([0, 0, 1, 1]);
    expect([...nearKernels(Float64Array.of(0, 0), 0.1)]).toEqual([1, 1]);
  });
});

const TARGETS = 7;
const SOURCES = 5;
const near = { source: Uint8Array.of(0, 1, 0, 1, 1), target: Uint8Array.of(1, 0, 0, 1, 1, 0, 1) };
const inBlock = (i: number, j: number) => near.source[j] === 1 && near.target[i] === 1;

/** Overlaps of seven targets and five sources, row by row, and `rho` where it varies. */
function collected(overlap: Float64Array, rho: Float64Array | null, settings: TestSettings) {
  const geometry = wholeGeometry({
    sharedChannels: 6,
    testedChannels: 6,
    otherChannels: 6,
    positions: 1,
    unit: rho === null,
    targets: TARGETS,
    sources: SOURCES,
  });
  const collector = collectorOf(geometry, settings, near);
  for (let first = 0; first < TARGETS; first += 3) {
    const rows = Math.min(3, TARGETS - first);
    const part = (values: Float64Array) => values.slice(first * SOURCES, (first + rows) * SOURCES);
    collector.add({
      first,
      rows,
      overlap: part(overlap),
      cosine: part(overlap).map(Math.sqrt),
      rho: rho === null ? null : part(rho),
    });
  }
  return collector.finish();
}

describe("tests between near-kernels", () => {
  const cases = (["none", "bonferroni", "holm", "bh", "by"] as const).flatMap((correction) =>
    [false, true].map((varying) => [correction, varying] as const)
  );

  it.each(cases)("are counted as their definition says, %s, rho varying: %s", (correction, varying) => {
    const settings: TestSettings = {
      null: "beta",
      logAlpha: Math.log(0.2),
      correction,
      edges: "significant",
    };
    const normal = gaussian(7);
    // A third of the pairs does not meet.
    const rho = varying
      ? Float64Array.from({ length: TARGETS * SOURCES }, (_, at) => at % 3 === 0 ? 0 : 0.5)
      : null;
    const overlap = Float64Array.from(
      { length: TARGETS * SOURCES },
      (_, at) => (rho?.[at] ?? 1) * Math.min(1, normal() ** 2 / (at % 2 === 0 ? 6 : 2)),
    );
    const candidates = collected(overlap, rho, settings);
    const every = collected(overlap, rho, { ...settings, edges: "all" });
    const [verdicts] = decide([candidates], settings);
    const [all] = decide([every], settings);
    const found = nearKernelTests(candidates, verdicts!, near, settings.logAlpha);

    let tests = 0;
    for (let at = 0; at < overlap.length; at++) {
      if ((rho === null || rho[at]! > 0) && inBlock(Math.floor(at / SOURCES), at % SOURCES)) tests++;
    }
    const within = [...every.logP.keys()].filter((at) =>
      inBlock(every.targetNeuron[at]!, every.sourceNeuron[at]!)
    );
    expect(found).toEqual({
      tests,
      significant: within.filter((at) => all!.logQ[at]! <= settings.logAlpha).length,
      significantExpected: expect.closeTo(
        verdicts!.expectedByChance * tests / candidates.tests,
        12,
      ) as number,
      nominal: within.filter((at) => every.logP[at]! <= settings.logAlpha).length,
    });
    // Whatever edges are kept.
    expect(nearKernelTests(every, all!, near, settings.logAlpha)).toEqual(found);
    expect(found.nominal).toBeGreaterThan(0);
    expect(tests).toBe(varying ? 7 : 12);
  });

  it("are none where nothing can be tested", () => {
    const settings: TestSettings = { null: "beta", logAlpha: Math.log(0.2), correction: "bh", edges: "all" };
    const geometry = wholeGeometry({
      sharedChannels: 1,
      testedChannels: 1,
      otherChannels: 1,
      positions: 1,
      unit: true,
      targets: 2,
      sources: 2,
    });
    const both = { source: Uint8Array.of(1, 1), target: Uint8Array.of(1, 1) };
    const collector = collectorOf(geometry, settings, both);
    const ones = new Float64Array(4).fill(1);
    collector.add({ first: 0, rows: 2, overlap: ones, cosine: ones, rho: null });
    const candidates = collector.finish();
    const found = nearKernelTests(candidates, decide([candidates], settings)[0]!, both, settings.logAlpha);
    expect(found).toEqual({ tests: 0, significant: 0, significantExpected: 0, nominal: 0 });
  });
});
