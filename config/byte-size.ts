/** Sizes as people write them. */

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** A number and a unit, such as `512MiB` or `1.5 GB`. */
export const BYTE_SIZE = new RegExp(`^(\\d+(?:\\.\\d+)?) ?(${Object.keys(UNITS).join("|")})$`);

/** Where a size may be left to the program. */
export const AUTO = "auto";

/** Such a size, or `auto`. */
export const MEMORY_SIZE = new RegExp(`^${AUTO}$|${BYTE_SIZE.source}`);

/**
 * Reads a size.
 *
 * @param text a number and one of the units B, kB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (powers of 1024)
 * @returns bytes, a whole number of at least 1; null where the text is no such size
 */
export function parseByteSize(text: string): number | null {
  const [, number = "", unit = ""] = BYTE_SIZE.exec(text) ?? [];
  const bytes = Math.floor(Number(number) * (UNITS[unit] ?? NaN));
  return Number.isSafeInteger(bytes) && bytes >= 1 ? bytes : null;
}
