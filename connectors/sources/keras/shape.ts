/** Layers that move, join or drop axes. */

import type { FlattenOrder } from "../../../src/model/layer-draft.ts";
import { own } from "./config.ts";
import type { KerasContext, Rule } from "./context.ts";
import { type Form, isChannelsFirst } from "./form.ts";

/** All positions become one. */
export const globalPool: Rule = (context, [input]) => {
  if (input === undefined) return context.stop([], "it reads nothing");
  const { rank, axis } = input;
  const wanted = isChannelsFirst(context.config) ? 1 : rank === null ? null : rank - 1;
  if (axis !== null && wanted !== null && axis !== wanted) {
    return context.stop([input], `it keeps axis ${wanted}, where axis ${axis} counts channels`);
  }
  const signal = context.add({ op: "global-pool", input: input.signal });
  const kept = own(context.config, "keepdims") === true;
  return { ...input, signal, base: signal, ...kept ? {} : { rank: 2, axis: 1 } };
};

/** Channels and positions become one axis, in the order in which they lie; `channels_first` is turned to channels last before. */
export const flatten: Rule = (context, [input]) => {
  if (input === undefined) return context.stop([], "it reads nothing");
  return flattened(context, input, isChannelsFirst(context.config));
};

function flattened(context: KerasContext, input: Form, turned: boolean): Form {
  const { rank, axis } = input;
  if (rank !== null && rank <= 2) return context.keep(input);
  const order = orderOf(rank, axis, turned);
  if (order === null) {
    return context.stop([input], `axis ${axis} of ${rank}, which counts channels, gets lost`);
  }
  const signal = context.add({ op: "flatten", input: input.signal, order });
  // What is known of the width is that of the map: the tracer divides by it.
  return { ...input, signal, base: signal, rank: 2, axis: 1 };
}

function orderOf(rank: number | null, axis: number | null, turned: boolean): FlattenOrder | null {
  if (axis === null || rank === null) return turned ? null : "channels-last";
  if (turned) return axis === 1 ? "channels-last" : null;
  if (axis === rank - 1) return "channels-last";
  return axis === 1 ? "channels-first" : null;
}

/** Keeps channels where the last axis stays what it is, flattens where one axis is left; anything else mixes them. */
export const reshape: Rule = (context, [input]) => {
  // Functions count the batch, layers do not.
  const ofFunction = context.said("newshape") ?? context.said("shape");
  const target = own(context.config, "target_shape") ?? ofFunction;
  if (
    input === undefined || !Array.isArray(target) ||
    !target.every((each) => each === null || typeof each === "number")
  ) {
    return context.stop(input === undefined ? [] : [input], "it says no shape");
  }
  const shape = (ofFunction === undefined ? target : target.slice(1)) as (number | null)[];
  const { rank, axis, width } = input;
  const last = shape.at(-1);
  const channelsLast = rank !== null && axis === rank - 1;
  if (channelsLast && width !== null && last === width) {
    const all = shape.reduce<number>((product, each) => product * (each ?? -1), 1);
    // One position: a vector, whatever its axes.
    if (shape.length > 1 || rank === 2 || all === width) {
      return context.keep(input, { rank: shape.length + 1, axis: shape.length });
    }
  }
  if (shape.length === 1) return flattened(context, input, false);
  return context.stop(
    [input],
    `it makes ${shape.join(" x ")} of ${width ?? "?"} channels on axis ${axis ?? "?"}`,
  );
};

/** Axes are renamed; the channels' is followed. */
export const permute: Rule = (context, [input]) => {
  const dims = own(context.config, "dims");
  if (input === undefined || !Array.isArray(dims)) {
    return context.stop(input === undefined ? [] : [input], "it says no order");
  }
  const axis = input.axis === null ? -1 : dims.indexOf(input.axis);
  if (axis < 0) return context.stop([input], "it is not known which axis counts channels");
  return context.keep(input, { axis: axis + 1, rank: dims.length + 1 });
};

/** A vector becomes a sequence of itself. */
export const repeatVector: Rule = (context, [input]) =>
  input === undefined ? context.stop([], "it reads nothing") : context.keep(input, { rank: 3, axis: 2 });
