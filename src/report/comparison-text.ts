/** A comparison of models, for people: as text for a terminal, and as Markdown. */

import type { ReportTable } from "../analysis/report-tables.ts";
import { decimal, percent, pText, shortened } from "../analysis/findings/words.ts";
import type { ComparisonReport, CorrespondenceRow, PairReport } from "../compare/comparison-report.ts";
import { lineageSentence } from "../compare/lineage.ts";
import { counted } from "../model/counted.ts";
import { plainTable } from "./plain-table.ts";
import { seriesSentences, seriesTables } from "./series-text.ts";
import { PLAIN, type Screen, wrapped } from "./screen.ts";
import { fencedBlock, markdownTable, markdownText, printable } from "./text.ts";

/** Layers are listed by their change; so many on a terminal. */
const MOST_LAYERS = 20;

/** So many kinds of layer are named in a sentence. */
const MOST_KINDS = 4;

/** All comparisons as text. */
export function comparisonText(report: ComparisonReport, { width, bold }: Screen = PLAIN): string {
  const { series } = report;
  if (series.length > 0) {
    return series.map((each) => {
      const said = seriesSentences(each).map((sentence) => wrapped(printable(sentence), width));
      const tables = seriesTables(each, report).map(({ title, rows, ...frame }) => {
        const more = rows.length - MOST_LAYERS;
        return [
          bold(title),
          plainTable({ ...frame, rows: rows.slice(0, MOST_LAYERS) }, { width }),
          ...more > 0 ? [`${more} more: see --out <dir> or --json`] : [],
        ].join("\n");
      });
      return `${[said.join("\n"), ...tables].join("\n\n")}\n`;
    }).join("\n");
  }
  const shown = report.comparisons.map((pair) => {
    const title = printable(`${pair.other.id}, compared with ${pair.base.id}`);
    const said = comparisonSentences(pair).map((each) => wrapped(printable(each), width));
    const { rows, ...frame } = changeTable(pair);
    const more = rows.length - MOST_LAYERS;
    const table = plainTable({ ...frame, rows: rows.slice(0, MOST_LAYERS) }, { width });
    const rest = more > 0 ? [`${counted(more, "more layer")}: see --out <dir> or --json`] : [];
    return [bold(title), ...said, "", ...rows.length > 0 ? [table] : [], ...rest].join("\n");
  });
  const forest = forestTable(report);
  const tree = forest === null ? [] : [`${bold(forest.title)}\n${plainTable(forest, { width })}`];
  return `${[...tree, ...shown].join("\n\n")}\n`;
}

/** All comparisons as Markdown, every layer. */
export function comparisonMarkdown(report: ComparisonReport): string {
  const sections = report.comparisons.map((pair) =>
    [
      `## ${markdownText(`${pair.other.id}, compared with ${pair.base.id}`)}`,
      ...comparisonSentences(pair).map(markdownText),
      markdownTable(changeTable(pair)),
      ...pair.not_compared.map(({ side, layer, reason }) =>
        `- ${markdownText(`${layer} of the ${side === "base" ? "base" : "other model"}: ${reason}`)}`
      ),
    ].join("\n\n")
  );
  const forest = forestTable(report);
  const tree = forest === null
    ? []
    : [`## ${forest.title}`, markdownTable(forest), fencedBlock(forestDrawing(report), "mermaid")];
  const series = report.series.flatMap((each) => [
    ...report.series.length > 1 ? [`## Series ${markdownText(each.series)}`] : [],
    ...seriesSentences(each).map(markdownText),
    ...seriesTables(each, report).flatMap((table) => [`## ${table.title}`, markdownTable(table)]),
  ]);
  return `${["# Models compared", MEANING, ...series, ...tree, ...sections].join("\n\n")}\n`;
}

/** Null where all were compared with the base only. */
function forestTable({ forest }: ComparisonReport): ReportTable | null {
  if (forest.length === 0) return null;
  return {
    title: "Kin, joined by least distances",
    header: ["model", "and model", "weights differ by"],
    numeric: [false, false, true],
    rows: forest.map(({ base, other, distance }) => [other, base, percent(distance)]),
  };
}

