/** Sets of positions, as ranges in order and apart. */

import type { ByteRange } from "../bytes.ts";

/** Grows by ranges; those that touch become one. */
export class RangeSet {
  #ranges: ByteRange[] = [];
  #total = 0;

  /** In order and apart. */
  get ranges(): readonly ByteRange[] {
    return this.#ranges;
  }

  /** Positions in it. */
  get total(): number {
    return this.#total;
  }

  /** Adds `[start, end)`. */
  add(start: number, end: number): void {
    if (start >= end) return;
    const first = this.#firstEndingFrom(start);
    let last = first;
    let [from, to] = [start, end];
    for (; last < this.#ranges.length && this.#ranges[last]!.start <= end; last++) {
      const range = this.#ranges[last]!;
      from = Math.min(from, range.start);
      to = Math.max(to, range.end);
      this.#total -= range.end - range.start;
    }
    this.#ranges.splice(first, last - first, { start: from, end: to });
    this.#total += to - from;
  }

  /** Index of the first range that ends at `position` or behind it. */
  #firstEndingFrom(position: number): number {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ranges[middle]!.end < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
