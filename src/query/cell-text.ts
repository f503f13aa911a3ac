/** Cells of an answer as text. */

/** A value as text: null is empty, times are ISO 8601, nodes, relations and lists are JSON. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Date) return value.toISOString();
  return typeof value === "object" ? JSON.stringify(value, jsonValue) : String(value);
}

/** For `JSON.stringify`, which knows neither big integers nor maps, nor numbers that are not finite: those become text. */
export function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return value instanceof Map ? Object.fromEntries(value) : value;
}
