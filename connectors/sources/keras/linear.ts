/** Layers of one or two linear maps: fully connected, convolutions of all kinds, embeddings. */

import type { TensorInfo } from "../../../src/model/tensor.ts";
import type { WeightLayout } from "../../../src/model/layer-draft.ts";
import { own } from "./config.ts";
import type { KerasContext, Rule } from "./context.ts";
import { type Form, integer, isChannelsFirst } from "./form.ts";

/** What a layer reads along an axis: nothing that is known, where that axis does not count channels. What it makes lies along it. */
function along(context: KerasContext, input: Form, rank: number, axis: number): Form {
  const read = input.axis === null || input.axis === axis
    ? input
    : context.stop([input], `it reads along axis ${axis}, where axis ${input.axis} counts channels`);
  return { ...read, rank, axis };
}

/** A tensor that is a layer's weight, or what the stop says. */
function weight(found: ReadonlyMap<string, TensorInfo>, role: string): TensorInfo | string {
  const tensor = found.get(role);
  if (tensor === undefined) return `the file holds no ${role} of it`;
  return tensor.unreadable ?? (tensor.shape.includes(0) ? `a ${role} without any element` : tensor);
}

/** Reads the last axis; of a flattened map, all of it. */
export const dense: Rule = (context, [input]) => {
  const kernel = weight(context.find("kernel", "bias"), "kernel");
  if (input === undefined || typeof kernel === "string") return context.stop([], String(kernel));
  const { rank } = input;
  const form = rank === null ? input : along(context, input, rank, rank - 1);
  if (kernel.shape.length !== 2) return context.stop([input], `a kernel of ${kernel.shape.length} axes`);
  const layer = context.draft(context.name, kernel, { layout: "in-out" });
  return context.read(layer, form, {});
};

/** A table of vectors: its rows are the in channels. */
export const embedding: Rule = (context, [input]) => {
  const table = weight(context.find("embeddings"), "embeddings");
  if (input === undefined || typeof table === "string") return context.stop([], String(table));
  const layer = context.draft(context.name, table, { layout: "in-out", kind: "embedding" });
  const rank = input.rank === null ? null : input.rank + 1;
  return context.read(layer, input, { rank, axis: rank === null ? null : rank - 1 }, false);
};

/** What a convolution reads, in which form. */
function mapOf(context: KerasContext, input: Form, dimensions: number): Form {
  const rank = dimensions + 2;
  return along(context, input, rank, isChannelsFirst(context.config) ? 1 : rank - 1);
}

function convolution(roles: readonly string[], layout: WeightLayout, kind?: "conv-transpose"): Rule {
  return (context, [input]) => {
    const kernel = weight(context.find(...roles), roles[0]!);
    if (input === undefined || typeof kernel === "string") return context.stop([], String(kernel));
    const form = mapOf(context, input, kernel.shape.length - 2);
    const groups = layout === "depthwise" ? 1 : integer(context.config, "groups") ?? 1;
    if (layout === "kernel-out-in" && groups > 1) {
      return context.stop([input], "a grouped transposed convolution");
    }
    // Keras 1 kept Theano's order of axes in files where it used Theano's order of channels.
    const theano = own(context.config, "dim_ordering") === "th" && layout === "kernel-in-out";
    const layer = context.draft(context.name, kernel, {
      layout: theano ? "out-in" : layout,
      ...layout === "depthwise" ? {} : { groups },
      ...kind === undefined ? {} : { kind },
    });
    return context.read(layer, form, form);
  };
}

/** `[...k, n/g, m]`. */
export const conv: Rule = convolution(["kernel", "bias"], "kernel-in-out");

/** `[...k, m, n]`. */
export const convTranspose: Rule = convolution(["kernel", "bias"], "kernel-out-in", "conv-transpose");

/** `[...k, n, q]`: one group per in channel. */
export const depthwiseConv: Rule = convolution(["kernel", "bias"], "depthwise");

/** Two layers: `<name>/depthwise`, and `<name>/pointwise` right behind it. */
export const separableConv: Rule = (context, [input]) => {
  const found = context.find("depthwise_kernel", "pointwise_kernel", "bias");
  const [depthwise, pointwise] = ["depthwise_kernel", "pointwise_kernel"].map((role) => weight(found, role));
  if (input === undefined || typeof depthwise !== "object" || typeof pointwise !== "object") {
    return context.stop([], String(typeof depthwise === "string" ? depthwise : pointwise));
  }
  const form = mapOf(context, input, depthwise.shape.length - 2);
  const first = context.draft(`${context.name}/depthwise`, depthwise, { layout: "depthwise" });
  const second = context.draft(`${context.name}/pointwise`, pointwise, { layout: "kernel-in-out" });
  return context.read(second, context.read(first, form, form, false), form);
};
