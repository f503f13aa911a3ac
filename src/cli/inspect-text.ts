/** An inspection for people: tables, and drawings in the languages of Mermaid and Graphviz. */

import type { ReportTable } from "../analysis/report-tables.ts";
import type { InspectedConnection, InspectedLayer, Inspection } from "../run/inspect.ts";
import type { InspectedSpace, SpaceMember } from "../run/inspected-spaces.ts";
import type { AuditReport } from "../model/audit-report.ts";
import { counted } from "../model/counted.ts";
import { quantizedWeights } from "../run/records/quantized-weights.ts";
import { plainTable } from "../report/plain-table.ts";
import { printable } from "../report/text.ts";

/** How `svr inspect` answers. */
export const INSPECT_FORMATS = ["table", "json", "mermaid", "dot", "topology"] as const;

/** A name in `INSPECT_FORMATS`. */
export type InspectFormat = typeof INSPECT_FORMATS[number];

/** More ranges of a channel map than this are counted, not listed. */
const MOST_RANGES = 4;

/** Writes inspections. */
export function inspectionText(
  models: readonly Inspection[],
  format: Exclude<InspectFormat, "topology">,
  width = Infinity,
): string {
  switch (format) {
    case "table":
      return models.map((model) => asTables(model, width)).join("\n");
    case "json":
      return `${JSON.stringify(models, null, 2)}\n`;
    case "mermaid":
      return models.map(asMermaid).join("\n");
    case "dot":
      return models.map(asDot).join("\n");
  }
}

function asTables(model: Inspection, width: number): string {
  const head = [
    printable(`${model.id}  (${model.format}, ${model.uri})`),
    ...model.series === null ? [] : [printable(`  series: ${model.series}, step ${model.step ?? "unknown"}`)],
    ...Object.entries(model.metadata).map(([key, value]) => `  ${printable(`${key}: ${value}`)}`),
  ];
  const spaces = model.spaces === undefined || model.spaces.length === 0
    ? ""
    : `Channel spaces, from the weights: who writes, who reads, p after correction\n${
      spaceText(model.spaces)
    }\n`;
  const tables = inspectionTables(model).map((table) => `${table.title}\n${plainTable(table, { width })}\n`);
  const audit = model.audit === undefined ? "" : `${auditText(model.audit)}\n`;
  return `${head.join("\n")}\n\n${audit}${spaces}${tables.join("\n")}`;
}

/** What the weights say to a topology: counts, and a line for each thing that is amiss. */
function auditText({ looked, connections, contradicted, exchanged, undeclared }: AuditReport): string {
  const { shown, supported, untold, untested } = connections;
  const all = Object.values(connections).reduce((sum, count) => sum + count, 0);
  const line = (what: string, text: string) => `  ${what}: ${printable(text)}\n`;
  return [
    `Audit: what the weights say to the topology, by ${counted(looked, "pair")} of sides of layers\n`,
    `  of ${
      counted(all, "connection")
    } they show ${shown}, support ${supported} and contradict ${connections.contradicted}; `,
    `they do not tell of ${untold}, and ${untested} cannot be tested\n`,
    ...contradicted.map(({ said }) => line("contradicted", said)),
    ...exchanged.map(({ said }) => line("exchanged", said)),
    ...undeclared.map(({ said }) => line("not declared", said)),
  ].join("");
}

/** Spaces of channels as drawings, a blank line between them: who writes to them on the left, who reads them on the right. */
function spaceText(spaces: readonly InspectedSpace[]): string {
  return spaces.map(drawingOf).join("\n");
}

function drawingOf({ channels, writers, readers }: InspectedSpace): string {
  const title = `${channels} channels`;
  const left = writers.map(memberText);
  const right = readers.map(memberText);
  const width = Math.max(0, ...left.map((text) => text.length));
  const lines = Array.from({ length: Math.max(left.length, right.length) }, (_, at) => {
    const [from, to] = [left[at], right[at]];
    const middle = at === 0 ? title : " ".repeat(title.length);
    const head = `  ${(from ?? "").padEnd(width)} ${from === undefined ? "   " : "-->"} | ${middle} |`;
    return to === undefined ? head : `${head} --> ${to}`;
  });
  return `${lines.join("\n")}\n`;
}

const memberText = ({ layer, log_p }: SpaceMember) => printable(`${layer} (p ${powerOfTen(log_p)})`);

/** `1e-12`: the power of ten at or above a p. */
const powerOfTen = (logP: number) => `1e${Math.ceil(logP / Math.LN10) || "-0"}`.replace("1e-0", "1");

