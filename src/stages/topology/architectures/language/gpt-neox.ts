/** GPT-NeoX, and Pythia, its models (Hugging Face's names): halves of a block side by side, queries, keys and values head by head. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { attend, positiveInteger, saidOf, unembed } from "../attention.ts";
import { Network } from "../network.ts";

/** Pre-normalized blocks; rotary positions. */
export const gptNeox: Architecture = {
  name: "gpt-neox",
  build(facts) {
    const signs = ["embed_in.weight", "layers.0.attention.query_key_value.weight"] as const;
    const net = Network.find("gpt-neox", facts, [...signs]);
    if (net === null) return null;
    const { config } = facts;
    const x = net.stack("layers.", net.embedding("embed_in.weight"), (block, y) => {
      const attended = attention(net, `${block}.attention`, net.norm(`${block}.input_layernorm`, y), config);
      const z = net.sum(y, attended);
      const parallel = saidOf(config, "use_parallel_residual") !== false;
      const read = net.norm(`${block}.post_attention_layernorm`, parallel ? y : z);
      const up = net.linear(`${block}.mlp.dense_h_to_4h`, read);
      return net.sum(z, net.linear(`${block}.mlp.dense_4h_to_h`, up));
    });
    const tied = saidOf(config, "tie_word_embeddings") === true;
    unembed(net, "embed_out", "embed_in.weight", tied, net.norm("final_layer_norm", x));
    return net.finish();
  },
};

function attention(net: Network, name: string, x: Signal, config: unknown): Signal {
  net.role("a causal mask", `${name}.bias`, `${name}.masked_bias`);
  net.role("rotary frequencies", `${name}.rotary_emb.inv_freq`);
  const output = `${name}.dense`;
  const fused = net.linear(`${name}.query_key_value`, x);
  const width = net.tensor(`${output}.weight`).shape[1]!;
  if (net.channels(fused) !== 3 * width) {
    net.fail(`${name}.query_key_value.weight`, `${net.channels(fused)} out channels`, `${3 * width}`);
  }
  const key = "num_attention_heads";
  const each = width / (positiveInteger(config, key) ?? NaN);
  // One head after another has its queries, keys and values.
  const values = Number.isInteger(each)
    ? net.map(
      fused,
      Array.from({ length: width / each }, (_, head) => (
        { source: (3 * head + 2) * each, target: head * each, length: each }
      )),
      width,
    )
    : net.stop("the number of attention heads is not known", width, fused);
  return net.linear(output, attend(net, values, width, { queries: [], output }, { config, key }));
}
