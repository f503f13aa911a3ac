/** Foreign names and numbers as short texts that any XML reader takes and no neighbour is covered by. */

/**
 * Controls, which XML forbids or a terminal obeys; marks that turn the direction of the text around; halves of surrogate pairs;
 * what is no character.
 */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Accents may be piled up until they cover the lines above; two are more than any language needs here. */
const PILED_MARKS = /(\p{M}{2})\p{M}+/gu;

/** What is about as wide as it is high: East Asian writing, emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f000}-\u{1faff}\u{20000}-\u{3ffff}]/u;
const BROAD = /[A-Zmw@%\u0400-\u042f]/;
const NARROW = /[.,:;'|!iljtfr()[\] /]/;

/** About how wide a text is, in pixels, in a common sans-serif font. Errs on the wide side. */
export function textWidth(text: string, fontSize: number): number {
  let ems = 0;
  for (const character of text) {
    ems += WIDE.test(character) ? 1.2 : BROAD.test(character) ? 0.78 : NARROW.test(character) ? 0.35 : 0.61;
  }
  return ems * fontSize;
}

/**
 * A foreign text on one line and at most so wide: what is not printable as `\u{…}`, and a part left out of longer ones.
 *
 * @param without the middle, or the start: that of a layer's name it shares with others
 */
export function label(
  text: string,
  fontSize: number,
  widest: number,
  without: "middle" | "start" = "middle",
): string {
  // No name needs more; what follows would only be measured.
  const clean = text.slice(0, 4096).replaceAll(UNPRINTABLE, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`)
    .replaceAll(PILED_MARKS, "$1");
  if (text.length <= 4096 && textWidth(clean, fontSize) <= widest) return clean;
  const characters = [...clean];
  let head = "";
  let tail = "";
  let from = 0;
  let to = characters.length - 1;
  for (;;) {
    const longer = without === "middle" && head.length <= tail.length
      ? [head + (characters[from++] ?? ""), tail] as const
      : [head, (characters[to--] ?? "") + tail] as const;
    if (from > to || textWidth(`${longer[0]}…${longer[1]}`, fontSize) > widest) return `${head}…${tail}`;
    [head, tail] = longer;
  }
}

/** A share in [0, 1] in per cent; `0` and `100` are said of nothing and of all only. */
export function percent(share: number): string {
  const value = 100 * share;
  return value > 0 && value < 1 ? "< 1" : String(Math.min(Math.round(value), share < 1 ? 99 : 100));
}

/** A count with its thousands apart. */
export function count(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}

/** A count and what is counted. */
export function counted(value: number, singular: string, plural = `${singular}s`): string {
  return `${count(value)} ${value === 1 ? singular : plural}`;
}

/** A number to so many significant digits, without trailing zeros. */
export function short(value: number, digits = 3): string {
  const rounded = Number(value.toPrecision(digits));
  // JavaScript counts zeros up to 1e-7, readers do not.
  return rounded !== 0 && Math.abs(rounded) < 1e-3
    ? rounded.toExponential(digits - 1).replace(/\.?0+e/, "e")
    : String(rounded);
}

/** A probability, given by its natural logarithm, which may lie far below the smallest float64. */
export function probability(logP: number): string {
  const log10 = logP / Math.LN10;
  if (log10 > -3) return short(Math.exp(logP), 2);
  const exponent = Math.floor(log10);
  const mantissa = (10 ** (log10 - exponent)).toFixed(1);
  return mantissa === "10.0" ? `1e${exponent + 1}` : `${Number(mantissa)}e${exponent}`;
}

/** The end of a name, which tells layers apart. @param most characters of the result */
export function ending(name: string, most: number): string {
  const characters = [...name];
  return characters.length <= most ? name : `…${characters.slice(1 - most).join("")}`;
}
