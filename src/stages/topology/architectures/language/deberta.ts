/** DeBERTa, its first version and the later ones: attention by content and by distance, whose table queries and keys read too. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { Network } from "../network.ts";
import { type AttentionNames, selfAttention } from "./attention-block.ts";
import { heads } from "./bert.ts";
import { said } from "./config.ts";

const TABLE = "embeddings.word_embeddings.weight";
const DISTANCES = "encoder.rel_embeddings.weight";
const SELF = "attention.self";

/** Layers that read the table of distances alone, where a version has such. */
const OF_DISTANCES = ["pos_proj", "pos_q_proj", "pos_key_proj", "pos_query_proj"];

const ATTENTION: AttentionNames = {
  queries: `${SELF}.query_proj`,
  keys: `${SELF}.key_proj`,
  values: `${SELF}.value_proj`,
  fused: `${SELF}.in_proj`,
  order: () => "groups",
  output: "attention.output.dense",
  heads: ["num_attention_heads"],
};

/** The encoder, and heads for masked words, classes and answers. */
export const deberta: Architecture = {
  name: "deberta",
  build(facts) {
    const first = "encoder.layer.0.attention.self";
    const net = Network.find("deberta", facts, [TABLE, `${first}.query_proj.weight`]) ??
      Network.find("deberta", facts, [TABLE, `${first}.in_proj.weight`]);
    if (net === null) return null;
    const { config } = facts;
    net.role("numbers of positions", "embeddings.position_ids");
    const tables = ["word_embeddings", "position_embeddings", "token_type_embeddings"]
      .map((name) => `embeddings.${name}.weight`).filter((name) => net.has(name));
    const sum = net.sum(...tables.map((name) => net.embedding(name)));
    const projected = net.hasLayer("embeddings.embed_proj") ? net.linear("embeddings.embed_proj", sum) : sum;
    const embedded = net.norm("embeddings.LayerNorm", projected);
    const distances = net.has(DISTANCES) ? net.norm("encoder.LayerNorm", net.embedding(DISTANCES)) : null;
    const x = net.stack("encoder.layer.", embedded, (block, y) => {
      const attended = attention(net, block, { x: y, distances, config });
      const between = net.norm(`${block}.attention.output.LayerNorm`, net.sum(y, attended));
      const up = net.linear(`${block}.intermediate.dense`, between);
      const z = net.norm(
        `${block}.output.LayerNorm`,
        net.sum(between, net.linear(`${block}.output.dense`, up)),
      );
      return block.endsWith(".0") ? convolved(net, embedded, z) : z;
    });
    heads(net, x, config);
    return net.finish();
  },
};

/** Beside its first block, the largest has a convolution. */
function convolved(net: Network, embedded: Signal, x: Signal): Signal {
  const convolution = "encoder.conv.conv";
  if (!net.hasLayer(convolution)) return x;
  return net.norm("encoder.conv.LayerNorm", net.sum(x, net.act(net.conv(convolution, embedded))));
}

interface Read {
  readonly x: Signal;
  readonly distances: Signal | null;
  readonly config: unknown;
}

function attention(net: Network, block: string, { x, distances, config }: Read): Signal {
  if (distances === null) return selfAttention(net, ATTENTION, { block, x, config });
  const own = OF_DISTANCES.map((name) => `${block}.${SELF}.${name}`).filter((name) => net.hasLayer(name));
  for (const name of own) {
    net.linear(name, distances);
    net.noConnection(
      name,
      `${block}.${ATTENTION.output}`,
      "distances weigh positions by a product of activations",
    );
  }
  if (own.length > 0 || net.hasLayer(`${block}.${ATTENTION.fused}`)) {
    return selfAttention(net, ATTENTION, { block, x, config });
  }
  // With `share_att_key` the layers of queries and keys read the table as well, by the kinds of attention that the config lists.
  const kinds = said(config, "pos_att_type");
  const shares = (kind: string) => (Array.isArray(kinds) ? kinds : String(kinds).split("|")).includes(kind);
  const reason = "the config does not say by pos_att_type which layers read the table of distances";
  if (kinds === undefined) net.warn(`${reason}: none is connected to it`);
  const reads = (kind: string, module: string) => {
    if (kinds === undefined) net.noConnection(DISTANCES, `${block}.${module}`, reason);
    return kinds !== undefined && shares(kind) ? net.either(x, distances) : x;
  };
  return selfAttention(net, ATTENTION, {
    block,
    x,
    config,
    reads: { queries: reads("p2c", ATTENTION.queries!), keys: reads("c2p", ATTENTION.keys!) },
  });
}
