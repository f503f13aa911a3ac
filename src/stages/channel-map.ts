/** Channel maps: which channels of one axis are which of another, as ranges. */

import type { ChannelRange } from "../model/layer.ts";

/** Every channel at its own place. */
export function identity(channels: number): readonly ChannelRange[] {
  return [{ source: 0, target: 0, length: channels }];
}

/** The same, its targets moved by `offset`. */
export function shifted(ranges: readonly ChannelRange[], offset: number): readonly ChannelRange[] {
  return ranges.map((range) => ({ ...range, target: range.target + offset }));
}

/** First one map, then another: its targets are the sources of the second. */
export function compose(first: readonly ChannelRange[], second: readonly ChannelRange[]): ChannelRange[] {
  const out: ChannelRange[] = [];
  for (const b of second) {
    for (const a of first) {
      const from = Math.max(a.target, b.source);
      const to = Math.min(a.target + a.length, b.source + b.length);
      if (from < to) {
        out.push({
          source: a.source + from - a.target,
          target: b.target + from - b.source,
          length: to - from,
        });
      }
    }
  }
  return merged(out);
}

/** Sorted by target, neighbours joined. */
export function merged(ranges: readonly ChannelRange[]): ChannelRange[] {
  const out: ChannelRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.target - b.target || a.source - b.source)) {
    const last = out.at(-1);
    if (
      last !== undefined && last.target + last.length === range.target &&
      last.source + last.length === range.source
    ) out[out.length - 1] = { ...last, length: last.length + range.length };
    else out.push(range);
  }
  return out;
}

/** Whether two ranges meet on the target's side. */
export function overlapping(ranges: readonly ChannelRange[]): boolean {
  const sorted = [...ranges].sort((a, b) => a.target - b.target);
  return sorted.some((range, i) => i > 0 && sorted[i - 1]!.target + sorted[i - 1]!.length > range.target);
}
