/** DistilBERT: a BERT without types of tokens and pooler, under names of its own. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { unembed } from "../attention.ts";
import { Network } from "../network.ts";
import { type BlockNames, transformerBlock } from "./block.ts";
import { unembeds } from "./config.ts";

const TABLE = "embeddings.word_embeddings.weight";

const BLOCK: BlockNames = {
  attention: ["sa_layer_norm", {
    queries: "attention.q_lin",
    keys: "attention.k_lin",
    values: "attention.v_lin",
    output: "attention.out_lin",
    heads: ["n_heads", "num_attention_heads"],
  }],
  feedForward: ["output_layer_norm", { up: "ffn.lin1", down: "ffn.lin2" }],
};

/** The encoder, and heads for masked words, classes and answers. */
export const distilbert: Architecture = {
  name: "distilbert",
  build(facts) {
    const net = Network.find("distilbert", facts, [TABLE, "transformer.layer.0.attention.q_lin.weight"]);
    if (net === null) return null;
    const { config } = facts;
    net.role("numbers of positions", "embeddings.position_ids");
    const tables = net.sum(net.embedding(TABLE), net.embedding("embeddings.position_embeddings.weight"));
    const x = net.stack(
      "transformer.layer.",
      net.norm("embeddings.LayerNorm", tables),
      (block, y) => transformerBlock(net, BLOCK, { block, x: y, config, postNorm: true }),
    );
    heads(net, x, unembeds(config));
    return net.finish();
  },
};

function heads(net: Network, x: Signal, tied: boolean): void {
  if (net.hasLayer("vocab_transform")) {
    const transformed = net.norm("vocab_layer_norm", net.act(net.linear("vocab_transform", x)));
    unembed(net, "vocab_projector", TABLE, tied, transformed);
  }
  const y = net.hasLayer("pre_classifier") ? net.linear("pre_classifier", x) : x;
  if (net.hasLayer("classifier")) net.linear("classifier", y);
  if (net.hasLayer("qa_outputs")) net.linear("qa_outputs", x);
}
