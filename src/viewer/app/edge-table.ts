/** Edges as a table: what a canvas shows to the eye, for keyboards and screen readers too. */

import { h } from "preact";
import type { EdgeColumns } from "./edges.ts";
import { count, probability } from "../label.ts";
import { figure } from "./numbers.ts";
import type { ViewedLayer } from "./protocol.ts";
import type { NeuronAt } from "./pictures/scene.ts";

/** Rows that are shown. */
const SHOWN = 200;

/** Which edges, under which title. */
export interface EdgeTableProps {
  readonly title: string;
  readonly layers: readonly ViewedLayer[];
  readonly edges: EdgeColumns;
  /** Rows of `edges`, in the order in which they are shown. */
  readonly order: "first" | "last";
  readonly select: (neuron: NeuronAt) => void;
  /** Shows the effective filter of an edge; none are shown where it is absent. */
  readonly filter?: (source: number, target: number) => void;
}

/** A row an edge; each end is a button that selects its neuron. */
export function EdgeTable({ title, layers, edges, order, select, filter }: EdgeTableProps) {
  const all = edges.overlap.length;
  const rows = Array.from({ length: Math.min(SHOWN, all) }, (_, at) => order === "first" ? at : all - 1 - at);
  const end = (layer: number, neuron: number) =>
    h(
      "button",
      { type: "button", class: "link", onClick: () => select({ layer, neuron }) },
      `${layers[layer]?.name ?? layer} : ${neuron}`,
    );
  return h(
    "div",
    { class: "rows" },
    h(
      "table",
      null,
      h("caption", null, `${title}${all > SHOWN ? `, the strongest ${SHOWN} of ${count(all)}` : ""}`),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          ...["from", "to", "overlap", "p", ...filter === undefined ? [] : ["filter"]].map((name) =>
            h("th", { scope: "col" }, name)
          ),
        ),
      ),
      h(
        "tbody",
        null,
        rows.map((row) =>
          h(
            "tr",
            { key: row },
            h("td", null, end(edges.sourceLayer[row]!, edges.sourceNeuron[row]!)),
            h("td", null, end(edges.targetLayer[row]!, edges.targetNeuron[row]!)),
            h("td", { class: "number" }, figure(edges.overlap[row])),
            h("td", { class: "number" }, probability(edges.logP[row]!)),
            filter === undefined ? null : h(
              "td",
              null,
              h(
                "button",
                {
                  type: "button",
                  class: "link",
                  "aria-label": `show the effective filter from ${edges.sourceNeuron[row]} to ${
                    edges.targetNeuron[row]
                  }`,
                  onClick: () => filter(edges.sourceNeuron[row]!, edges.targetNeuron[row]!),
                },
                "show",
              ),
            ),
          )
        ),
      ),
    ),
  );
}
