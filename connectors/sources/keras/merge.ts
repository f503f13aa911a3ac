/** Layers that join several values. */

import { own } from "./config.ts";
import type { KerasContext, Rule } from "./context.ts";
import { type Form, isChannelAxis } from "./form.ts";

/** Sums, differences, means and maxima, channel by channel. */
export const sum: Rule = (context, inputs) => {
  const [first] = inputs;
  if (first === undefined) return context.stop([], "it reads nothing");
  if (inputs.every(({ base }) => base === first.base)) return context.keep(first);
  const known = inputs.find(({ axis }) => axis !== null) ?? first;
  const other = inputs.find(({ axis, rank }) =>
    axis !== null && (axis !== known.axis || rank !== known.rank)
  );
  if (other !== undefined && !isBroadcast(known, other)) {
    return context.stop(inputs, `channels on axis ${known.axis} and on axis ${other.axis} are added`);
  }
  const signal = context.add({ op: "add", inputs: inputs.map((each) => each.signal) });
  const width = inputs.find((each) => each.width !== null)?.width ?? null;
  return { ...known, width, signal, base: signal };
};

/** A vector is added at every position where both end in their channels. */
function isBroadcast(a: Form, b: Form): boolean {
  const isLast = ({ rank, axis }: Form) => rank !== null && axis === rank - 1;
  return isLast(a) && isLast(b);
}

/** Side by side along channels; along any other axis channels stay what they are, and come from all sides. */
export const concatenate: Rule = (context, inputs) => {
  const [first] = inputs;
  if (first === undefined) return context.stop([], "it reads nothing");
  const known = inputs.find(({ axis }) => axis !== null) ?? first;
  const along = isChannelAxis(context.said("axis") ?? context.said("concat_axis") ?? -1, known);
  if (along === null) return context.stop(inputs, "it is not known along which axis it joins");
  const signals = inputs.map((each) => each.signal);
  const signal = context.add({ op: along ? "concat" : "either", inputs: signals });
  const widths = inputs.map((each) => each.width);
  const width = !along
    ? known.width
    : widths.includes(null)
    ? null
    : widths.reduce<number>((total, each) => total + (each ?? 0), 0);
  return { ...known, width, signal, base: signal };
};

/** Of one value alone, an element-wise function; of several, nothing linear. */
export const product: Rule = (context, inputs) => {
  const [first] = inputs;
  if (first === undefined) return context.stop([], "it reads nothing");
  if (inputs.every(({ base }) => base === first.base)) return context.keep(first);
  return context.stop(inputs, "a product of activations");
};

const MODES: Readonly<Record<string, Rule>> = {
  sum,
  ave: sum,
  average: sum,
  max: sum,
  concat: concatenate,
  mul: product,
};

/** Keras 1's one layer for all of these. */
export const merge: Rule = (context: KerasContext, inputs) => {
  const mode = own(context.config, "mode");
  const rule = typeof mode === "string" && Object.hasOwn(MODES, mode) ? MODES[mode] : undefined;
  return rule === undefined ? context.stop(inputs, `it merges by ${String(mode)}`) : rule(context, inputs);
};
