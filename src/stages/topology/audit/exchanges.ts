/** Layers that stand in each other's place. */

import type { LayerGraph } from "../../../model/layer.ts";
import { shapeOf } from "../inference/copies.ts";
import type { Agreement } from "./agreement.ts";
import { type ChannelPart, joinedParts } from "./parts.ts";

/** Two layers of one shape, by their indices: with each in the other's place the weights would show more connections, and none of theirs less. */
export interface Exchange {
  readonly first: number;
  readonly second: number;
}

/** Connections that must agree more than before: one may do so by another reason. */
const LEAST_GAIN = 2;

/** Where the ends of contradicted connections are more layers than these, there is more amiss than places. */
const MOST_LAYERS = 64;

/** The two sides of a connection, or ranges of them. */
export interface Ends {
  readonly writer: ChannelPart;
  readonly reader: ChannelPart;
}

/** Whether two sides share channels by the weights. */
export function isMet({ writer, reader }: Ends, agreement: Agreement): boolean {
  const [from, to] = [agreement.numberOf(writer), agreement.numberOf(reader)];
  return from !== undefined && to !== undefined && agreement.agree(from, to);
}

/** The sides of a connection with two layers in each other's place. */
export function inPlace({ writer, reader }: Ends, { first, second }: Exchange): Ends {
  const moved = (part: ChannelPart): ChannelPart => ({
    ...part,
    layer: part.layer === first ? second : part.layer === second ? first : part.layer,
  });
  return { writer: moved(writer), reader: moved(reader) };
}

/**
 * Pairs of layers that would fit in each other's place, one after another, each the one that mends most.
 *
 * @param suspected connections that something is amiss with
 */
export function exchanges(
  { layers, connections }: Pick<LayerGraph, "layers" | "connections">,
  suspected: readonly Ends[],
  agreement: Agreement,
): Exchange[] {
  const wrong = [...new Set(suspected.flatMap(({ writer, reader }) => [writer.layer, reader.layer]))];
  if (wrong.length > MOST_LAYERS) return [];
  const candidates = wrong.flatMap((first, at) =>
    wrong.slice(at + 1).flatMap((second) =>
      shapeOf(layers[first]!) === shapeOf(layers[second]!) ? [{ first, second }] : []
    )
  );
  let ends: readonly Ends[] = connections.flatMap((each) => joinedParts(layers, each));
  const gainOf = (exchange: Exchange) => {
    let gain = 0;
    for (const each of ends) {
      if (!touches(each, exchange)) continue;
      const [before, after] = [isMet(each, agreement), isMet(inPlace(each, exchange), agreement)];
      if (before && !after) return 0;
      gain += Number(after) - Number(before);
    }
    return gain;
  };
  const found: Exchange[] = [];
  for (;;) {
    const gains = candidates.map(gainOf);
    const most = Math.max(...gains);
    if (!(most >= LEAST_GAIN)) return found;
    const best = candidates[gains.indexOf(most)]!;
    found.push(best);
    ends = ends.map((each) => inPlace(each, best));
  }
}

const touches = ({ writer, reader }: Ends, { first, second }: Exchange) =>
  [first, second].some((layer) => writer.layer === layer || reader.layer === layer);
