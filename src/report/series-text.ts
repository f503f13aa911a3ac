/** A series of checkpoints, for people: what became of its neurons from step to step. */

import { decimal, percent, pText } from "../analysis/findings/words.ts";
import type { ReportTable } from "../analysis/report-tables.ts";
import type { ComparisonReport } from "../compare/comparison-report.ts";
import type { LayerTracks, SeriesReport } from "../compare/series-report.ts";
import { counted } from "../model/counted.ts";

/** What was found, a sentence each. */
export function seriesSentences({ models, layers }: SeriesReport): string[] {
  const all = (of: keyof Omit<LayerTracks, "layer">) => layers.reduce((sum, layer) => sum + layer[of], 0);
  return [
    `${counted(models.length, "checkpoint")} from step ${models[0]!.step} to step ${models.at(-1)!.step}: ` +
    `${counted(all("tracks"), "track")} of neurons in ${counted(layers.length, "layer")}.`,
    `${all("through")} go through all steps, ${all("births")} begin after the first, ${
      all("deaths")
    } end before the last.`,
    `Singular values of two tracks cross ${
      counted(all("crossings"), "time")
    }: there the vectors were followed, not the rank.`,
  ];
}

/** Its tracks in one sentence. */
export function tracksSentence({ models, layers }: SeriesReport): string {
  const all = (of: keyof Omit<LayerTracks, "layer">) => layers.reduce((sum, layer) => sum + layer[of], 0);
  return `${counted(all("tracks"), "track")} of neurons through ${
    counted(models.length, "checkpoint")
  }, from step ` +
    `${models[0]!.step} to step ${models.at(-1)!.step}: ${all("births")} begin after the first, ${
      all("deaths")
    } end before the last.`;
}

/** Its tables: tracks by layer, and each step against the one before. */
export function seriesTables(series: SeriesReport, { comparisons }: ComparisonReport): ReportTable[] {
  const ids = new Set(series.models.map(({ id }) => id));
  const columns = ["tracks", "through", "births", "deaths", "crossings"] as const;
  const stepOf = (id: string) => String(series.models.find((model) => model.id === id)?.step ?? id);
  return [
    {
      title: "Tracks by layer",
      header: ["layer", ...columns],
      numeric: [false, ...columns.map(() => true)],
      rows: series.layers.map((row) => [row.layer, ...columns.map((name) => decimal(row[name]))]),
    },
    {
      title: "Step by step",
      header: [
        "from step",
        "to step",
        "weights differ by",
        "neurons kept",
        "lost",
        "gained",
        "intruders",
        "p of lineage",
      ],
      numeric: [true, true, true, true, true, true, true, true],
      rows: comparisons.filter(({ base, other }) => ids.has(base.id) && ids.has(other.id)).map((pair) => {
        const { base, other, kinship, correspondences } = pair;
        const sum = (of: "kept" | "lost" | "gained") =>
          decimal(correspondences.reduce((total, row) => total + (row[of] ?? 0), 0));
        return [
          stepOf(base.id),
          stepOf(other.id),
          kinship.distance === null ? "" : percent(kinship.distance),
          sum("kept"),
          sum("lost"),
          sum("gained"),
          decimal(correspondences.reduce((total, row) => total + row.intruders.length, 0)),
          kinship.log_p_corrected === null ? "" : pText(kinship.log_p_corrected),
        ];
      }),
    },
  ];
}
