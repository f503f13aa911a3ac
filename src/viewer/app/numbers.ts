/** Values of tables as the page writes them. */

import { count } from "../label.ts";

/** Four digits; a dash where there is none. */
export function figure(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isNaN(value)) return "–";
  return Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(4)));
}
