/** `HookedTransformer` of TransformerLens: weights of attention have an axis of heads, and all are `[in, out]`. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { attend, GATE } from "../attention.ts";
import { Network } from "../network.ts";
import { said } from "./config.ts";

const IN_OUT = { layout: "in-out" } as const;

/** A decoder. Its weights tell the heads. */
export const hookedTransformer: Architecture = {
  name: "HookedTransformer",
  build(facts) {
    const net = Network.find("HookedTransformer", facts, ["embed.W_E", "blocks.0.attn.W_O"], ".w");
    if (net === null) return null;
    const positions = net.has("pos_embed.W_pos") ? [net.embedding("pos_embed.W_pos")] : [];
    const first = net.norm("embed.ln", net.sum(net.embedding("embed.W_E"), ...positions));
    const parallel = said(facts.config, "parallel_attn_mlp");
    const x = net.stack("blocks.", first, (block, y) => {
      const attended = attention(net, `${block}.attn`, net.norm(`${block}.ln1`, y));
      if (!net.has(`${block}.mlp.W_in`)) return net.sum(y, attended);
      // Of its own block's attention a feed-forward layer reads nothing where both stand side by side.
      const read = parallel === true ? y : net.sum(
        y,
        parallel === false
          ? attended
          : net.stop("the config does not say parallel_attn_mlp", net.channels(y), attended),
      );
      const added = forward(net, `${block}.mlp`, net.norm(`${block}.ln2`, read));
      return net.sum(y, attended, added);
    });
    net.layer("unembed.W_U", net.norm("ln_final", x), IN_OUT);
    return net.finish();
  },
};

function attention(net: Network, name: string, x: Signal): Signal {
  net.role(
    "biases of heads",
    ...["Q", "K", "V"].flatMap((each) => [`${name}.b_${each}`, `${name}._b_${each}`]),
  );
  net.role("a causal mask", `${name}.mask`);
  net.role("a table of rotary positions", `${name}.rotary_sin`, `${name}.rotary_cos`);
  const output = `${name}.W_O`;
  const [number = 0, each = 0, width = 0] = net.shape(output);
  const heads = (letter: "Q" | "K" | "V") => {
    // Heads that share keys and values have them under names of their own.
    const shared = `${name}._W_${letter}`;
    const tensor = net.has(shared) ? shared : `${name}.W_${letter}`;
    const { shape } = net.tensor(tensor);
    if (shape.length !== 3 || shape[2] !== each) {
      net.fail(tensor, `shape ${shape.join(" x ")}`, `heads of ${each}`);
    }
    return Array.from(
      { length: shape[0]! },
      (_, head) =>
        net.layer(tensor, x, { ...IN_OUT, name: `${net.prefix}${tensor}.${head}`, leading: [head] }),
    );
  };
  const scores = { queries: net.concat(...heads("Q")), keys: net.concat(...heads("K")) };
  const values = net.concat(...heads("V"));
  const ends = { queries: [`${name}.W_Q`, `${name}.W_K`], output, scores };
  const read = attend(net, values, number * each, ends, { config: undefined, key: "n_heads" }, each);
  return net.layer(output, read, { ...IN_OUT, shape: [number * each, width] });
}

function forward(net: Network, name: string, x: Signal): Signal {
  const gate = `${name}.W_gate`;
  const down = `${name}.W_out`;
  if (net.has(gate)) {
    net.layer(gate, x, IN_OUT);
    net.noConnection(gate, down, GATE);
  }
  return net.layer(down, net.layer(`${name}.W_in`, x, IN_OUT), IN_OUT);
}
