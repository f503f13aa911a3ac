/** BERT, RoBERTa and ELECTRA (Hugging Face's names): normalizations stand behind the additions. */

import type { Signal } from "../../../../model/operators.ts";
import type { Architecture } from "../architecture.ts";
import { attend, positiveInteger, saidOf, unembed } from "../attention.ts";
import { Network } from "../network.ts";

/** The encoder, its pooler, and heads for masked words, next sentences, classes and answers. */
export const bert: Architecture = {
  name: "bert",
  build(facts) {
    const first = "encoder.layer.0.attention.self.query.weight";
    const net = Network.find("bert", facts, ["embeddings.word_embeddings.weight", first]);
    if (net === null) return null;
    const tables = ["word_embeddings", "position_embeddings", "token_type_embeddings"]
      .map((name) => `embeddings.${name}.weight`).filter((name) => net.has(name));
    net.role("numbers of positions", "embeddings.position_ids", "embeddings.token_type_ids");
    const sum = net.norm("embeddings.LayerNorm", net.sum(...tables.map((name) => net.embedding(name))));
    // ELECTRA's tables may be narrower than its stream.
    const embedded = net.hasLayer("embeddings_project") ? net.linear("embeddings_project", sum) : sum;
    const x = net.stack("encoder.layer.", embedded, (block, before) => {
      const attended = attention(net, `${block}.attention`, before, facts.config);
      const between = net.norm(`${block}.attention.output.LayerNorm`, net.sum(before, attended));
      const y = net.linear(`${block}.output.dense`, net.linear(`${block}.intermediate.dense`, between));
      return net.norm(`${block}.output.LayerNorm`, net.sum(between, y));
    });
    heads(net, x, facts.config);
    return net.finish();
  },
};

function attention(net: Network, name: string, x: Signal, config: unknown): Signal {
  const [q, k, v] = [`${name}.self.query`, `${name}.self.key`, `${name}.self.value`] as const;
  const output = `${name}.output.dense`;
  const scores = { queries: net.linear(q, x), keys: net.linear(k, x) };
  const width = net.tensor(`${output}.weight`).shape[1]!;
  const ends = { queries: [q, k], output, scores };
  const values = net.linear(v, x);
  const key = "num_attention_heads";
  const heads = positiveInteger(config, key);
  const hidden = net.channels(x);
  // Where heads were pruned, the config still has their number before: what is left shows how many there are.
  const left = heads === null || hidden === null ? config : { [key]: width / (hidden / heads) };
  return net.linear(output, attend(net, values, width, ends, { config: left, key }));
}

/** What a classifier reads beside a pooler: a token classifier's file may hold the one that was trained before it, and that it does not use. */
function classified(net: Network, x: Signal, pooled: Signal, config: unknown): Signal {
  const architecture = String(saidOf(config, "architectures"));
  if (/For(SequenceClassification|MultipleChoice)/.test(architecture)) return pooled;
  if (/ForTokenClassification/.test(architecture)) return x;
  const reason = "it reads the pooler or the encoder: architectures of a config.json would say which";
  return net.stop(reason, net.channels(x), x, pooled);
}

/** Whatever stands on the encoder. */
export function heads(net: Network, x: Signal, config: unknown): void {
  const pooled = net.hasLayer("pooler.dense") ? net.linear("pooler.dense", x) : null;
  if (net.hasLayer("cls.seq_relationship")) net.linear("cls.seq_relationship", pooled ?? x);
  if (net.hasLayer("classifier")) {
    net.linear("classifier", pooled === null ? x : classified(net, x, pooled, config));
  }
  // RoBERTa's classes are made of the stream itself.
  if (net.hasLayer("classifier.out_proj")) {
    net.linear("classifier.out_proj", net.linear("classifier.dense", x));
  }
  if (net.hasLayer("qa_outputs")) net.linear("qa_outputs", x);
  if (net.hasLayer("discriminator_predictions.dense")) {
    net.linear(
      "discriminator_predictions.dense_prediction",
      net.linear("discriminator_predictions.dense", x),
    );
  }
  for (
    const [dense, norm, decoder] of [
      ["cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.decoder"],
      ["lm_head.dense", "lm_head.layer_norm", "lm_head.decoder"],
      ["generator_predictions.dense", "generator_predictions.LayerNorm", "generator_lm_head"],
      ["lm_predictions.lm_head.dense", "lm_predictions.lm_head.LayerNorm", "lm_predictions.lm_head.decoder"],
    ] as const
  ) {
    if (!net.hasLayer(dense)) continue;
    unembed(
      net,
      decoder,
      "embeddings.word_embeddings.weight",
      true,
      net.norm(norm, net.act(net.linear(dense, x))),
    );
  }
}
