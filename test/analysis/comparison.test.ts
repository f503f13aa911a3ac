import { describe, expect, it } from "vitest";
import { comparisonSentences } from "../../src/analysis/findings/comparison.ts";
import type { ModelFigures } from "../../src/analysis/findings/figures.ts";

const NONE: ModelFigures = {
  near_kernel_share: null,
  edges_ratio: null,
  block_edges_ratio: null,
  block_edges_ratio_range: null,
  block_energy_ratio: null,
  chain_layers: null,
  chain_log_p: null,
  log_path_metric: null,
  log_path_metric_overlaps: null,
};

/** Models m0, m1 … of these ratios of edges. */
const sentences = (...ratios: readonly (number | null)[]) =>
  comparisonSentences(
    ratios.map((ratio, at) => ({
      id: `m${at}`,
      figures: { ...NONE, edges_ratio: ratio },
      null_controls: 0,
      null_control: null,
      null_control_spread: null,
    })),
  );

describe("models side by side in words", () => {
  it("of few models are the extremes", () => {
    expect(sentences(3, 1, null, 2)).toEqual([
      "Edges between deep layers, over chance: from 1 (m1) to 3 (m0).",
    ]);
    expect(sentences(2, 2)).toEqual([]);
    expect(sentences(2, null)).toEqual([
      "Edges between deep layers, over chance: 2 (m0); no other model has any.",
    ]);
  });

  it("of eight or more are the middle half and the median too", () => {
    expect(sentences(9, 1, 2, 3, 4, null, 5, 6, 7, 100)).toEqual([
      "Edges between deep layers, over chance: from 1 (m1) to 100 (m9); " +
      "of 9 models the middle half from 3 to 7, the median 5.",
    ]);
  });
});
