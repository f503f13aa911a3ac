/** Attention and gated feed-forward layers, of which every transformer is made. */

import { show } from "../../../model/errors.ts";
import { QUERIES_AND_KEYS } from "../../../model/layer.ts";
import type { HeadSignals, Signal } from "../../../model/operators.ts";
import type { Network } from "./network.ts";

/** What `config.json` is asked for. */
export interface HeadsInConfig {
  /** The parsed `config.json`; untrusted. */
  readonly config: unknown;
  /** The key of the number of heads. */
  readonly key: string;
}

/**
 * What a `config.json` says under a key.
 *
 * @returns null where there is no such config or key, or it is no positive integer
 */
export function positiveInteger(config: unknown, key: string): number | null {
  const value = saidOf(config, key);
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : null;
}

/** What a `config.json` says under a key; undefined where there is no such config or key. */
export function saidOf(config: unknown, key: string): unknown {
  return typeof config === "object" && config !== null && Object.hasOwn(config, key)
    ? Reflect.get(config, key)
    : undefined;
}

/**
 * From values to the input of the layer that reads all heads.
 *
 * The number of heads is the config's; else `each`, the channels of one head, tells it where a file shows them. Queries and keys end
 * here: what they make is a product of activations.
 *
 * @param ends names of the layers of queries and keys, and of the layer that reads the heads; what queries and keys are, where they are known
 * @param width the in channels of that layer
 */
export function attend(
  net: Network,
  v: Signal,
  width: number,
  ends: { readonly queries: readonly string[]; readonly output: string; readonly scores?: HeadSignals },
  { config, key }: HeadsInConfig,
  each: number | null = null,
): Signal {
  for (const name of ends.queries) {
    net.noConnection(name, ends.output, QUERIES_AND_KEYS);
  }
  const said = positiveInteger(config, key);
  const number = said ?? (each === null ? null : width / each);
  if (number === null) {
    net.warn(
      `number of attention heads not known: no connections from values to outputs; a config.json with ${key} beside the model tells it`,
    );
    return net.stop("the number of attention heads is not known", width, v);
  }
  const heads = net.heads(v, number, width, ends.scores);
  if (heads !== null) return heads;
  const found = `${net.channels(v)} values and ${width} channels do not divide into ${show(number)} heads`;
  net.warn(`${found}: no connections from values to outputs`);
  return net.stop(found, width, v);
}

/**
 * Queries, keys and values out of a weight that holds all queries, then all keys, then all values, each as wide as what they read.
 *
 * @param parts what the three layers are called
 * @throws {RangeError} when the weight has another width
 */
export function fusedHeads(
  net: Network,
  tensor: string,
  parts: readonly string[],
  x: Signal,
): { readonly values: Signal; readonly scores: HeadSignals } {
  const width = net.channels(x)!;
  const [out] = net.shape(tensor);
  if (out !== 3 * width) net.fail(tensor, `${out ?? "none"} out channels`, `${3 * width}`);
  const [queries, keys, values] = parts.map((name, i) =>
    net.layer(tensor, x, { name: net.prefix + name, out: { from: i * width, length: width } })
  ) as [Signal, Signal, Signal];
  return { values, scores: { queries, keys } };
}

/** Why a gate feeds nothing. */
export const GATE =
  "a gate scales what goes through: of a product of activations only the scaled one is followed";

/** `down(act(gate(x)) * up(x))`: only `up` is followed, which the gate scales. */
export function gated(
  net: Network,
  { gate, up, down }: { readonly gate: string; readonly up: string; readonly down: string },
  x: Signal,
): Signal {
  net.linear(gate, x);
  net.noConnection(gate, down, GATE);
  return net.linear(down, net.linear(up, x));
}

/** Word by word, where only one of them is there: `unembed` reads the stream with weights of its own, or with the embedding's. */
export function unembed(net: Network, head: string, embedding: string, tied: boolean, x: Signal): void {
  if (net.hasLayer(head)) net.linear(head, x);
  else if (tied) net.tied(embedding, head, x);
}
