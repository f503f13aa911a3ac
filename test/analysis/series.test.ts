import { describe, expect, it } from "vitest";
import { type Checkpoint, seriesOf, seriesText } from "../../src/analysis/series.ts";
import { gaussian } from "../support/layer-fixture.ts";
import { layerRow, NO_FIGURES as FIGURES, TEST } from "./findings-facts.ts";

/** A checkpoint of three layers; the second one's norm follows the step, all else is noise. */
function checkpoint(step: number, next: () => number): Checkpoint {
  return {
    id: `net/${step}`,
    series: "net",
    step,
    test: TEST,
    figures: { ...FIGURES, edges_ratio: 10 - step },
    layers: [0, 1, 2].map((index) =>
      layerRow(index, {
        spectral_norm: index === 1 ? 2 + step / 10 : 2 + Math.abs(next()),
        stable_rank: 5 + Math.abs(next()),
        near_kernels: Math.floor(10 * Math.abs(next())),
      })
    ),
  };
}

describe("series of checkpoints", () => {
  it("names what goes with the step, and nothing else, in whatever order models come", () => {
    const next = gaussian(7);
    const all = [10, 9, 2, 1, 3, 4, 5, 6, 7, 8].map((step) => checkpoint(step, next));
    const [found, ...others] = seriesOf(all);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ series: "net", steps: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], tests: 10 });
    expect(found!.models[1]).toBe("net/2");
    // No one of the 20,000 orders drawn goes with the steps as these do: 1 of 20,001, times the ten trends looked at.
    const p = 10 / 20_001;
    expect(found!.trends.map((trend) => ({ ...trend, p: trend.p / p }))).toEqual([
      {
        layer: null,
        figure: "edges between deep layers, over chance",
        first: 9,
        last: 0,
        rho: expect.closeTo(-1) as number,
        p: expect.closeTo(1) as number,
      },
      {
        layer: "layer1",
        figure: "largest singular value",
        first: 2.1,
        last: 3,
        rho: expect.closeTo(1) as number,
        p: expect.closeTo(1) as number,
      },
    ]);
  });

  it("claims nothing where nothing is there: at most one series in twenty names a trend", () => {
    const next = gaussian(11);
    const claims = Array.from({ length: 100 }, () =>
      seriesOf(
        Array.from({ length: 9 }, (_, step) => ({
          ...checkpoint(step, next),
          figures: FIGURES,
          layers: [0, 1].map((index) =>
            layerRow(index, {
              spectral_norm: 1 + Math.abs(next()),
              stable_rank: 1 + Math.abs(next()),
              near_kernels: 0,
            })
          ),
        })),
      )[0]!.trends.length > 0).filter(Boolean).length;
    // 5 expected at most, four standard deviations of 2.2.
    expect(claims).toBeLessThan(14);
  });

  it("has no trend where checkpoints were tested in different ways, and says so", () => {
    const next = gaussian(7);
    const all = [1, 2, 3, 4, 5, 6, 7, 8].map((step) => checkpoint(step, next));
    const [alike] = seriesOf(all);
    expect(alike!.trends.length).toBeGreaterThan(0);
    const [found] = seriesOf(
      all.map((each) => each.step === 8 ? { ...each, test: { ...TEST, alpha: 0.01 } } : each),
    );
    expect(found).toMatchObject({ same_test: false, tests: 0, trends: [] });
    expect(seriesText(found!)).toBe(
      "8 checkpoints from step 1 to 8. They were not all tested in the same way: no trend is looked for.",
    );
  });

  it("is none of fewer than three steps, or of models that are no checkpoints", () => {
    const next = gaussian(3);
    expect(seriesOf([checkpoint(1, next), checkpoint(2, next)])).toEqual([]);
    expect(seriesOf([1, 2, 3].map((step) => ({ ...checkpoint(step, next), series: null })))).toEqual([]);
  });
});
