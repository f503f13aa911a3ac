/** The order of a batch's rows by its key columns, by counting: neurons and layers are small numbers. */

import type { TableBatch } from "../../../src/model/tables.ts";

/** Counting costs memory by the range of a key; wider ones are compared. */
const WIDEST_RANGE = 2 ** 22;

/**
 * The first `keys` columns of a batch.
 *
 * @throws {TypeError} when one of them is not int32
 */
export function keyColumns(batch: TableBatch, keys: number): readonly Int32Array[] {
  return batch.columns.slice(0, keys).map(({ type, values }, at) => {
    if (type !== "int32") throw new TypeError(`sorting rows: found ${type} as key ${at}, required int32`);
    return values;
  });
}

/**
 * The order in which a batch's rows ascend by their keys, first key first; equal rows stay as they are.
 *
 * @returns row numbers, or null where the rows ascend already
 */
export function ascendingOrder(keys: readonly Int32Array[], rows: number): Uint32Array | null {
  if (isAscending(keys, rows)) return null;
  const order = Uint32Array.from({ length: rows }, (_, row) => row);
  const ranges = keys.map(rangeOf);
  if (ranges.some(({ low, high }) => high - low > WIDEST_RANGE)) {
    return order.sort((a, b) => compareRows(keys, a, keys, b) || a - b);
  }
  let [from, to] = [order, new Uint32Array(rows)];
  // The last key first: each pass leaves rows that it does not tell apart in the order of those before.
  for (let at = keys.length - 1; at >= 0; at--) {
    const { low, high } = ranges[at]!;
    if (low === high) continue;
    countingPass(keys[at]!, low, high, from, to);
    [from, to] = [to, from];
  }
  return from;
}

/** Which row comes first: negative for row `i` of `a`, positive for row `j` of `b`, 0 for neither. */
export function compareRows(
  a: readonly Int32Array[],
  i: number,
  b: readonly Int32Array[],
  j: number,
): number {
  for (let key = 0; key < a.length; key++) {
    const difference = a[key]![i]! - b[key]![j]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

function isAscending(keys: readonly Int32Array[], rows: number): boolean {
  for (let row = 1; row < rows; row++) if (compareRows(keys, row - 1, keys, row) > 0) return false;
  return true;
}

function rangeOf(values: Int32Array): { readonly low: number; readonly high: number } {
  let low = values[0] ?? 0;
  let high = low;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
}

function countingPass(key: Int32Array, low: number, high: number, from: Uint32Array, to: Uint32Array): void {
  const places = new Uint32Array(high - low + 2);
  for (const value of key) places[value - low + 1]!++;
  for (let at = 1; at < places.length; at++) places[at]! += places[at - 1]!;
  for (const row of from) to[places[key[row]! - low]!++] = row;
}
