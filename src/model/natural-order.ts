/** The order in which people list names: runs of digits by their value. */

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "variant" });

/**
 * Compares two names: `epoch_2` comes before `epoch_10`. Names that compare equal keep a fixed order.
 *
 * @returns negative, zero or positive, as `Array.prototype.sort` wants it; zero only for equal texts
 * @example ["epoch_10", "epoch_2"].sort(naturalOrder) // ["epoch_2", "epoch_10"]
 */
export function naturalOrder(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}
