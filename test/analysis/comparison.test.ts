import { describe, expect, it } from "vitest";
import { comparisonSentences, comparisonTable } from "../../src/analysis/findings/comparison.ts";
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

describe("the table of models", () => {
  const model = {
    id: "m",
    figures: { ...NONE, edges_ratio: 4.1, near_kernel_share: 0.25 },
    null_control: {
      ...NONE,
      edges_ratio: 1.0021,
      near_kernel_share: 0.25,
      block_edges_ratio_range: [0.5, 1.5] as const,
      chain_layers: 2.5,
      chain_log_p: -1.2,
    },
  };

  it("has a row of the null control", () => {
    const { rows } = comparisonTable([{ ...model, null_controls: 1, null_control_spread: null }]);
    expect(rows).toEqual([
      ["m", "25 %", "4.1", "", "", "", "", "", ""],
      ["  its null control", "25 %", "1.002", "", "0.5 to 1.5", "", "2.5", "0.3", ""],
    ]);
  });

  it("has one of several null controls: mean ± standard deviation", () => {
    const null_control_spread = {
      ...NONE,
      edges_ratio: 0.0423,
      near_kernel_share: 0,
      block_edges_ratio_range: [0.1, 0.2] as const,
      chain_layers: 0.5,
      chain_log_p: 0.31,
    };
    const { rows } = comparisonTable([{ ...model, null_controls: 20, null_control_spread }]);
    expect(rows[1]).toEqual([
      "  its 20 null controls",
      "25 % ± 0 %",
      "1.002 ± 0.042",
      "",
      "0.5 ± 0.1 to 1.5 ± 0.2",
      "",
      "2.5 ± 0.5",
      "0.3 (ln p ± 0.31)",
      "",
    ]);
  });
});
