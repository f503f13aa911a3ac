/** Singular and plural. */

/**
 * A count and what is counted.
 *
 * @example
 * counted(1, "layer"); // "1 layer"
 * counted(2, "spectrum", "spectra"); // "2 spectra"
 */
export function counted(count: number, singular: string, plural = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : plural}`;
}
