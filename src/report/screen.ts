/** Where text for people goes. */

/** A terminal, a pipe or a file. */
export interface Screen {
  /** Columns of characters in a line. */
  readonly width: number;
  /** Marks a heading. */
  bold(text: string): string;
}

/** A pipe or a file: lines of any length, no colours. */
export const PLAIN: Screen = { width: Infinity, bold: (text) => text };

/**
 * A text in lines of at most `width` columns, broken between words. A word that is longer (a path) stays whole.
 *
 * @param indent stands before every line but the first
 * @example
 * wrapped("two of three layers", 12, "  "); // "two of three\n  layers"
 */
export function wrapped(text: string, width: number, indent = ""): string {
  const [first = "", ...words] = text.split(" ");
  const lines = [first];
  for (const word of words) {
    const longer = `${lines.at(-1)!} ${word}`;
    if (longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(indent + word);
  }
  return lines.join("\n");
}
