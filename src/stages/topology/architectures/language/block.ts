/** A block of a transformer: attention, perhaps attention to another network's stream, a feed-forward layer. */

import type { Signal } from "../../../../model/operators.ts";
import type { Network } from "../network.ts";
import { type AttentionNames, selfAttention } from "./attention-block.ts";
import { feedForward, type FeedForwardNames } from "./feed-forward.ts";

/** Names within a block, in front of each part the normalization that belongs to it. */
export interface BlockNames {
  readonly attention: readonly [norm: string, names: AttentionNames];
  /** Its keys and values read another stream. */
  readonly cross?: readonly [norm: string, names: AttentionNames];
  readonly feedForward: readonly [norm: string, names: FeedForwardNames];
}

/** Where a block stands. */
export interface BlockPlace {
  readonly block: string;
  readonly x: Signal;
  /** What keys and values of `cross` read. */
  readonly memory?: Signal;
  readonly config: unknown;
  /** Whether normalizations stand behind the additions. Default: before the parts. */
  readonly postNorm?: boolean;
  /** Default: the normalizations of the network. */
  readonly norm?: (module: string, x: Signal) => Signal;
  /** Is told what is added to the stream. */
  readonly onAdd?: (added: Signal) => void;
}

/** The stream behind a block. */
export function transformerBlock(net: Network, names: BlockNames, place: BlockPlace): Signal {
  const { block, memory, config, postNorm = false } = place;
  const norm = place.norm ?? ((module: string, x: Signal) => net.norm(module, x));
  const added = (x: Signal, module: string, part: (y: Signal) => Signal) => {
    const more = part(postNorm ? x : norm(`${block}.${module}`, x));
    place.onAdd?.(more);
    const sum = net.sum(x, more);
    return postNorm ? norm(`${block}.${module}`, sum) : sum;
  };
  const [first, attention] = names.attention;
  const [last, dense] = names.feedForward;
  let y = added(place.x, first, (x) => selfAttention(net, attention, { block, x, config }));
  if (names.cross !== undefined && memory !== undefined) {
    const [second, cross] = names.cross;
    y = added(y, second, (x) => selfAttention(net, cross, { block, x, memory, config }));
  }
  return added(y, last, (x) => feedForward(net, dense, { block, x }));
}
