/** Which table formats a lake keeps: a mark at its root. Where there is one, no file that a manifest has named is removed. */

import type { LakePlace } from "../place.ts";

/** Formats of tables that engines know. */
export const TABLE_FORMATS = ["delta", "iceberg"] as const;

/** A format of tables that engines know. */
export type EngineFormat = (typeof TABLE_FORMATS)[number];

const MARK = "_tables.json";

/** The formats that a lake keeps; none where there is no mark. @throws {SyntaxError} when the mark is not valid */
export async function keptFormats(
  place: Pick<LakePlace, "name" | "readText">,
): Promise<readonly EngineFormat[]> {
  const text = await place.readText(MARK);
  return text === null ? [] : parsed(text, place.name);
}

/**
 * Lets a lake keep formats from now on. Whoever calls this reads the manifest after it: a run looks for the mark after it has named its
 * files, and before it removes older ones. So a file that is read from the manifest here is removed by nobody.
 */
export async function keepFormats(place: LakePlace, formats: readonly EngineFormat[]): Promise<void> {
  const before = await keptFormats(place);
  if (formats.every((format) => before.includes(format))) return;
  await place.replaceText(MARK, (text) => {
    const kept = text === null ? [] : parsed(text, place.name);
    const all = TABLE_FORMATS.filter((format) => kept.includes(format) || formats.includes(format));
    return `${JSON.stringify({ formats: all })}\n`;
  });
}

function parsed(text: string, name: string): readonly EngineFormat[] {
  const required = `{"formats": […]} of ${TABLE_FORMATS.join(", ")}`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SyntaxError(`${name}/${MARK}: found no JSON, required ${required}`, { cause });
  }
  const formats: unknown = typeof value === "object" && value !== null && "formats" in value
    ? value.formats
    : null;
  const isFormat = (each: unknown): each is EngineFormat => TABLE_FORMATS.includes(each as EngineFormat);
  if (Array.isArray(formats) && formats.every(isFormat)) return formats;
  throw new SyntaxError(`${name}/${MARK}: found ${text.slice(0, 100)}, required ${required}`);
}
