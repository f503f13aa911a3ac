/** What is seen, as files: the edges as CSV, the picture as PNG. */

import { h } from "preact";
import type { EdgeColumns } from "./edges.ts";
import type { ViewedLayer } from "./protocol.ts";

/** Saves the drawn edges, or the canvas. */
export function ExportButtons(
  { id, layers, edges }: {
    readonly id: string;
    readonly layers: readonly ViewedLayer[];
    readonly edges: EdgeColumns | null;
  },
) {
  const name = id.replaceAll(/[^\w.-]+/g, "-") || "model";
  return h(
    "div",
    { class: "exports", role: "group", "aria-label": "Save what is seen" },
    h(
      "button",
      {
        type: "button",
        disabled: edges === null,
        onClick: () =>
          edges !== null && save(`${name}-edges.csv`, new Blob([csvOf(layers, edges)], { type: "text/csv" })),
      },
      "edges as CSV",
    ),
    h(
      "button",
      {
        type: "button",
        onClick: (event: Event) =>
          (event.currentTarget as HTMLElement).closest(".picture")?.querySelector("canvas")?.toBlob(
            (blob) => {
              if (blob !== null) save(`${name}.png`, blob);
            },
          ),
      },
      "picture as PNG",
    ),
  );
}

/** The edges, the strongest first, layers by their names. */
export function csvOf(layers: readonly ViewedLayer[], edges: EdgeColumns): string {
  const quoted = (text: string) => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const rows = ["source_layer,source_neuron,target_layer,target_neuron,part,overlap,log_p"];
  for (let row = edges.overlap.length - 1; row >= 0; row--) {
    rows.push([
      quoted(layers[edges.sourceLayer[row]!]?.name ?? ""),
      edges.sourceNeuron[row],
      quoted(layers[edges.targetLayer[row]!]?.name ?? ""),
      edges.targetNeuron[row],
      edges.part[row],
      edges.overlap[row],
      edges.logP[row],
    ].join(","));
  }
  return `${rows.join("\n")}\n`;
}

function save(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
