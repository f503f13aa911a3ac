/** Normalizations: what they do to a channel can be folded into the layer beside them. */

import { own } from "./config.ts";
import type { Rule } from "./context.ts";
import { isChannelAxis } from "./form.ts";

/** Keras's default of both normalizations. */
const EPSILON = 1e-3;

/** Roles in Keras's order, without those that the config turns off. */
function roles(config: Readonly<Record<string, unknown>>, ...more: readonly string[]): string[] {
  return [
    ...own(config, "scale") === false ? [] : ["gamma"],
    ...own(config, "center") === false ? [] : ["beta"],
    ...more,
  ];
}

/** Scaling by `gamma / sqrt(variance + epsilon)`, along the axis of channels. */
export const batchNormalization: Rule = (context, [input]) => {
  if (input === undefined) return context.stop([], "it reads nothing");
  const { config } = context;
  const wanted = roles(config, "moving_mean", "moving_variance");
  const found = context.find(...wanted);
  const [gamma, variance] = [found.get("gamma"), found.get("moving_variance")];
  const along = isChannelAxis(own(config, "axis") ?? -1, input) ?? true;
  const complete = variance !== undefined && (gamma !== undefined || !wanted.includes("gamma"));
  const epsilon = own(config, "epsilon");
  const scale = along && complete
    ? {
      gamma: gamma?.name ?? null,
      variance: variance.name,
      epsilon: typeof epsilon === "number" && epsilon >= 0 ? epsilon : EPSILON,
    }
    : null;
  const signal = context.add({ op: "batch-norm", input: input.signal, scale });
  return { ...input, signal, base: signal };
};

/** The gain of a layer or RMS normalization over channels. */
export function gainOf(role: "gamma" | "scale"): Rule {
  return (context, [input]) => {
    if (input === undefined) return context.stop([], "it reads nothing");
    const { config } = context;
    const found = context.find(...role === "gamma" ? roles(config) : [role]);
    const along = isChannelAxis(own(config, "axis") ?? -1, input) ?? true;
    const signal = context.add({
      op: "gain",
      input: input.signal,
      gain: along ? found.get(role)?.name ?? null : null,
    });
    return { ...input, signal, base: signal };
  };
}
