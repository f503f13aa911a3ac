/** Self-attention and cross-attention, with queries, keys and values in weights of their own or in one. */

import type { HeadSignals, Signal } from "../../../../model/operators.ts";
import { attend, positiveInteger } from "../attention.ts";
import type { Network } from "../network.ts";
import { keyOf } from "./config.ts";
import { insOf, layerOf, outsOf, type WeightOrder } from "./weight-order.ts";

/**
 * How a weight holds queries, keys and values: `blocks`, all queries, then all keys, then all values; `groups`, group by group the
 * queries that share a key, that key and its values.
 */
export type FusedOrder = "blocks" | "groups";

/** Names within a block. */
export interface AttentionNames {
  readonly queries?: string;
  readonly keys?: string;
  readonly values?: string;
  /** All three in one weight: taken where there is such a module. */
  readonly fused?: string;
  /** Default: `blocks`. Null where the config would have to say and does not. */
  readonly order?: (config: unknown) => FusedOrder | null;
  /** Whether several heads may share a key and its values. */
  readonly shares?: boolean;
  readonly output: string;
  /** Keys under which configs have the number of heads. */
  readonly heads: readonly [string, ...string[]];
  /** Tensors that are no weights, and what they are. */
  readonly roles?: Readonly<Record<string, string>>;
  /** A vector with a number per channel of a head, or per pair of them, which tells the heads without a config. */
  readonly perHead?: (net: Network, block: string) => number | null;
}

/** Where attention stands. */
export interface AttentionPlace {
  readonly block: string;
  readonly x: Signal;
  /** What keys and values read. Default: `x`. */
  readonly memory?: Signal;
  /** What queries and keys read. Default: as all others. */
  readonly reads?: { readonly queries: Signal; readonly keys: Signal };
  readonly config: unknown;
  readonly layout?: WeightOrder;
}

/** What attention adds to the stream. Values are followed through the heads; queries and keys end in a product. */
export function selfAttention(net: Network, names: AttentionNames, place: AttentionPlace): Signal {
  const { block, x, memory = x, config, layout = "out-in" } = place;
  const at = (name: string | undefined) => `${block}.${name}`;
  for (const [tensor, what] of Object.entries(names.roles ?? {})) net.role(what, at(tensor));
  const output = at(names.output);
  const width = insOf(net, output, layout);
  const key = keyOf(config, names.heads);
  const each = names.perHead?.(net, block) ?? null;
  const last = (v: Signal, queries: readonly string[], scores?: HeadSignals) => {
    const ends = { queries, output, ...scores === undefined ? {} : { scores } };
    return layerOf(net, output, attend(net, v, width, ends, { config, key }, each), { layout });
  };
  if (names.fused === undefined || !net.hasLayer(at(names.fused))) {
    const [q, k, v] = [names.queries, names.keys, names.values].map(at) as [string, string, string];
    const scores = {
      queries: layerOf(net, q, place.reads?.queries ?? x, { layout }),
      keys: layerOf(net, k, place.reads?.keys ?? memory, { layout }),
    };
    const queries = net.channels(scores.queries);
    if (queries !== width) net.fail(`${q}.weight`, `${queries} out channels`, `${width}`);
    const keys = net.channels(scores.keys);
    const values = layerOf(net, v, memory, { layout });
    if (keys !== net.channels(values) || names.shares !== true && keys !== width) {
      net.fail(
        `${k}.weight`,
        `${keys} out channels`,
        names.shares === true ? `${net.channels(values)}, as of the values` : `${width}`,
      );
    }
    return last(values, [q, k], scores);
  }
  const fused = at(names.fused);
  const order = names.order === undefined ? "blocks" : names.order(config);
  const total = outsOf(net, fused, layout);
  const shared = (total - width) / 2;
  const fits = names.shares === true ? shared >= 1 && width % shared === 0 : shared === width;
  if (!fits) {
    net.fail(`${fused}.weight`, `${total} out channels`, `${width} queries, and as many keys as values`);
  }
  if (order === "blocks") {
    const parts = [["q", 0, width], ["k", width, shared], ["v", width + shared, shared]] as const;
    const [queries, keys, v] = parts.map(([part, from, length]) =>
      layerOf(net, fused, x, { layout, part, out: { from, length } })
    ) as [Signal, Signal, Signal];
    return last(v, [`${fused}.q`, `${fused}.k`], { queries, keys });
  }
  const whole = layerOf(net, fused, x, { layout });
  const number = positiveInteger(config, key);
  const channels = width / (number ?? NaN);
  const groups = shared / channels;
  const size = total / groups;
  if (order === null) {
    const unknown = "the config does not say how queries, keys and values lie in their weight";
    net.warn(`${unknown}: no connections from values to outputs`);
    return layerOf(net, output, net.stop(unknown, width, whole), { layout });
  }
  if (!(Number.isInteger(channels) && Number.isInteger(groups))) {
    const values = net.stop("the number of attention heads is not known", shared, whole);
    return last(values, []);
  }
  // Of each group of `length` channels, from `from` on.
  const part = (from: number, length: number, each: number) =>
    net.map(
      whole,
      Array.from({ length: groups }, (_, group) => (
        { source: group * size + from, target: group * length, length }
      )),
      each,
    );
  const own = size - 2 * channels;
  const scores = { queries: part(0, own, width), keys: part(own, channels, shared) };
  return last(part(own + channels, channels, shared), [], scores);
}
