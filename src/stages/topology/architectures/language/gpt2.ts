/** GPT-2 (Hugging Face's names): weights as `[in, out]`, queries, keys and values in one of them. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { attend, unembed } from "../attention.ts";
import { Network } from "../network.ts";

const CONV1D = { layout: "in-out" } as const;

/** Pre-normalized blocks; learned positions; the unembedding is the embedding. */
export const gpt2: Architecture = {
  name: "gpt2",
  build(facts) {
    const net = Network.find("gpt2", facts, ["wte.weight", "wpe.weight", "h.0.attn.c_attn.weight"]);
    if (net === null) return null;
    const embedded = net.sum(net.embedding("wte.weight"), net.embedding("wpe.weight"));
    const x = net.stack("h.", embedded, (block, y) => {
      const z = net.sum(y, attention(net, `${block}.attn`, net.norm(`${block}.ln_1`, y), facts.config));
      const up = net.linear(`${block}.mlp.c_fc`, net.norm(`${block}.ln_2`, z), CONV1D);
      return net.sum(z, net.linear(`${block}.mlp.c_proj`, up, CONV1D));
    });
    unembed(net, "lm_head", "wte.weight", true, net.norm("ln_f", x));
    return net.finish();
  },
};

function attention(net: Network, name: string, x: Signal, config: unknown): Signal {
  const fused = `${name}.c_attn`;
  const width = net.channels(x)!;
  const [, , v] = (["q", "k", "v"] as const).map((part, i) =>
    net.linear(fused, x, {
      ...CONV1D,
      name: `${net.prefix}${fused}.${part}`,
      out: { from: i * width, length: width },
    })
  ) as [Signal, Signal, Signal];
  net.role("a causal mask", `${name}.bias`, `${name}.masked_bias`);
  const ends = { queries: [`${fused}.q`, `${fused}.k`], output: `${name}.c_proj` };
  return net.linear(ends.output, attend(net, v, width, ends, { config, key: "n_head" }), CONV1D);
}
