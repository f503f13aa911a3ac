/** What is known of the selected neuron, layer or connection. */

import { h } from "preact";
import type { Change } from "./navigation.ts";
import type { EdgeColumns } from "./edges.ts";
import { EdgeTable } from "./edge-table.ts";
import { counted } from "../label.ts";
import { figure } from "./numbers.ts";
import { FilterPanel } from "./patterns/filter-panel.ts";
import { NeuronPatternsPanel, type PatternSource } from "./patterns/neuron-patterns-panel.ts";
import { OverlapMatrix } from "./pictures/overlap-matrix.ts";
import type { Row, ViewedModel } from "./protocol.ts";
import type { NeuronAt } from "./pictures/scene.ts";
import { SpectrumChart } from "./pictures/spectrum-chart.ts";

/** What all panels need. */
interface PanelProps {
  readonly model: ViewedModel;
  readonly change: Change;
  readonly select: (neuron: NeuronAt | null) => void;
}

/** Columns of a row as a list of names and values. */
export function Facts({ row, without = [] }: { readonly row: Row; readonly without?: readonly string[] }) {
  return h(
    "dl",
    { class: "facts" },
    Object.entries(row).filter(([name]) => !without.includes(name)).flatMap(([name, value]) => [
      h("dt", { key: name }, name),
      h("dd", { key: `${name}=` }, figure(value)),
    ]),
  );
}

/** A connection by its layers' names. */
export function connectionName({ layers }: ViewedModel, row: Row): string {
  const name = (index: unknown) => layers[Number(index)]?.name ?? String(index);
  const part = Number(row["part"]) === 0 ? "" : `, part ${String(row["part"])}`;
  return `${name(row["source_layer"])} → ${name(row["target_layer"])}${part}`;
}

/** Source, target and part of a row of `connections`. */
export const keyOf = (
  row: Row,
): readonly [number, number, number] => [
  Number(row["source_layer"]),
  Number(row["target_layer"]),
  Number(row["part"]),
];

/** Connections of a model, or of one of its layers: each opens its overlap matrix. */
export function ConnectionList(
  { model, change, of }: Omit<PanelProps, "select"> & { readonly of: readonly Row[] },
) {
  return h(
    "div",
    { class: "rows" },
    h(
      "table",
      null,
      h("caption", null, "Connections"),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          ...["connection", "evidence", "edges", "by chance"].map((name) => h("th", { scope: "col" }, name)),
        ),
      ),
      h(
        "tbody",
        null,
        of.map((row) =>
          h(
            "tr",
            { key: keyOf(row).join("-") },
            h(
              "td",
              null,
              h(
                "button",
                {
                  type: "button",
                  class: "link",
                  onClick: () => change({ connection: keyOf(row), filter: null, layer: null, neuron: null }),
                },
                connectionName(model, row),
              ),
            ),
            h("td", null, figure(row["evidence"])),
            h("td", { class: "number" }, figure(row["significant"])),
            h("td", { class: "number" }, figure(row["expected_by_chance"])),
          )
        ),
      ),
    ),
  );
}

/** How many neurons of a layer are kept, and how many of them are not tested. */
function Kept({ layer: { converged, residual } }: { readonly layer: ViewedModel["layers"][number] }) {
  const count = converged.length;
  if (count === 0) return null;
  const unconverged = count - converged.reduce((sum, flag) => sum + flag, 0);
  const kept = Number.isNaN(residual[0])
    ? `All ${counted(count, "neuron")} were computed.`
    : `Only the leading neurons were computed: ${count}.`;
  return h(
    "p",
    unconverged === 0 ? { class: "quiet" } : { role: "note" },
    unconverged === 0
      ? kept
      : `${kept} ${unconverged} of them have not converged: these are not tested, and have no edge.`,
  );
}

