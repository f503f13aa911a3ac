/**
 * How errors are worded. Every error says what was being done, what was found and what was required, so that a
 * user can mend the input without reading the source. The classes are the language's own: `TypeError` for a wrong
 * shape or type, `RangeError` for a value out of bounds, `SyntaxError` for unparsable input.
 */

/** The longest piece of foreign text that an error message repeats, in UTF-16 code units. */
const LONGEST_QUOTE = 80;

/**
 * A short, printable, one-line form of any value found in an input, safe to put into a message.
 *
 * @param value anything read from a file or a command line
 * @returns strings in JSON quotes with control characters escaped, arrays and objects as JSON, all cut at 80 characters
 */
export function show(value: unknown): string {
  const text = typeof value === "object" && value !== null || typeof value === "string"
    ? json(value)
    : String(value);
  return text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text;
}

function json(value: object | string): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // Nested so deeply, or in itself, that it has no text.
    return Array.isArray(value) ? "a nested array" : "a nested object";
  }
}

/**
 * The message of anything that was thrown, on one line.
 *
 * @param thrown an `Error`, or whatever a careless library throws instead of one
 */
export function messageOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).replaceAll(/\s*\n\s*/g, " ");
}

/**
 * The file-system error code of a thrown value, such as `ENOENT`.
 *
 * @returns the code, or undefined where the value carries none
 */
export function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}
