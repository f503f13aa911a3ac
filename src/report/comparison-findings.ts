/** What comparisons of a run found, as findings: each number with the Cypher and the SQL that answer it. */

import type { Cell, Finding, FindingNumber, FindingTable, Query } from "../analysis/findings/finding.ts";
import {
  answerable,
  comparedQueries,
  type ComparedWords,
  type QueryTargets,
} from "../analysis/findings/query-words.ts";
import { percent, shortened } from "../analysis/findings/words.ts";
import type { PairReport, TrackStepRow } from "../compare/comparison-report.ts";
import type { SeriesReport } from "../compare/series-report.ts";
import { comparisonPartition } from "../../connectors/lake/manifest.ts";
import { encodeModelId } from "../../connectors/sinks/staging.ts";
import { counted } from "../model/counted.ts";
import { comparisonSentences, intruderSentence } from "./comparison-text.ts";
import { tracksSentence } from "./series-text.ts";

/** Two models, or a series, and what was found of them. */
export interface ComparedFindings {
  readonly title: string;
  /** The ids of both; null for a series. */
  readonly base: string | null;
  readonly other: string | null;
  /** Null for two models. */
  readonly series: string | null;
  readonly findings: readonly Finding[];
}

/** The comparisons of a run, with the keys that they have in its tables and graph. */
export interface KeyedComparisons {
  readonly comparisons: readonly { readonly report: PairReport; readonly key: string }[];
  readonly series: readonly KeyedSeries[];
}

/** A series, and its strongest tracks by step. */
export interface KeyedSeries {
  readonly report: SeriesReport;
  readonly key: string;
  readonly strongest: readonly TrackStepRow[];
}

/** Comparisons that a report has at most: of more, `comparison/comparison.md` has all. */
export const MOST_COMPARISONS = 60;

/** Rows of tables that are cut. */
const MOST_ROWS = 20;

const NO_CONTROL = "comparisons have none";

/** What was found, of series first. @param answering what can be asked: other queries are left out */
export function comparisonFindings(
  { comparisons, series }: KeyedComparisons,
  answering: QueryTargets,
): ComparedFindings[] {
  const sections: ComparedFindings[] = [
    ...series.map((each) => ({
      title: `Tracks of neurons in the series ${each.report.series}`,
      base: null,
      other: null,
      series: each.report.series,
      findings: [tracks(each)],
    })),
    ...comparisons.slice(0, MOST_COMPARISONS).map(({ report, key }) => ({
      title: `${report.other.id}, compared with ${report.base.id}`,
      base: report.base.id,
      other: report.other.id,
      series: null,
      findings: [kinship(report, key), ...intruders(report), ...changedLayers(report)],
    })),
  ];
  return sections.map((section) => ({
    ...section,
    findings: section.findings.map((finding) => answerable(finding, answering)),
  }));
}

function kinship(pair: PairReport, key: string): Finding {
  const { log_p, log_p_corrected, comparisons, spaces, reordered, distance } = pair.kinship;
  const names = ["log_p", "log_p_corrected", "comparisons", "spaces", "reordered", "distance"];
  return described({
    kind: "kinship",
    title: comparisonSentences(pair)[0]!,
    surprise: log_p_corrected,
    numbers: numbersOf({ log_p, log_p_corrected, comparisons, spaces, reordered, distance }),
    queries: comparedQueries(sidesOf(pair), {
      cypher: () =>
        `MATCH (:Model)-[k:KIN]->(:Model)\nWHERE k.key = '${key}'\nRETURN DISTINCT ${
          names.map((name) => `k.${name} AS ${name}`).join(", ")
        }`,
      sql: ({ table }) => `SELECT ${names.join(", ")}\nFROM ${table("kinship")}`,
    }),
    caveats: [
      "a fixed pattern in a hidden space, such as sinusoidal positions, is shared by strangers too",
      "the test takes channels in the order of the files",
    ],
  });
}

