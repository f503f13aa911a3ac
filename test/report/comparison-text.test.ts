import { describe, expect, it } from "vitest";
import type { ComparisonReport, CorrespondenceRow, PairReport } from "../../src/compare/comparison-report.ts";
import type { QueryTargets } from "../../src/analysis/findings/query-words.ts";
import { comparisonFindings } from "../../src/report/comparison-findings.ts";
import { comparisonMarkdown, comparisonSentences } from "../../src/report/comparison-text.ts";
import { comparedText } from "../../src/report/report-text.ts";
import { PLAIN } from "../../src/report/screen.ts";

const row = (name: string, change: Partial<CorrespondenceRow> = {}): CorrespondenceRow => ({
  base_layer: name,
  other_layer: name,
  base_index: 0,
  other_index: 0,
  evidence: "name",
  reordered: null,
  relative_change: 0,
  change_rank: 0,
  change_stable_rank: null,
  spectrum_distance: 0,
  subspaces: [],
  leading: 10,
  intruders: [],
  kept: 8,
  lost: 0,
  gained: 0,
  shared_log_p: null,
  ...change,
});

function report(
  rows: readonly CorrespondenceRow[],
  kinship: Partial<PairReport["kinship"]> = {},
): ComparisonReport {
  const [base, other] = ["a", "<b>"].map((id) => ({ id, uri: `/${id}` })) as [
    PairReport["base"],
    PairReport["other"],
  ];
  const known = {
    log_p: -50,
    log_p_corrected: -50,
    comparisons: 1,
    spaces: 2,
    reordered: 0,
    distance: 0.1,
    topology: "graph" as const,
  };
  return {
    comparisons: [
      {
        base,
        other,
        leading: 10,
        intruder_cosine: 0.5,
        kinship: { ...known, ...kinship },
        correspondences: rows,
        not_compared: [],
        matches: 0,
      },
    ],
    forest: [{ base: "a", other: "<b>", distance: 0.1 }],
    series: [],
  };
}

const sentences = (...from: Parameters<typeof report>) => {
  const whole = report(...from);
  return comparisonSentences(whole.comparisons[0]!).join("\n");
};

describe("a comparison in words", () => {
  it("says that channels stand in another order, of which a p is not known", () => {
    const turned = [
      row("a", { reordered: "out" }),
      row("b", { reordered: "both" }),
      row("c", { reordered: "in" }),
    ];
    const said = sentences(turned, { reordered: 2, log_p: -0.7, log_p_corrected: -0.7 });
    expect(said).toContain(
      "are of one lineage: hidden channels of one are those of the other, in another order. A p is not known for that",
    );
    expect(said).toContain("Hidden channels of 2 layers (a, b) stand in another order");
    expect(sentences(turned, { reordered: 2 })).toContain("had they been trained apart");
    expect(sentences([row("a")])).not.toContain("another order");
  });

  it("says that nothing has changed only where nothing has", () => {
    expect(sentences([row("x"), row("y")])).toContain("No weight has changed.");
    const rounded = row("y", { relative_change: 0.003, change_stable_rank: 40 });
    const said = sentences([row("x"), rounded]);
    expect(said).not.toContain("No weight has changed.");
    expect(said).toContain(
      "No layer has changed by more than the rounding of its weights' types. 1 layer did not change.",
    );
    const low = row("z", { relative_change: 0.5, change_stable_rank: 1.5, change_rank: 2 });
    expect(sentences([rounded, low])).toContain("The change of every layer has rank 2 or less.");
    const full = row("z", { relative_change: 0.5, change_stable_rank: 9, change_rank: null });
    expect(sentences([full, low])).not.toMatch(/rank|did not change/);
  });

  it("says of lineage what is known, and where it is not", () => {
    const rows = [row("x")];
    expect(sentences(rows)).toContain("are of one lineage");
    expect(sentences(rows, { topology: "guessed" })).toContain("which channels are hidden is guessed");
    expect(sentences(rows, { topology: "inferred" })).toContain("which channels are hidden is inferred");
    expect(sentences(rows, { log_p_corrected: -1 })).toContain("Nothing says that");
    expect(sentences(rows, { log_p_corrected: null })).toContain("is not known");
  });

  it("counts intruders by the last part of their layers' names", () => {
    const intruder = { neuron: 0, singularValue: 1, cosine: 0.1 };
    const rows = [0, 1].map((at) => row(`layers.${at}.mlp.up_proj`, { intruders: [intruder, intruder] }));
    expect(sentences([...rows, row("features.7", { intruders: [intruder] })])).toContain(
      "5 of 30 leading neurons are intruders: 4 in up_proj, 1 in features.7 ",
    );
  });

  it("escapes names in Markdown and in its drawing", () => {
    const text = comparisonMarkdown(report([row("x")]));
    expect(text).toContain('m0 ---|"10 %"| m1');
    expect(text.replace(/```[^]*?```/g, "")).not.toContain("<b>");
  });
});

const ANSWERING: QueryTargets = { labelPrefix: null, tables: false };

describe("a comparison on the screen of a run", () => {
  const brief = (kinship: Partial<PairReport["kinship"]>, rows = [row("fc", { leading: 0 })]) => {
    const [pair] = report(rows, kinship).comparisons;
    const compared = comparisonFindings(
      { comparisons: [{ report: pair!, key: "k" }], series: [] },
      ANSWERING,
    );
    return comparedText({ compared }, { ...PLAIN, width: Infinity }, true).split("\n").slice(1);
  };

  it("says what is known of lineage, and no more", () => {
    const start = "  <b>, compared with a: ";
    expect(brief({})).toEqual([`${start}of one lineage (p = 1.9e-22, had they been trained apart).`]);
    const unlike = { log_p: Math.log(0.95), log_p_corrected: Math.log(0.95) };
    expect(brief(unlike)).toEqual([
      `${start}nothing says that they are of one lineage (p = 0.95, had they been trained apart).`,
    ]);
    expect(brief({ ...unlike, reordered: 3 })).toEqual([
      `${start}of one lineage, with channels in another order.`,
    ]);
    expect(brief({ log_p: null, log_p_corrected: null, spaces: 0 })).toEqual([`${start}lineage not known.`]);
  });

  it("says nothing of a test that could not be made", () => {
    const [pair] =
      report([row("fc")], { log_p: null, log_p_corrected: null, spaces: 0, reordered: 2 }).comparisons;
    expect(comparisonSentences(pair!)[0]).toMatch(
      /in another order\. A p is not known for that; as they stand in the files no space could be compared\.$/,
    );
  });

  it("names the file that has all, where there are more than fit", () => {
    const [pair] = report([row("fc")]).comparisons;
    const comparisons = Array.from({ length: 70 }, (_, at) => ({ report: pair!, key: String(at) }));
    const compared = comparisonFindings({ comparisons, series: [] }, ANSWERING);
    expect(comparedText({ compared }, PLAIN, true)).toMatch(
      /more comparisons in report\.md, all in comparison\/comparison\.md$/,
    );
  });
});
