/** Foreign text, made safe to show; tables and blocks of Markdown. */

import type { ReportTable } from "../analysis/report-tables.ts";

/** What cannot stand in a line of a terminal: line breaks, and the control codes with which a name could rewrite the screen. */
const CONTROLS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A foreign text without anything that a terminal obeys. */
export function printable(text: string): string {
  return text.replaceAll(CONTROLS, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`);
}

/** Numbers, which most cells are, say nothing else in Markdown. */
const NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/;

/** A foreign text as a line of Markdown that says it and does nothing else: no markup, no HTML, no links. */
export function markdownText(text: string): string {
  if (NUMBER.test(text)) return text;
  return printable(text).replaceAll(/[\\|`*_~<>[\]&$]|:(?=\/\/)/g, (c) => `\\${c}`)
    .replaceAll(/www(?=\.)/gi, (word) => `${word}\\`)
    // What makes a heading or a list of a line.
    .replace(/^[#+-](?!\d)/, (c) => `\\${c}`).replace(/^(\d+)([.)])(?=\s|$)/, "$1\\$2");
}

/** A fenced block; the fence is longer than any run of backticks within. */
export function fencedBlock(text: string, language: string): string {
  const longest = Math.max(2, ...Array.from(text.matchAll(/`+/g), ([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text.split("\n").map(printable).join("\n")}\n${fence}`;
}

/** A table of GitHub's Markdown. */
export function markdownTable({ header, numeric, rows }: Omit<ReportTable, "title">): string {
  const cell = markdownText;
  const line = (row: readonly string[]) => `| ${row.join(" | ")} |`;
  return [
    line(header.map(cell)),
    line(numeric.map((right) => right ? "---:" : "---")),
    ...rows.map((row) => line(row.map(cell))),
  ].join("\n");
}
