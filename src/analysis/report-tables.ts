/** The tables of a model's report, as text. */

import type { Skipped } from "../model/layer.ts";
import type { Row } from "../model/tables.ts";
import type { Finding, FindingTable } from "./findings/finding.ts";
import { decimal, percent, pText, withSpread } from "./findings/words.ts";
import type { ModelReport, ReportedEdge } from "./report.ts";

/** A table of text; columns of numbers are marked, so that a renderer can align them. */
export interface ReportTable {
  readonly title: string;
  readonly header: readonly string[];
  readonly numeric: readonly boolean[];
  readonly rows: readonly (readonly string[])[];
}

/** The tables of a model's report: layers, connections, strongest edges, what was skipped if anything was, and means over layers. */
export function modelTables(report: ModelReport): ReportTable[] {
  const tables = [layerTable(report), connectionTable(report), edgeTable(report)];
  if (report.skipped.length > 0) tables.push(skippedTable(report.skipped));
  return [...tables, meansTable(report)];
}

/** The numbers of a finding. */
export function numbersTable({ numbers }: Pick<Finding, "numbers">): ReportTable {
  return table("Its numbers", [
    ["number", ({ name }) => name, false],
    ["value", ({ value }) => decimal(value), true],
    ["null control", ({ control, control_spread: spread }) => withSpread(control, spread), true],
    ["derived as", ({ derived }) => derived ?? "", false],
  ], numbers);
}

/** The rows of a finding, and behind them the same of the null control where there is one. */
export function findingTables(
  { title, columns, rows, control, control_spread: spread }: FindingTable,
): ReportTable[] {
  const numeric = columns.map((_, at) =>
    rows.every((row) => typeof row[at] === "number" || row[at] === null)
  );
  const ofControl = spread === null
    ? "The same in the null control"
    : "The same in the null controls, mean ± standard deviation";
  const cells = (all: FindingTable["rows"], around: FindingTable["control_spread"]) =>
    all.map((row, at) => row.map((cell, column) => withSpread(cell, around?.[at]?.[column] ?? null)));
  return [
    { title, header: columns, numeric, rows: cells(rows, null) },
    ...control === null ? [] : [{ title: ofControl, header: columns, numeric, rows: cells(control, spread) }],
  ];
}

/** Of the overlap that comes into a layer, or of all of the model's: what lies between near-kernels. */
const share = (value: unknown) => typeof value === "number" ? percent(value) : "";

function layerTable({ layers, sparsification, sparsification_expected: expected }: ModelReport): ReportTable {
  const model = typeof sparsification === "number"
    ? ` (of all overlap ${share(sparsification)} lies between near-kernels, by chance ${share(expected)})`
    : "";
  return table(`Layers${model}`, [
    ["#", (row) => text(row["layer_index"]), true],
    ["name", (row) => text(row["name"]), false],
    ["kind", (row) => text(row["kind"]), false],
    [
      "out x in x positions",
      (row) => [row["out_channels"], row["in_channels"], row["positions"]].join(" x "),
      true,
    ],
    ["neurons", (row) => text(row["rank"]), true],
    ["near-kernel", (row) => text(row["near_kernels"]), true],
    ["overlap there", (row) => share(row["sparsification"]), true],
    ["by chance", (row) => share(row["sparsification_expected"]), true],
    ["null", (row) => text(row["null_neurons"]), true],
    ["s_1", (row) => decimal(row["spectral_norm"]), true],
    ["stable rank", (row) => decimal(row["stable_rank"]), true],
    ["spikes", (row) => text(row["num_spikes"]), true],
    ["alpha", (row) => decimal(row["alpha"]), true],
    ["batch norm", (row) => text(row["batch_norm"]), false],
  ], layers);
}

function meansTable({ layer_means: { pooled, ...means } }: ModelReport): ReportTable {
  const title = `Means over layers, as in WeightWatcher's summary${
    pooled ? "" : " (convolutions as one matrix each)"
  }`;
  return table(title, [
    ["figure", ([name]) => name, false],
    ["mean", ([, value]) => decimal(value), true],
  ], Object.entries(means));
}

