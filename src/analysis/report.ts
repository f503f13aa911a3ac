/** What a run found, in words and tables: one content for the terminal, for `report.md` and for `report.json`. */

import type { LayerGraph, Skipped } from "../model/layer.ts";
import type { Row, TableName } from "../model/tables.ts";

/** A strong edge, with the names of its layers. */
export interface ReportedEdge {
  readonly source_layer: string;
  readonly source_neuron: number;
  readonly target_layer: string;
  readonly target_neuron: number;
  readonly overlap: number;
  readonly log_p: number;
  readonly sigma: number;
}

/** What a run found in one model. */
export interface ModelReport {
  readonly id: string;
  readonly uri: string;
  readonly format: string;
  readonly warnings: readonly string[];
  /** Rows written, per table: what a reader of the files must count too. */
  readonly rows: Readonly<Record<TableName, number>>;
  /** Rows of the layers table, each with its number of near-kernel neurons. */
  readonly layers: readonly Row[];
  /** Rows of the connections table, with the names of both layers. */
  readonly connections: readonly Row[];
  readonly skipped: readonly Skipped[];
  readonly strongest_edges: readonly ReportedEdge[];
}

/** How the edges of a run were tested. */
export interface TestReport {
  readonly null: string;
  readonly alpha: number;
  readonly sigma: number;
  readonly correction: string;
  readonly correction_over: string;
}

/** What a p-value of this method says, and what it does not. */
export const P_VALUE_MEANING =
  "A p-value says how surprising an overlap would be if the singular vectors pointed in random directions. Trained " +
  "weights are not random: a small p-value says that two layers are aligned, not why, and not that it matters.";

/** What a model report is made from. */
export interface ModelFindings {
  readonly graph: LayerGraph;
  readonly rows: Readonly<Record<TableName, number>>;
  readonly layers: readonly Row[];
  readonly connections: readonly Row[];
  readonly nearKernelCounts: readonly number[];
  readonly skipped: readonly Skipped[];
  readonly approximations: readonly string[];
  readonly strongest: readonly {
    readonly sourceLayer: number;
    readonly sourceNeuron: number;
    readonly targetLayer: number;
    readonly targetNeuron: number;
    readonly overlap: number;
    readonly logP: number;
    readonly sigma: number;
  }[];
}

/** The report of one model. */
export function modelReport(
  { id, uri, format }: { readonly id: string; readonly uri: string; readonly format: string },
  findings: ModelFindings,
): ModelReport {
  const name = (index: unknown) => findings.graph.layers[Number(index)]?.name ?? String(index);
  return {
    id,
    uri,
    format,
    warnings: [...findings.graph.warnings, ...findings.approximations],
    rows: findings.rows,
    layers: findings.layers.map((row, at) => ({ ...row, near_kernels: findings.nearKernelCounts[at] ?? 0 })),
    connections: findings.connections.map((row) => ({
      ...row,
      source: name(row["source_layer"]),
      target: name(row["target_layer"]),
    })),
    skipped: findings.skipped,
    strongest_edges: findings.strongest.map((edge) => ({
      source_layer: name(edge.sourceLayer),
      source_neuron: edge.sourceNeuron,
      target_layer: name(edge.targetLayer),
      target_neuron: edge.targetNeuron,
      overlap: edge.overlap,
      log_p: edge.logP,
      sigma: edge.sigma,
    })),
  };
}

/** A table of text; columns of numbers are marked, so that a renderer can align them. */
export interface ReportTable {
  readonly title: string;
  readonly header: readonly string[];
  readonly numeric: readonly boolean[];
  readonly rows: readonly (readonly string[])[];
}

/** The tables of a model's report: layers, connections, strongest edges, and what was skipped if anything was. */
export function modelTables(report: ModelReport, test: TestReport): ReportTable[] {
  const tables = [layerTable(report), connectionTable(report, test), edgeTable(report)];
  if (report.skipped.length > 0) tables.push(skippedTable(report.skipped));
  return tables;
}

function layerTable({ layers }: ModelReport): ReportTable {
  return table("Layers", [
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
    ["s_1", (row) => decimal(row["spectral_norm"]), true],
    ["stable rank", (row) => decimal(row["stable_rank"]), true],
    ["batch norm", (row) => text(row["batch_norm"]), false],
  ], layers);
}

function connectionTable({ connections }: ModelReport, test: TestReport): ReportTable {
  const chance = (row: Row) => Number(row["tests"]) * test.alpha;
  return table(
    `Connections (${test.null} null, p <= ${decimal(test.alpha)}, that is ${decimal(test.sigma)} sigma; ` +
      `significant: the same after ${test.correction} over the ${test.correction_over})`,
    [
      ["from", (row) => text(row["source"]), false],
      ["to", (row) => text(row["target"]), false],
      ["via", (row) => `${text(row["via"])} (${text(row["evidence"])})`, false],
      ["pairs", (row) => text(row["tests"]), true],
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

function edgeTable({ strongest_edges: edges }: ModelReport): ReportTable {
  return table("Strongest edges", [
    ["from", (edge) => `${edge.source_layer} #${edge.source_neuron}`, false],
    ["to", (edge) => `${edge.target_layer} #${edge.target_neuron}`, false],
    ["overlap", (edge) => decimal(edge.overlap), true],
    ["sigma", (edge) => decimal(edge.sigma), true],
    ["log10 p", (edge) => decimal(edge.log_p / Math.LN10), true],
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

/** Four significant digits; what has fewer is not padded. */
function decimal(value: Row[string] | undefined): string {
  if (typeof value !== "number") return text(value);
  if (!Number.isFinite(value) || value === 0) return String(value);
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-4 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}
