/** Numbers as the page writes them. */

const THOUSANDS = new Intl.NumberFormat("en");

/** A count, with commas. */
export function count(value: number): string {
  return THOUSANDS.format(value);
}

/** Four digits; a dash where there is none. */
export function figure(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  return Number.isNaN(value)
    ? "–"
    : Number.isInteger(value)
    ? count(value)
    : String(Number(value.toPrecision(4)));
}

/** A p-value from its natural logarithm, also where it is smaller than any double. */
export function pValue(logP: number): string {
  if (Number.isNaN(logP)) return "–";
  const decimal = logP / Math.LN10;
  if (decimal > -3) return String(Number(Math.exp(logP).toPrecision(3)));
  const exponent = Math.floor(decimal);
  return `${(10 ** (decimal - exponent)).toPrecision(2)}e${exponent}`;
}
