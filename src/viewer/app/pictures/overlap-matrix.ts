/** The overlap matrix of a connection as a heatmap: rows are target neurons, columns source neurons. */

import { h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { EdgeColumns } from "../edges.ts";
import { count } from "../../label.ts";
import type { ViewedLayer } from "../protocol.ts";
import type { NeuronAt } from "./scene.ts";
import { useSize } from "./size.ts";
import { themeOf, useDark } from "./theme.ts";

/** Pixels of the longer side at most: an overlap is no finer for more. */
const SIDE = 720;

/** Pixels of the sums at its edges, where letters are small. */
const SUMS = 26;

/** Which connection. */
export interface OverlapMatrixProps {
  readonly source: ViewedLayer;
  readonly target: ViewedLayer;
  readonly at: { readonly source: number; readonly target: number };
  readonly edges: EdgeColumns;
  readonly select: (neuron: NeuronAt) => void;
}

/** Edges of the table only: all other pairs are blank. Sums of overlaps stand at the right and below; the near-kernel block is framed. */
export function OverlapMatrix({ source, target, at, edges, select }: OverlapMatrixProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const { width: room, ratio, unit } = useSize(box, 366, 366);
  const margin = SUMS * unit;
  const [whole, setWhole] = useState(false);
  const isDark = useDark();
  const [allColumns, allRows] = [source.singularValues.length, target.singularValues.length];
  const columns = whole ? allColumns : inhabited(edges.sourceNeuron, allColumns);
  const rows = whole ? allRows : inhabited(edges.targetNeuron, allRows);
  const cell = Math.max(1, Math.min(SIDE, room - margin)) / Math.max(columns, rows, 1);
  const [width, height] = [columns * cell, rows * cell];
  useEffect(() => {
    const context = canvas.current?.getContext("2d") ?? null;
    if (canvas.current === null || context === null) return;
    const theme = themeOf(canvas.current);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width + margin, height + margin);
    context.fillStyle = theme.band;
    const [nearColumn, nearRow] = [source.nearKernel.indexOf(1), target.nearKernel.indexOf(1)];
    if (nearColumn >= 0 && nearRow >= 0 && nearColumn < columns && nearRow < rows) {
      context.fillRect(nearColumn * cell, nearRow * cell, width - nearColumn * cell, height - nearRow * cell);
    }
    const [columnSums, rowSums] = [new Float64Array(columns), new Float64Array(rows)];
    context.fillStyle = theme.strong;
    const dot = Math.max(1, cell);
    for (let row = 0; row < edges.overlap.length; row++) {
      const [x, y, overlap] = [edges.sourceNeuron[row]!, edges.targetNeuron[row]!, edges.overlap[row]!];
      columnSums[x]! += overlap;
      rowSums[y]! += overlap;
      context.globalAlpha = 0.15 + 0.85 * Math.sqrt(overlap);
      context.fillRect(x * cell, y * cell, dot, dot);
    }
    context.globalAlpha = 1;
    context.fillStyle = theme.quiet;
    bars(
      columnSums,
      (each, share) =>
        context.fillRect(each * cell, height + 2, Math.max(0.5, cell * 0.9), share * (margin - 4)),
    );
    bars(
      rowSums,
      (each, share) =>
        context.fillRect(width + 2, each * cell, share * (margin - 4), Math.max(0.5, cell * 0.9)),
    );
    context.strokeStyle = theme.grid;
    context.strokeRect(0.5, 0.5, width - 1, height - 1);
  }, [edges, source, target, whole, isDark, cell, ratio, margin]);
  const picture = h("canvas", {
    ref: canvas,
    class: "matrix",
    width: Math.ceil((width + margin) * ratio),
    height: Math.ceil((height + margin) * ratio),
    style: { width: `${width + margin}px`, height: `${height + margin}px` },
    role: "img",
    "aria-label":
      `${edges.overlap.length} edges of the table, of ${rows} target and ${columns} source neurons; the table below names them`,
    onClick: (event: MouseEvent) => {
      const [x, y] = [Math.floor(event.offsetX / cell), Math.floor(event.offsetY / cell)];
      if (y < rows && x >= columns) select({ layer: at.target, neuron: y });
      else if (x < columns) select({ layer: at.source, neuron: x });
    },
  });
  return h(
    "div",
    { ref: box },
    picture,
    columns === allColumns && rows === allRows && !whole ? null : h(
      "button",
      { type: "button", "aria-pressed": whole, onClick: () => setWhole(!whole) },
      whole
        ? "only the leading neurons that have edges"
        : `all ${count(allRows)} x ${count(allColumns)} neurons`,
    ),
  );
}

/** How many leading neurons hold all ends of edges. */
function inhabited(neurons: Int32Array, all: number): number {
  return Math.min(all, neurons.reduce((most, each) => Math.max(most, each + 1), 1));
}

function bars(sums: Float64Array, paint: (at: number, share: number) => void): void {
  const most = sums.reduce((greater, each) => Math.max(greater, each), 0);
  if (most > 0) { for (const [at, sum] of sums.entries()) paint(at, sum / most); }
}