function intruders(pair: PairReport): Finding[] {
  const [title] = intruderSentence(pair);
  if (title === undefined) return [];
  const rows = pair.correspondences.filter((row) => row.intruders.length > 0)
    .map((row) => ({ ...row, found: row.intruders.length }))
    .sort((a, b) => b.found - a.found || a.base_index - b.base_index || a.other_index - b.other_index);
  const sum = (of: (row: PairReport["correspondences"][number]) => number) =>
    pair.correspondences.reduce((total, row) => total + of(row), 0);
  return [described({
    kind: "intruders",
    title,
    surprise: null,
    numbers: numbersOf({ intruders: sum((row) => row.intruders.length), leading: sum((row) => row.leading) }),
    queries: comparedQueries(sidesOf(pair), {
      cypher: ({ between }) =>
        `MATCH (a:Layer)-[c:CORRESPONDS]->(b:Layer)\nWHERE ${between}\n` +
        "RETURN sum(c.intruders) AS intruders, sum(c.leading_neurons) AS leading",
      sql: ({ table }) =>
        `SELECT sum(intruders) AS intruders, sum(leading_neurons) AS leading\nFROM ${
          table("correspondences")
        }`,
    }),
    table: rows.length === 0 ? null : {
      title: "Layers with intruders",
      columns: ["layer", "name", "intruders", "leading"],
      rows: rows.map((row): Cell[] => [row.other_index, row.other_layer, row.found, row.leading]),
      queries: comparedQueries(sidesOf(pair), {
        cypher: ({ between }) =>
          `MATCH (a:Layer)-[c:CORRESPONDS]->(b:Layer)\nWHERE ${between} AND c.intruders > 0\n` +
          "RETURN b.layer AS layer, b.name AS name, c.intruders AS intruders, c.leading_neurons AS leading\n" +
          "ORDER BY intruders DESC, a.layer, layer",
        sql: ({ table }) =>
          "SELECT other_layer AS layer, other_name AS name, intruders, leading_neurons AS leading\n" +
          `FROM ${table("correspondences")}\nWHERE intruders > 0 ORDER BY intruders DESC, base_layer, layer`,
      }),
    },
    caveats: [
      "both numbers of an intruder are choices",
      "null neurons, and those that share a singular value or have not converged, are not looked at",
    ],
  })];
}

function changedLayers(pair: PairReport): Finding[] {
  const { correspondences } = pair;
  if (correspondences.length === 0) return [];
  const change = ({ relative_change: value }: typeof correspondences[number]) => value ?? -1;
  const rows = [...correspondences].sort((a, b) =>
    change(b) - change(a) || a.base_index - b.base_index || a.other_index - b.other_index
  ).slice(0, MOST_ROWS);
  const changed = correspondences.filter((row) => change(row) > 0).length;
  const unknown = correspondences.filter((row) => row.relative_change === null).length;
  const largest = rows[0]!.relative_change;
  const most = changed === 0 || largest === null
    ? ""
    : `, most of all ${shortened(rows[0]!.other_layer)}: its weights differ by ${
      percent(largest)
    } of their length`;
  const columns = ["relative_change", "change_rank", "kept", "lost", "gained"] as const;
  const listed = (of: string) => columns.map((name) => `${of}${name} AS ${name}`).join(", ");
  return [described({
    kind: "changed-layers",
    title: `${changed} of ${counted(correspondences.length, "layer")} that correspond changed${most}${
      unknown === 0 ? "" : `; of ${counted(unknown, "layer")} it is not known`
    }.`,
    surprise: null,
    numbers: numbersOf({ layers: correspondences.length, changed, relative_change: largest }),
    queries: comparedQueries(sidesOf(pair), {
      cypher: ({ between }) =>
        `MATCH (a:Layer)-[c:CORRESPONDS]->(b:Layer)\nWHERE ${between}\nRETURN count(c) AS layers, ` +
        "sum(CASE WHEN c.relative_change > 0 THEN 1 ELSE 0 END) AS changed, max(c.relative_change) AS relative_change",
      sql: ({ table }) =>
        "SELECT count(*) AS layers, count_if(relative_change > 0) AS changed, max(relative_change) AS relative_change\n" +
        `FROM ${table("correspondences")}`,
    }),
    table: {
      title: "Layers by their change",
      columns: ["layer", "name", ...columns],
      rows: rows.map((
        row,
      ): Cell[] => [row.other_index, row.other_layer, ...columns.map((name) => row[name])]),
      queries: comparedQueries(sidesOf(pair), {
        cypher: ({ between }) =>
          `MATCH (a:Layer)-[c:CORRESPONDS]->(b:Layer)\nWHERE ${between}\n` +
          `RETURN b.layer AS layer, b.name AS name, ${listed("c.")}\n` +
          `ORDER BY coalesce(relative_change, -1.0) DESC, a.layer, layer LIMIT ${MOST_ROWS}`,
        sql: ({ table }) =>
          `SELECT other_layer AS layer, other_name AS name, ${listed("")}\nFROM ${
            table("correspondences")
          }\n` +
          `ORDER BY coalesce(relative_change, -1) DESC, base_layer, layer LIMIT ${MOST_ROWS}`,
      }),
    },
    caveats: ["hidden channels in another order were put in the base's before, where their order is known"],
  })];
}

