/** Tables as lines of text, fitted to a width. */

import type { ReportTable } from "../analysis/report-tables.ts";
import { wrapped } from "./screen.ts";
import { printable } from "./text.ts";

/** How much room a table has. */
export interface TableRoom {
  /** Characters of a cell; more are cut. Default: 100. */
  readonly widest?: number;
  /** Columns of characters in a line. Default: no bound. */
  readonly width?: number;
}

/** Between two columns. */
const GAP = "  ";

/** A column of text is made no narrower than this. */
const NARROWEST = 10;

/** The widths that a column may have. */
interface ColumnWidths {
  /** With its header in one line. */
  readonly natural: number;
  /** With its header broken into lines. */
  readonly broken: number;
  /** With its cells cut as well, where they are text. */
  readonly least: number;
}

/**
 * Columns aligned by spaces, with a line under the header. Of a table that is too wide, headers are broken into lines, then cells
 * of text are cut in their middles; at last columns on the right are left out, and named below.
 *
 * @example
 * plainTable({ header: ["layer", "edges"], numeric: [false, true], rows: [["fc1", "7"]] }, { width: 80 });
 */
export function plainTable(
  { header, numeric, rows }: Omit<ReportTable, "title">,
  { widest = 100, width = Infinity }: TableRoom = {},
): string {
  const cell = (text = "") => endCut(printable(text), widest);
  const names = header.map(cell);
  const cells = rows.map((row) => header.map((_, at) => cell(row[at])));
  const columns = names.map((name, at) =>
    columnWidths(name, cells.map((row) => row[at]!), numeric[at] === true)
  );
  const widths = fitted(columns, width);
  const line = (row: readonly string[]) =>
    widths.map((most, at) => {
      const text = middleCut(row[at]!, most);
      return numeric[at] === true ? text.padStart(most) : text.padEnd(most);
    }).join(GAP).trimEnd();
  const headers = widths.map((most, at) => broken(names[at]!, most));
  const height = Math.max(...headers.map((lines) => lines.length));
  const left = names.slice(widths.length);
  return [
    ...Array.from(
      { length: height },
      (_, at) => line(headers.map((lines) => lines[at - height + lines.length] ?? "")),
    ),
    widths.map((most) => "-".repeat(most)).join(GAP),
    ...cells.map(line),
    ...left.length === 0 ? [] : [wrapped(`(no room for ${left.join(", ")})`, width)],
  ].join("\n");
}

function columnWidths(name: string, cells: readonly string[], numeric: boolean): ColumnWidths {
  const cell = cells.reduce((most, each) => Math.max(most, each.length), 0);
  const word = Math.max(...pieces(name).map((piece) => piece.trimEnd().length));
  return {
    natural: Math.max(cell, name.length),
    broken: Math.max(cell, word),
    least: Math.max(numeric ? cell : Math.min(cell, NARROWEST), word),
  };
}

/** As many columns as have room, each as wide as may be: the widest gives way first. */
function fitted(columns: readonly ColumnWidths[], width: number): number[] {
  const total = (widths: readonly number[]) =>
    widths.reduce((sum, each) => sum + each, GAP.length * (widths.length - 1));
  let shown = columns.slice();
  while (shown.length > 1 && total(shown.map(({ least }) => least)) > width) shown = shown.slice(0, -1);
  const widths = shown.map(({ natural }) => natural);
  for (const bound of ["broken", "least"] as const) {
    for (let excess = total(widths) - width; excess > 0; excess--) {
      const able = [...widths.keys()].filter((at) => widths[at]! > shown[at]![bound]);
      if (able.length === 0) break;
      widths[able.reduce((most, at) => widths[at]! > widths[most]! ? at : most)]!--;
    }
  }
  return widths;
}

function endCut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** Names differ at their ends as often as at their beginnings. */
function middleCut(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = Math.floor((most - 1) / 2);
  return `${text.slice(0, most - 1 - end)}…${text.slice(text.length - end)}`;
}

/** Where a header may be broken: behind spaces and hyphens. */
const pieces = (name: string) => name.split(/(?<=[ -])/u);

function broken(name: string, width: number): string[] {
  const lines = [""];
  for (const piece of pieces(name)) {
    const longer = lines.at(-1)! + piece;
    if (longer.trimEnd().length <= width) lines[lines.length - 1] = longer;
    else lines.push(piece);
  }
  return lines.map((line) => line.trimEnd());
}
