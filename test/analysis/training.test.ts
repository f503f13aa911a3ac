/** Findings in WeightWatcher's words, and its means: only where something bears them out. */

import { describe, expect, it } from "vitest";
import type { Finding } from "../../src/analysis/findings/finding.ts";
import { findings } from "../../src/analysis/findings/findings.ts";
import { layerMeans } from "../../src/analysis/layer-means.ts";
import type { Row } from "../../src/model/tables.ts";
import { chainFacts, layerRow } from "./findings-facts.ts";

const of = (rows: readonly Row[], kind: Finding["kind"]) =>
  findings(chainFacts(rows.map((row, at) => layerRow(at, row)), [])).filter((found) => found.kind === kind);

const FITTED = { alpha: 1.5, alpha_low: 1.3, alpha_high: 1.8, alpha_p: 0.6 };
const HIGH = { alpha: 9, alpha_low: 7, alpha_high: 12, alpha_p: 0.6 };

describe("over-trained and under-trained layers", () => {
  it("are those whose whole interval is beyond the bound, where a power law is not refused", () => {
    const [over, ...more] = of([FITTED, HIGH, {}], "over-trained");
    expect(more).toEqual([]);
    expect(over!.title).toContain("1 layer of 2 is over-trained in WeightWatcher's words (layer0)");
    expect(over!.table!.rows).toEqual([[0, "layer0", 1.5, 1.3, 1.8, 0.6]]);
    expect(over!.caveats.join(" ")).toMatch(/rule of thumb.*may still be another law/);
    const [under] = of([FITTED, HIGH, HIGH], "under-trained");
    expect(under!.numbers[0]!.value).toBe(2);
  });

  it("are none without a bootstrap, with a law that is refused, or an interval that reaches the bound", () => {
    const none: readonly Row[] = [
      { alpha: 1.5 },
      { ...FITTED, alpha_p: 0.1 },
      { ...FITTED, alpha_high: 2 },
      { ...FITTED, alpha_high: null, alpha_low: null },
      { ...HIGH, alpha_low: 6 },
      { ...HIGH, alpha_p: null },
    ];
    expect(of(none, "over-trained")).toEqual([]);
    expect(of(none, "under-trained")).toEqual([]);
  });
});

describe("traps", () => {
  it("are more layers with spikes of permuted entries than chance gives, with the p of so many", () => {
    const rows = [
      { rand_num_spikes: 2 },
      { rand_num_spikes: 1 },
      ...new Array<Row>(8).fill({ rand_num_spikes: 0 }),
    ];
    const [found] = of(rows, "traps");
    const { spike_alpha: alpha } = chainFacts([], []).test;
    // 1 - (1 - a)^10 - 10 a (1 - a)^9
    const rest = (1 - alpha) ** 9;
    expect(found!.surprise).toBeCloseTo(Math.log(1 - rest * (1 - alpha) - 10 * alpha * rest), 6);
    expect(found!.table!.rows.length).toBe(2);
  });

  it("are none where one layer in many has them, and where nothing was permuted", () => {
    const rows = [{ rand_num_spikes: 1 }, ...new Array<Row>(60).fill({ rand_num_spikes: 0 })];
    expect(of(rows, "traps")).toEqual([]);
    expect(of([{}, { rand_num_spikes: null }], "traps")).toEqual([]);
  });
});

describe("the means over layers", () => {
  it("leave out what is null, and are of the pooled figures where there are any", () => {
    const rows: Row[] = [
      { log_norm: 1, alpha: 2, stable_rank: 4, mp_softrank: 0.5 },
      { log_norm: 3, alpha: null, stable_rank: 8, mp_softrank: null },
    ];
    expect(layerMeans(rows)).toMatchObject({
      pooled: false,
      log_norm: 2,
      alpha: 2,
      stable_rank: 6,
      mp_softrank: 0.5,
      alpha_weighted: null,
    });
    const pooled = rows.map((row, at) => ({ ...row, pooled_log_norm: 10 + at, pooled_alpha: null }));
    expect(layerMeans(pooled)).toMatchObject({ pooled: true, log_norm: 10.5, alpha: null, mp_softrank: 0.5 });
    expect(layerMeans([])).toMatchObject({ log_norm: null, alpha: null });
  });
});
