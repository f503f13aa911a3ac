/** Forms in which a layer may be read beside its own: a flattened map either way, and stacks of gates or of queries, keys and values in parts. */

import type { Layer } from "../../../model/layer.ts";
import { type Flattening, LEAST_WIDTH, type Part } from "./ports.ts";

/** Gates of a GRU, or queries, keys and values; gates of an LSTM. */
const STACKS = [3, 4] as const;

/** Of a side of a matrix that nobody else has as a whole: its parts of a width that somebody reads. */
export function partsOf(layer: Layer, side: "out" | "in", layers: readonly Layer[]): readonly Part[] {
  const { positions, groups, kind } = layer;
  const inputs = layer.inChannels * positions;
  const [all, queries] = side === "out" ? [layer.outChannels, inputs] : [inputs, layer.outChannels];
  const isRead = (width: number) =>
    layers.some(({ index, inChannels, outChannels, positions: z }) =>
      inChannels === width || inChannels * z === width ||
      side === "in" && index !== layer.index && outChannels === width
    );
  const isWhole = side === "out" ? isRead(all) : layers.some(({ outChannels }) => outChannels === all);
  if (kind !== "linear" && kind !== "recurrent" || groups > 1 || isWhole) return [];
  const stacks = STACKS.filter((of) => all % of === 0 && all / of >= LEAST_WIDTH && isRead(all / of));
  const equal = stacks.flatMap((of) =>
    Array.from({ length: of }, (_, at): Part => ({ side, from: at * all / of, width: all / of, at, of }))
  );
  // Queries as wide as what is read; keys and values narrower, a divisor of that.
  const values = (all - queries) / 2;
  const isShared = values >= LEAST_WIDTH && values < queries && queries % values === 0;
  return isShared
    ? [
      ...equal,
      { side, from: 0, width: queries, at: 0, of: 0 },
      { side, from: queries, width: values, at: 1, of: 0 },
      { side, from: queries + values, width: values, at: 2, of: 0 },
    ]
    : equal;
}

/**
 * How a matrix may read the map of a convolution before it: as the guess says or, where nobody before it writes as many channels as it reads, that of
 * the nearest one whose channels divide them. Either way round.
 *
 * @param earlier layers before it, in their order
 */
export function flatteningsOf(layer: Layer, earlier: readonly Layer[]): readonly Flattening[] {
  if (layer.weight.shape.length !== 2 || layer.groups > 1) return [];
  const inputs = layer.inChannels * layer.positions;
  const isWritten = layer.positions === 1 &&
    earlier.some(({ outChannels }) => [1, ...STACKS].some((of) => outChannels === of * inputs));
  const from = isWritten
    ? undefined
    : earlier.findLast(({ kind, outChannels }) =>
      kind !== "linear" && kind !== "recurrent" && outChannels >= LEAST_WIDTH && inputs % outChannels === 0
    );
  const channels = layer.positions > 1 ? layer.inChannels : from?.outChannels;
  if (channels === undefined || channels < LEAST_WIDTH || channels === inputs) return [];
  return (["channels-first", "channels-last"] as const).map((order) => ({
    positions: inputs / channels,
    order,
  }));
}