function connectionTable({ connections, test }: ModelReport): ReportTable {
  const chance = (row: Row) => Number(row["tests"]) * test.alpha;
  return table(
    `Connections (${test.null} null, p <= ${decimal(test.alpha)}, that is ${decimal(test.sigma)} sigma; ` +
      `significant: the same after ${test.correction} over the ${test.correction_over})`,
    [
      ["from", (row) => text(row["source"]), false],
      ["to", (row) => text(row["target"]), false],
      [
        "via",
        (row) => `${text(row["via"])}${partOf(row["part"], row["via"])} (${text(row["evidence"])})`,
        false,
      ],
      [
        "p, no shared channels",
        (row) => typeof row["shared_log_p"] === "number" ? pText(row["shared_log_p"]) : "",
        true,
      ],
      ["pairs", (row) => `${text(row["tests"])}${row["sparse"] === true ? " (sparse)" : ""}`, true],
      ["p <= alpha", (row) => text(row["nominal"]), true],
      ["by chance", (row) => decimal(chance(row)), true],
      ["ratio", (row) => chance(row) > 0 ? decimal(Number(row["nominal"]) / chance(row)) : "", true],
      ["significant", (row) => text(row["significant"]), true],
      ["by chance", (row) => decimal(row["expected_by_chance"]), true],
      ["max overlap", (row) => decimal(row["max_overlap"]), true],
    ],
    connections,
  );
}

/** Which of the connections between the same two layers: heads are counted from 0. */
function partOf(part: unknown, via: unknown): string {
  if (via === "attention-head") return ` ${Number(part)}`;
  return Number(part) > 0 ? `, part ${Number(part)}` : "";
}

function edgeTable({ strongest_edges: edges, connections }: ModelReport): ReportTable {
  const vias = new Map(
    connections.map((row) => [`${row["source"]}\n${row["target"]}\n${row["part"]}`, row["via"]]),
  );
  const head = (edge: ReportedEdge) =>
    partOf(edge.part, vias.get(`${edge.source_layer}\n${edge.target_layer}\n${edge.part}`)).replace(
      /^(?= \d)/,
      ", head",
    );
  return table("Strongest edges", [
    ["from", (edge) => `${edge.source_layer} #${edge.source_neuron}`, false],
    ["to", (edge) => `${edge.target_layer} #${edge.target_neuron}${head(edge)}`, false],
    ["overlap", (edge) => decimal(edge.overlap), true],
    ["sigma", (edge) => decimal(edge.sigma), true],
    ["p", (edge) => pText(edge.log_p), true],
  ], edges);
}

/** Most models have one bias per layer; their reasons are all alike. */
const MOST_SKIPPED = 8;

function skippedTable(skipped: readonly Skipped[]): ReportTable {
  const byReason = Map.groupBy(skipped, ({ subject, reason }) => `${subject}\n${reason}`);
  return table("Skipped", [
    ["what", ([first]) => first?.subject ?? "", false],
    ["how many", (group) => String(group.length), true],
    ["why", ([first]) => first?.reason ?? "", false],
    [
      "which",
      (group) =>
        group.slice(0, MOST_SKIPPED).map(({ name }) => name).join(", ") +
        (group.length > MOST_SKIPPED ? ", …" : ""),
      false,
    ],
  ], [...byReason.values()]);
}

type Column<T> = readonly [header: string, cell: (row: T) => string, numeric: boolean];

function table<T>(title: string, columns: readonly Column<T>[], rows: readonly T[]): ReportTable {
  return {
    title,
    header: columns.map(([header]) => header),
    numeric: columns.map(([, , numeric]) => numeric),
    rows: rows.map((row) => columns.map(([, cell]) => cell(row))),
  };
}

function text(value: Row[string] | undefined): string {
  return value === null || value === undefined ? "" : String(value);
}
