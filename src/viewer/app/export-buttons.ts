/** What is seen, as files: the edges as CSV and Parquet, the picture as PNG and SVG. */

import { parquetWriteBuffer } from "hyparquet-writer";
import { h } from "preact";
import type { EdgeColumns } from "./edges.ts";
import type { ViewedLayer } from "./protocol.ts";
import { fileName, quoted, save } from "./saved-file.ts";

/** Saves the drawn edges, or the canvas. */
export function ExportButtons(
  { id, layers, edges, svg }: {
    readonly id: string;
    readonly layers: readonly ViewedLayer[];
    readonly edges: EdgeColumns | null;
    /** Draws the picture as SVG; null before it was drawn. */
    readonly svg: { readonly current: (() => string) | null };
  },
) {
  const name = fileName(id);
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
        disabled: edges === null,
        onClick: () =>
          edges !== null && save(
            `${name}-edges.parquet`,
            new Blob([parquetOf(layers, edges)], { type: "application/vnd.apache.parquet" }),
          ),
      },
      "edges as Parquet",
    ),
    h(
      "button",
      {
        type: "button",
        onClick: () =>
          svg.current !== null && save(`${name}.svg`, new Blob([svg.current()], { type: "image/svg+xml" })),
      },
      "picture as SVG",
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

/** The same as a Parquet file, columns typed as in the table `edges`, layers by their names. */
function parquetOf(layers: readonly ViewedLayer[], edges: EdgeColumns): ArrayBuffer {
  const reversed = <T extends Int32Array | Float64Array>(column: T) => [...column].reverse();
  const names = (column: Int32Array) => reversed(column).map((at) => layers[at]?.name ?? "");
  return parquetWriteBuffer({
    columnData: [
      { name: "source_layer", data: names(edges.sourceLayer), type: "STRING", nullable: false },
      { name: "source_neuron", data: reversed(edges.sourceNeuron), type: "INT32", nullable: false },
      { name: "target_layer", data: names(edges.targetLayer), type: "STRING", nullable: false },
      { name: "target_neuron", data: reversed(edges.targetNeuron), type: "INT32", nullable: false },
      { name: "part", data: reversed(edges.part), type: "INT32", nullable: false },
      { name: "overlap", data: reversed(edges.overlap), type: "DOUBLE", nullable: false },
      { name: "log_p", data: reversed(edges.logP), type: "DOUBLE", nullable: false },
    ],
  });
}