/** The forest as a drawing; which of two models came first weights do not tell. */
function forestDrawing({ forest }: ComparisonReport): string {
  const ids = [...new Set(forest.flatMap(({ base, other }) => [base, other]))];
  const node = (id: string) => `m${ids.indexOf(id)}`;
  return [
    "graph LR",
    ...ids.map((id) => `  ${node(id)}["${printable(id).replaceAll('"', "#quot;").replaceAll("`", "#96;")}"]`),
    ...forest.map(({ base, other, distance }) =>
      `  ${node(base)} ---|"${percent(distance)}"| ${node(other)}`
    ),
  ].join("\n");
}

/** What the p of a lineage means. */
const MEANING =
  "p of a lineage: how surprising it would be if the two models had been initialized and trained apart. Layers are sorted by their change.";

/** What was found, a sentence each. */
export function comparisonSentences(pair: PairReport): string[] {
  return [
    lineageSentence(shortened(pair.base.id), shortened(pair.other.id), pair.kinship, pText),
    correspondence(pair),
    ...orderSentence(pair),
    ...intruderSentence(pair),
    ...rankSentence(pair),
  ];
}

function orderSentence({ correspondences, kinship: { reordered } }: PairReport): string[] {
  if (reordered === 0) return [];
  const out = correspondences.filter((row) => row.reordered === "out" || row.reordered === "both").map((
    { base_layer: name },
  ) => name);
  const named = out.slice(0, MOST_KINDS).map(shortened).join(", ");
  return [
    `Hidden channels of ${counted(reordered, "layer")} (${named}${
      out.length > MOST_KINDS ? ", and others" : ""
    }) stand in another order; they were put in the base's before anything but the lineage was looked at.`,
  ];
}

function correspondence({ correspondences, not_compared: left, kinship }: PairReport): string {
  const ways = (["name", "alias", "spectrum"] as const).map((way) =>
    [way, correspondences.filter(({ evidence }) => evidence === way).length] as const
  ).filter(([, count]) => count > 0);
  const words = {
    name: "by name",
    alias: "by its name in another format",
    spectrum: "by singular values alone",
  };
  const how = ways.map(([way, count]) => `${count} ${words[way]}`).join(", ");
  const without = left.length > 0 ? `; ${counted(left.length, "layer")} could not be compared` : "";
  const { distance } = kinship;
  const change = distance === null ? "" : ` Their weights differ by ${percent(distance)} of their length.`;
  return `${counted(correspondences.length, "layer")} correspond${correspondences.length === 1 ? "s" : ""}${
    how === "" ? "" : ` (${how})`
  }${without}.${change}`;
}

/** How many leading neurons are intruders, and where; nothing where none was looked at. */
export function intruderSentence(pair: PairReport): string[] {
  const { leading, intruder_cosine: cosine } = pair;
  const looked = sum(pair.correspondences, (row) => row.leading);
  if (looked === 0) return [];
  const count = sum(pair.correspondences, (row) => row.intruders.length);
  const kinds = new Map<string, number>();
  for (const { other_layer: name, intruders } of pair.correspondences) {
    const last = name.split(".").at(-1)!;
    const kind = /^\d+$/.test(last) ? name : last;
    if (intruders.length > 0) kinds.set(kind, (kinds.get(kind) ?? 0) + intruders.length);
  }
  const named = [...kinds].sort((a, b) => b[1] - a[1]);
  const most = named.slice(0, MOST_KINDS).map(([kind, each]) => `${each} in ${shortened(kind)}`).join(", ");
  const rest = named.length > MOST_KINDS ? `, and others` : "";
  return [
    `${count} of ${looked} leading neurons are intruders${count > 0 ? `: ${most}${rest}` : ""} ` +
    `(of the ${leading} leading neurons of a layer, those whose left vector has no cosine of ${cosine} or more with any of the base's).`,
  ];
}

function rankSentence({ correspondences }: PairReport): string[] {
  const changed = correspondences.filter(({ change_stable_rank: rank }) => rank !== null);
  if (changed.length === 0) return correspondences.length === 0 ? [] : ["No weight has changed."];
  const most = Math.max(...changed.map(({ change_rank: rank }) => rank ?? Infinity));
  const unchanged = correspondences.length - changed.length;
  const still = unchanged > 0 ? [`${counted(unchanged, "layer")} did not change.`] : [];
  if (most === Infinity) return still;
  const rank = most === 0
    ? "No layer has changed by more than the rounding of its weights' types."
    : `The change of every layer has rank ${most} or less.`;
  return [[rank, ...still].join(" ")];
}

const sum = (rows: readonly CorrespondenceRow[], of: (row: CorrespondenceRow) => number) =>
  rows.reduce((total, row) => total + of(row), 0);

function changeTable({ correspondences }: PairReport): ReportTable {
  const rows = [...correspondences].sort((a, b) => (b.relative_change ?? 0) - (a.relative_change ?? 0));
  const subspace = (row: CorrespondenceRow) => {
    const largest = row.subspaces.filter(({ dimensions }) => dimensions <= 16).at(-1);
    return largest === undefined ? "" : decimal(largest.left);
  };
  const columns: readonly (readonly [string, (row: CorrespondenceRow) => string])[] = [
    ["layer", (row) => row.other_layer],
    ["change", (row) => row.relative_change === null ? "" : percent(row.relative_change)],
    ["its rank", (row) => row.change_rank === null ? "" : String(row.change_rank)],
    ["stable rank", (row) => decimal(row.change_stable_rank)],
    ["spectra apart", (row) => decimal(row.spectrum_distance)],
    ["leading subspace alike", subspace],
    ["neurons kept", (row) => decimal(row.kept)],
    ["lost", (row) => decimal(row.lost)],
    ["gained", (row) => decimal(row.gained)],
    ["intruders", (row) => String(row.intruders.length)],
  ];
  return {
    title: "Layers by change",
    header: columns.map(([name]) => name),
    numeric: columns.map((_, at) => at > 0),
    rows: rows.map((row) => columns.map(([, text]) => text(row))),
  };
}