/** The tables of an inspection. */
export function inspectionTables({ layers, connections, tensors, skipped }: Inspection): ReportTable[] {
  const count = (use: string) => tensors.filter((tensor) => tensor.use === use).length;
  const tables: ReportTable[] = [
    tableOf("Layers", layers, [
      ["name", (layer) => layer.name],
      ["kind", (layer) => layer.kind],
      ["evidence", (layer) => layer.evidence],
      ["dtype", (layer) => layer.dtype],
      ["shape", (layer) => layer.shape.join(" x ")],
      ["out", (layer) => layer.out_channels],
      ["in", (layer) => layer.in_channels],
      ["positions", (layer) => layer.positions],
      ["groups", (layer) => layer.groups],
      ["matrix", (layer) => layer.matrix],
      ["batch norm", (layer) => layer.batch_norm],
      ["gain", (layer) => layer.norm_gain],
    ]),
    tableOf("Connections", connections, [
      ["from", ({ from }) => from],
      ["to", ({ to }) => to],
      ["part", ({ part }) => part],
      ["via", ({ via }) => via],
      ["evidence", ({ evidence, supported }) => supported === true ? `${evidence}, supported` : evidence],
      ["channels", ({ channels }) => channels],
      ["z", ({ positions }) => positions],
      ["map (source to target)", mapText],
    ]),
  ];
  const folded = tensors.filter(({ use }) => use === "folded");
  if (folded.length > 0) {
    tables.push(
      tableOf("Folded", folded, [["tensor", ({ name }) => name], ["into", ({ what }) => what]]),
    );
  }
  const quantized = quantizedWeights(tensors);
  if (quantized.length > 0) {
    tables.push(tableOf("Quantized", quantized, [
      ["read as", ({ rule }) => rule],
      ["weights", ({ tensors }) => tensors],
      ["the first", ({ first }) => first],
    ]));
  }
  if (skipped.length > 0) {
    tables.push(tableOf("Skipped", skipped, [
      ["what", ({ subject }) => subject],
      ["name", ({ name }) => name],
      ["why", ({ reason }) => reason],
    ]));
  }
  tables.push(tableOf("Tensors", [null], [
    ["in all", () => tensors.length],
    ["weights", () => count("weight")],
    ["folded", () => count("folded")],
    ["skipped", () => count("skipped")],
  ]));
  return tables;
}

function tableOf<T>(
  title: string,
  items: readonly T[],
  columns: readonly (readonly [name: string, cell: (item: T) => string | number])[],
): ReportTable {
  const cells = items.map((item) => columns.map(([, cell]) => cell(item)));
  return {
    title,
    header: columns.map(([name]) => name),
    numeric: columns.map((_, at) => cells.length > 0 && cells.every((row) => typeof row[at] === "number")),
    rows: cells.map((row) => row.map(String)),
  };
}

/** `0-63 to 64-127`; `all` for the identity over every in channel there is. */
function mapText({ map, channels }: InspectedConnection): string {
  const [only] = map;
  if (map.length === 1 && only?.source === 0 && only.target === 0) return `0-${channels - 1}, in order`;
  const said = map.slice(0, MOST_RANGES).map(({ source, target, length }) =>
    `${source}-${source + length - 1} to ${target}-${target + length - 1}`
  );
  return `${said.join(", ")}${map.length > MOST_RANGES ? ` and ${map.length - MOST_RANGES} more` : ""}`;
}

const sizeOf = ({ kind, out_channels, in_channels, positions, groups }: InspectedLayer) =>
  `${kind} ${in_channels}${positions > 1 ? ` x ${positions}` : ""} to ${out_channels}${
    groups > 1 ? `, ${groups} groups` : ""
  }`;

/** Connections between the same two layers are one arrow. */
function arrows({ layers, connections }: Inspection) {
  const index = new Map(layers.map(({ name }, at) => [name, at]));
  const together = Map.groupBy(connections, ({ from, to }) => `${index.get(from)} ${index.get(to)}`);
  return [...together].map(([ends, all]) => {
    const [source, target] = ends.split(" ") as [string, string];
    const [{ via, evidence }] = all as [InspectedConnection, ...InspectedConnection[]];
    return {
      source,
      target,
      label: all.length > 1 ? `${via} x ${all.length}` : via,
      guessed: evidence === "guessed",
    };
  });
}

function asMermaid(model: Inspection): string {
  const quoted = (text: string) =>
    `"${printable(text).replaceAll(/[^\w .,:/()-]/gu, (c) => `#${c.codePointAt(0)};`)}"`;
  const title = printable(model.id).replaceAll(/[^\w ./-]/gu, "_");
  return [
    "flowchart TD",
    `  %% ${title}`,
    ...model.layers.map((layer, at) => `  L${at}[${quoted(`${layer.name}: ${sizeOf(layer)}`)}]`),
    ...arrows(model).map(({ source, target, label, guessed }) =>
      `  L${source} ${guessed ? "-." : "--"} ${quoted(label)} ${guessed ? ".->" : "-->"} L${target}`
    ),
    "",
  ].join("\n");
}

function asDot(model: Inspection): string {
  const quoted = (text: string) => `"${printable(text).replaceAll(/["\\]/g, (c) => `\\${c}`)}"`;
  return [
    `digraph ${quoted(model.id)} {`,
    "  node [shape=box];",
    ...model.layers.map((layer, at) =>
      `  L${at} [label="${quoted(layer.name).slice(1, -1)}\\n${quoted(sizeOf(layer)).slice(1, -1)}"];`
    ),
    ...arrows(model).map(({ source, target, label, guessed }) =>
      `  L${source} -> L${target} [label=${quoted(label)}${guessed ? ", style=dashed" : ""}];`
    ),
    "}",
    "",
  ].join("\n");
}
