/** What the `config.json` of a language model says, whatever wraps it. */

import { positiveInteger, saidOf } from "../attention.ts";

/** What a config says under a key; undefined where it says nothing, or null. */
export function said(config: unknown, key: string): unknown {
  return saidOf(config, key) ?? undefined;
}

/** The config of the text's network: within that of a model that sees and hears too. */
export function textConfig(config: unknown): unknown {
  const text = ["text_config", "llm_config", "language_config"].map((key) => saidOf(config, key))
    .find((each) => typeof each === "object" && each !== null);
  if (text === undefined) return config;
  return { model_type: saidOf(config, "model_type"), ...text };
}

/** The name of the class that wrote the config; empty where it does not say. */
export function classOf(config: unknown): string {
  const names = saidOf(config, "architectures");
  return Array.isArray(names) ? names.join(" ") : "";
}

/** The kind of model as the config calls it; empty where it does not say. */
export function modelType(config: unknown): string {
  return String(saidOf(config, "model_type") ?? "");
}

/** Whether a model has a head that makes words: not where its class is that of a bare trunk, or of another task. */
export function unembeds(config: unknown): boolean {
  const name = classOf(config);
  return !/(?<!LMHead|DoubleHeads)Model\b|For(?:Sequence|Token)Classification|ForQuestionAnswering/
    .test(name);
}

/** The first of these keys under which a config has a positive integer; else the first of them. */
export function keyOf(config: unknown, keys: readonly [string, ...string[]]): string {
  return keys.find((key) => positiveInteger(config, key) !== null) ?? keys[0];
}
