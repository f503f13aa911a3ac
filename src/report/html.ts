/** HTML as text: what comes from files is escaped wherever it stands. */

import type { ReportTable } from "../analysis/report-tables.ts";
import { printable } from "./text.ts";

/** Markup that is safe to put into a page as it stands. */
export class Html {
  readonly text: string;

  /** @param text markup, not a foreign text */
  constructor(text: string) {
    this.text = text;
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** What may stand in a template: texts are escaped, lists put one after another. */
export type HtmlPart = string | number | Html | readonly Html[];

/**
 * Markup by a template.
 *
 * @example
 * markup`<p>${"a < b"}</p>`.text; // <p>a &lt; b</p>
 */
export function markup(pieces: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  return new Html(pieces.map((piece, at) => at === 0 ? piece : markupOf(parts[at - 1]!) + piece).join(""));
}

function markupOf(part: HtmlPart): string {
  if (part instanceof Html) return part.text;
  if (typeof part === "object") return part.map(({ text }) => text).join("\n");
  return printable(String(part)).replaceAll(/[&<>"']/g, (c) => ENTITIES[c]!);
}

/** Text of several lines. */
export function preformatted(text: string): Html {
  return markup`<pre>${new Html(text.split("\n").map((line) => markupOf(line)).join("\n"))}</pre>`;
}

/** A table that scrolls where the page is narrow. */
export function htmlTable({ header, numeric, rows }: Omit<ReportTable, "title">): Html {
  const cells = (row: readonly string[], tag: "th" | "td") =>
    new Html(
      row.map((cell, at) =>
        `<${tag}${numeric[at] === true ? ' class="number"' : ""}>${markupOf(cell)}</${tag}>`
      ).join(""),
    );
  return markup`<div class="wide"><table>
<thead><tr>${cells(header, "th")}</tr></thead>
<tbody>${rows.map((row) => markup`<tr>${cells(row, "td")}</tr>`)}</tbody>
</table></div>`;
}

/** A part that is shown when it is asked for. */
export function folded(title: string, content: readonly Html[]): Html {
  return markup`<details><summary>${title}</summary>
${content}
</details>`;
}