function tracks({ report, key, strongest }: KeyedSeries): Finding {
  const all = (of: "tracks" | "births" | "deaths") =>
    report.layers.reduce((sum, layer) => sum + layer[of], 0);
  return described({
    kind: "tracks",
    title: tracksSentence(report),
    surprise: null,
    numbers: numbersOf({
      checkpoints: report.models.length,
      tracks: all("tracks"),
      births: all("births"),
      deaths: all("deaths"),
    }),
    queries: comparedQueries(null, {
      cypher: () =>
        `MATCH (a:Layer)-[t:HAS_TRACK]->(:Layer)\nWHERE t.series_key = '${key}'\n` +
        "RETURN count(DISTINCT a.model) + 1 AS checkpoints, count(DISTINCT t.track) AS tracks, " +
        "sum(CASE WHEN t.birth THEN 1 ELSE 0 END) AS births, sum(CASE WHEN t.death THEN 1 ELSE 0 END) AS deaths",
      sql: ({ every }) =>
        "SELECT count(DISTINCT base) + 1 AS checkpoints, count(DISTINCT track) AS tracks, count_if(birth) AS births, " +
        `count_if(death) AS deaths\nFROM ${every("tracks")}\nWHERE series_key = '${key}'`,
    }),
    table: {
      title: "The strongest tracks",
      columns: ["track", "layer", "first_step", "last_step", "strength"],
      rows: strongestRows(strongest),
      queries: comparedQueries(null, {
        cypher: () =>
          `MATCH (a:Layer)-[t:HAS_TRACK]->(b:Layer)\nWHERE t.series_key = '${key}'\n` +
          `RETURN t.track AS track, min(CASE WHEN t.base_neuron IS NULL THEN b.layer ELSE a.layer END) AS layer,\n` +
          "  min(CASE WHEN t.base_neuron IS NULL THEN t.other_step ELSE t.base_step END) AS first_step,\n" +
          "  max(CASE WHEN t.other_neuron IS NULL THEN t.base_step ELSE t.other_step END) AS last_step,\n" +
          "  max(CASE WHEN t.base_neuron IS NULL OR t.other_singular_value > t.base_singular_value " +
          "THEN t.other_singular_value ELSE t.base_singular_value END) AS strength\n" +
          `ORDER BY strength DESC, track LIMIT ${MOST_ROWS}`,
        sql: ({ every }) =>
          "SELECT track, min(if(base_neuron IS NULL, other_layer, base_layer)) AS layer,\n" +
          "  min(if(base_neuron IS NULL, other_step, base_step)) AS first_step,\n" +
          "  max(if(other_neuron IS NULL, base_step, other_step)) AS last_step,\n" +
          `  max(greatest(base_singular_value, other_singular_value)) AS strength\nFROM ${
            every("tracks")
          }\n` +
          `WHERE series_key = '${key}' GROUP BY track ORDER BY strength DESC, track LIMIT ${MOST_ROWS}`,
      }),
    },
    caveats: [
      "a track goes on where a match is more than chance: p = 0.00135, corrected over all pairs of the layer",
    ],
  });
}

/** Of the strongest tracks what their table says. */
function strongestRows(steps: readonly TrackStepRow[]): Cell[][] {
  const rows = [...Map.groupBy(steps, ({ track }) => track)].map(([track, own]) => ({
    track,
    layer: Math.min(...own.map((row) => row.base_neuron === null ? row.other_index : row.base_index)),
    first: Math.min(...own.map((row) => row.base_neuron === null ? row.other_step : row.base_step)),
    last: Math.max(...own.map((row) => row.other_neuron === null ? row.base_step : row.other_step)),
    strength: Math.max(
      ...own.map((row) => Math.max(row.base_singular_value ?? 0, row.other_singular_value ?? 0)),
    ),
  }));
  return rows.sort((a, b) => b.strength - a.strength || a.track - b.track).slice(0, MOST_ROWS)
    .map(({ track, layer, first, last, strength }) => [track, layer, first, last, strength]);
}

function sidesOf({ base, other }: PairReport): ComparedWords["sides"] {
  const queried = (id: string) => ({ model: id, partition: encodeModelId(id) });
  return { base: queried(base.id), other: queried(other.id), folder: comparisonPartition(base.id, other.id) };
}

function numbersOf(values: Readonly<Record<string, Cell>>): FindingNumber[] {
  return Object.entries(values).map(([name, value]) => ({
    name,
    value,
    control: null,
    control_spread: null,
    derived: null,
  }));
}

interface Described extends Omit<Finding, "table" | "null_control"> {
  readonly table?:
    | { readonly queries: readonly Query[] } & Pick<FindingTable, "title" | "columns" | "rows">
    | null;
}

function described({ table = null, ...finding }: Described): Finding {
  return {
    ...finding,
    table: table === null ? null : { ...table, control: null, control_spread: null },
    null_control: NO_CONTROL,
  };
}
