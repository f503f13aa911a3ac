/** Numbers as people read them. */

/** Four significant digits; what has fewer is not padded. */
export function decimal(value: unknown): string {
  if (typeof value !== "number") return value === null || value === undefined ? "" : String(value);
  if (!Number.isFinite(value) || value === 0) return String(value);
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e15) return String(value);
  return size >= 1e6 || size < 1e-4 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

/** A number as it is, or a mean with its standard deviation to two digits: `1.003 ± 0.04`. */
export function withSpread(value: unknown, spread: number | null): string {
  return spread === null ? decimal(value) : `${decimal(value)} ± ${decimal(Number(spread.toPrecision(2)))}`;
}

/** A p-value given by its natural logarithm: `0.012`, `3.4e-465`. */
export function pText(logP: number): string {
  if (logP > Math.log(1e-3)) return String(Number(Math.exp(logP).toPrecision(2)));
  if (!Number.isFinite(logP)) return "0";
  const log10 = logP / Math.LN10;
  let exponent = Math.floor(log10);
  let digits = (10 ** (log10 - exponent)).toPrecision(2);
  if (digits === "10") {
    digits = "1.0";
    exponent++;
  }
  return `${digits}e${exponent}`;
}

/** A share of one as a percentage. */
export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

/** A sentence holds so much of a name, in UTF-16 code units; tables have it whole. */
const LONGEST_NAME = 60;

/** A name, cut where it would be most of a sentence. */
export function shortened(name: string): string {
  return name.length > LONGEST_NAME
    ? `${name.slice(0, LONGEST_NAME - 1).replace(/[\uD800-\uDBFF]$/, "")}…`
    : name;
}