/** A layer: its spectrum, its columns, its connections. */
export function LayerPanel({ model, change, select, layer, neuron }: PanelProps & {
  readonly layer: number;
  readonly neuron: number | null;
}) {
  const found = model.layers[layer];
  if (found === undefined) return null;
  const of = model.connections.filter((row) =>
    row["source_layer"] === layer || row["target_layer"] === layer
  );
  return h(
    "section",
    { "aria-label": "Layer" },
    h("h2", null, found.name),
    h(Kept, { layer: found }),
    h(SpectrumChart, { layer: found, neuron, select: (each: number) => select({ layer, neuron: each }) }),
    h(Facts, { row: found.row, without: ["layer_index", "name", "model"] }),
    of.length === 0
      ? h("p", null, "This layer has no connection.")
      : h(ConnectionList, { model, change, of }),
  );
}

/** A neuron: its numbers, what it looks like, and all of its edges. */
export function NeuronPanel(
  { model, change, select, neuron: { layer, neuron }, edges, source, patterns }: PanelProps & {
    readonly neuron: NeuronAt;
    readonly edges: EdgeColumns | null;
    readonly source: PatternSource;
    /** Whether what it looks like is shown. */
    readonly patterns: boolean;
  },
) {
  const found = model.layers[layer];
  if (found === undefined || !(neuron in found.singularValues)) return null;
  const value = found.singularValues[neuron]!;
  const [largest = 0] = found.singularValues;
  return h(
    "section",
    { "aria-label": "Neuron" },
    h("h2", null, `${found.name}, neuron ${neuron}`),
    h(Facts, {
      row: {
        singular_value: value,
        relative: largest > 0 ? value / largest : null,
        intensity: found.intensity[neuron]!,
        near_kernel: found.nearKernel[neuron] === 1,
        null: found.nullNeuron[neuron] === 1,
        residual: found.residual[neuron]!,
        converged: found.converged[neuron] === 1,
      },
    }),
    found.converged[neuron] === 1 ? null : h(
      "p",
      { role: "note" },
      "This neuron has not converged: its residual exceeds the tolerance, or it cannot be told apart from neurons of nearly the same " +
        "singular value. It is not tested, so it has no edge.",
    ),
    h(NeuronPatternsPanel, { source, at: { layer, neuron }, open: patterns, change }),
    edges === null
      ? h("p", null, "Reading its edges …")
      : edges.overlap.length === 0
      ? h("p", null, "It has no edge in the table.")
      : h(EdgeTable, { title: "Edges of this neuron", layers: model.layers, edges, order: "first", select }),
  );
}

/** A connection: its overlap matrix, its columns, its edges, and the effective filter of one of them. */
export function ConnectionPanel(
  { model, change, select, connection, edges, source: patterns, filter }: PanelProps & {
    readonly connection: readonly [number, number, number];
    readonly edges: EdgeColumns | null;
    readonly source: PatternSource;
    /** Source and target neuron whose filter is shown; null for none. */
    readonly filter: readonly [number, number] | null;
  },
) {
  const row = model.connections.find((each) => keyOf(each).join() === connection.join());
  const [source, target] = [model.layers[connection[0]], model.layers[connection[1]]];
  if (row === undefined || source === undefined || target === undefined) return null;
  return h(
    "section",
    { "aria-label": "Connection" },
    h("h2", null, connectionName(model, row)),
    edges === null ? h("p", null, "Reading its edges …") : h(OverlapMatrix, {
      source,
      target,
      at: { source: connection[0], target: connection[1] },
      edges,
      select,
    }),
    filter === null ? null : h(FilterPanel, { source: patterns, connection, neurons: filter }),
    h(Facts, { row, without: ["source_layer", "target_layer", "part", "model"] }),
    edges === null ? null : h(EdgeTable, {
      title: "Edges of this connection",
      layers: model.layers,
      edges,
      order: "first",
      select,
      filter: (source, target) => change({ filter: [source, target] }),
    }),
  );
}
