/** One decoder for all families of decoders: a description says what a family calls its parts, and which of them it has. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { unembed } from "../attention.ts";
import { Network } from "../network.ts";
import { type AttentionNames, selfAttention } from "./attention-block.ts";
import { said, textConfig, unembeds } from "./config.ts";
import { expertsOf } from "./experts.ts";
import { feedForward, type FeedForwardNames, hasFeedForward } from "./feed-forward.ts";
import type { WeightOrder } from "./weight-order.ts";

/** What a family of decoders calls its parts. Names within a block are relative to it; the first alternative that is there is taken. */
export interface Decoder {
  readonly name: string;
  /** Tensors by which a network is found. */
  readonly signs: readonly [string, ...string[]];
  /** Tensors that another family has, and this one has not. */
  readonly without?: readonly string[];
  /** Tables whose rows are added up, as tensors: of tokens, then of positions. */
  readonly tables: readonly [string, ...string[]];
  /** Layers between the tables and the stream, where they differ in width. */
  readonly projections?: { readonly in: string; readonly out: string };
  /** The normalization behind the tables. */
  readonly embedded?: string;
  /** Beginning of the blocks' names. */
  readonly blocks: string;
  readonly attention: AttentionNames;
  readonly feedForward: readonly FeedForwardNames[];
  readonly norms: (net: Network, block: string) => BlockNorms;
  /** How a block's two halves stand to each other. Default: one behind the other. */
  readonly halves?: (config: unknown, net: Network, block: string) => Halves;
  /** Whether normalizations stand behind the additions. Default: before each half. */
  readonly postNorm?: (config: unknown, net: Network) => boolean;
  /** Whether the stream goes on from the normalizations, not from before them. */
  readonly normedStream?: (config: unknown) => boolean;
  /** The normalization before the head. */
  readonly last: string;
  readonly head: string;
  /** Whether the head is the table of tokens where the config does not say. */
  readonly tied: (config: unknown) => boolean;
  /** Order of the axes of the blocks' weights. Default: `out-in`. */
  readonly layout?: (net: Network) => WeightOrder;
  /** What is added to the gains that the file holds. */
  readonly gainOffset?: (config: unknown) => number | undefined;
  /** Other tensors that are no weights, and what they are. */
  readonly roles?: Readonly<Record<string, string>>;
}

/** What the normalizations of a block are called; those that a block lacks are passed over. */
export interface BlockNorms {
  /** Before attention. */
  readonly attention: string;
  /** Before the feed-forward layer; where there is none, that reads what attention reads. */
  readonly feedForward?: string;
  /** Of what attention, or the feed-forward layer, adds to the stream. */
  readonly behindAttention?: string;
  readonly behindFeedForward?: string;
}

/** One behind the other, or both reading the stream as it was before the block. */
export type Halves = "sequential" | "parallel";

/** Heads of other tasks, which read the stream. */
const HEADS = ["score", "classifier", "qa_outputs"];

/** The family that a description describes. */
export function decoder(names: Decoder): Architecture {
  return {
    name: names.name,
    build(facts) {
      const net = Network.find(names.name, facts, names.signs);
      if (net === null || names.without?.some((tensor) => net.has(tensor)) === true) return null;
      const config = textConfig(facts.config);
      const offset = names.gainOffset?.(config);
      const norm = (module: string, x: Signal) => net.norm(module, x, offset);
      for (const [tensor, what] of Object.entries(names.roles ?? {})) net.role(what, tensor);
      const stream = net.stack(
        names.blocks,
        embedded(net, names, norm),
        (block, y) => decoderBlock({ net, names, config, norm }, block, y),
      );
      let x = norm(names.last, stream);
      if (names.projections !== undefined && net.hasLayer(names.projections.out)) {
        x = net.linear(names.projections.out, x);
      }
      const tied = said(config, "tie_word_embeddings") ?? names.tied(config);
      unembed(net, names.head, names.tables[0], tied === true && unembeds(facts.config), x);
      for (const head of HEADS) if (net.hasLayer(head)) net.linear(head, x);
      return net.finish();
    },
  };
}

type Norm = (module: string, x: Signal) => Signal;

interface Parts {
  readonly net: Network;
  readonly names: Decoder;
  readonly config: unknown;
  readonly norm: Norm;
}

function embedded(net: Network, names: Decoder, norm: Norm): Signal {
  const [tokens, ...others] = names.tables;
  let x = net.embedding(tokens);
  if (names.projections !== undefined && net.hasLayer(names.projections.in)) {
    x = net.linear(names.projections.in, x);
  }
  const rest = others.filter((table) => net.has(table)).map((table) => net.embedding(table));
  const sum = rest.length === 0 ? x : net.sum(x, ...rest);
  return names.embedded === undefined ? sum : norm(names.embedded, sum);
}

function decoderBlock({ net, names, config, norm }: Parts, block: string, y: Signal): Signal {
  const norms = names.norms(net, block);
  const normed = (name: string | undefined, x: Signal) =>
    name === undefined ? x : norm(`${block}.${name}`, x);
  const layout = names.layout?.(net) ?? "out-in";
  const attention = (x: Signal) =>
    normed(norms.behindAttention, selfAttention(net, names.attention, { block, x, config, layout }));
  const forward = (x: Signal) => {
    const added = expertsOf(net, `${block}.`, x) ?? dense(net, names.feedForward, { block, x, layout });
    return normed(norms.behindFeedForward, added);
  };
  if (names.postNorm?.(config, net) === true) {
    const z = normed(norms.attention, net.sum(y, attention(y)));
    return normed(norms.feedForward, net.sum(z, forward(z)));
  }
  const x = normed(norms.attention, y);
  const attended = attention(x);
  if (names.halves?.(config, net, block) === "parallel") {
    const hasOwn = norms.feedForward !== undefined && net.hasLayer(`${block}.${norms.feedForward}`);
    return net.sum(y, attended, forward(hasOwn ? normed(norms.feedForward, y) : x));
  }
  const stays = names.normedStream?.(config) === true;
  const z = net.sum(stays ? x : y, attended);
  const between = normed(norms.feedForward, z);
  return net.sum(stays ? between : z, forward(between));
}

function dense(
  net: Network,
  alternatives: readonly FeedForwardNames[],
  { block, x, layout }: { readonly block: string; readonly x: Signal; readonly layout: WeightOrder },
): Signal {
  const names = alternatives.find((each) => hasFeedForward(net, block, each)) ?? alternatives[0]!;
  return feedForward(net, names, { block, x, layout });
}
