/** Pooling, reductions, normalizations, and tensors that are made of nothing. */

import { isActivation } from "../onnx/movement.ts";
import { type Axis, holdsChannels, positions, UNKNOWN_CONSTANT } from "../onnx/values.ts";
import type { AtenHandler, AtenHandlers } from "./network.ts";
import { type AtenValue, isTensor, knownOf, listOf, rankOf } from "./values.ts";

const words = (text: string) => text.split(" ");

const pool = (average: boolean, several: boolean): AtenHandler => (network, given) => {
  const value = given.tensor(0, "self");
  const axes = Number(/(\d)d/.exec(given.call.op)?.[1] ?? 2);
  const kernel = given.extents(1, "kernel_size", axes, 1);
  const stride = (given.numbers(2, "stride") ?? []).length === 0
    ? kernel
    : given.extents(2, "stride", axes, 1);
  const padding = given.extents(3, "padding", axes, 0);
  const dilation = average ? Array.from({ length: axes }, () => 1) : given.extents(4, "dilation", axes, 1);
  if (kernel === null || stride === null || padding === null || dilation === null) {
    return network.stop(given, "a kernel that is not known");
  }
  const ceil = given.get(average ? 4 : 5, "ceil_mode");
  const result = network.onnx(average ? "AveragePool" : "MaxPool", [value], {
    kernel_shape: kernel,
    strides: stride,
    pads: [...padding, ...padding],
    dilations: dilation,
    ceil_mode: ceil === true || ceil === 1 ? 1 : 0,
  });
  return several ? listOf([result, network.input(null)]) : result;
};

/** Positions become so many; where that is one, all of them. */
const adaptive = (several: boolean): AtenHandler => (network, given) => {
  const value = given.tensor(0, "self");
  const sizes = given.numbers(1, "output_size") ?? [];
  const axes = Number(/(\d)d/.exec(given.call.op)?.[1] ?? 2);
  const global = sizes.length > 0 && sizes.every((each) => each === 1);
  const result = network.onnx(global ? "GlobalAveragePool" : "Resize", [value]);
  const extents = sizes.length === 1 ? Array.from({ length: axes }, () => sizes[0]!) : sizes;
  const known = isActivation(result) && result.axes !== null && !global
    ? {
      ...result,
      axes: result.axes.map((axis, at): Axis => {
        const size = extents[at - (result.axes!.length - extents.length)];
        return size == null || holdsChannels(axis) ? axis : positions(size);
      }),
    }
    : result;
  return several ? listOf([known, network.input(null)]) : known;
};

/** @param several how many results an overload along axes has */
const reduce = (op: string, several = 1): AtenHandler => (network, given) => {
  const value = given.tensor(0, "self");
  const name = given.call.named.has("normalized_shape") ? "normalized_shape" : "dim";
  const place = /norm$/.test(given.call.op) ? 2 : 1;
  // `var(x, unbiased)` is one over all axes.
  const dims = typeof given.get(place, name) === "boolean" ? [] : given.numbers(place, name) ?? [];
  if (dims.some((each) => typeof each !== "number")) return network.stop(given, "axes that are not known");
  const keep = given.get(/^(var|std)/.test(given.call.op) ? place + 2 : place + 1, "keepdim");
  const attributes = { axes: dims as readonly number[], keepdims: keep === true || keep === 1 ? 1 : 0 };
  const result = network.onnx(op, [value], attributes);
  const along = several > 1 && given.get(place, name) !== undefined;
  return along || /_mean$/.test(given.call.op)
    ? listOf([result, along ? network.input(null) : network.onnx("ReduceMean", [value], attributes)])
    : result;
};

/** Two tensors, place by place; with one tensor a reduction. */
const extremum = (op: string): AtenHandler => {
  const reduction = reduce(`Reduce${op}`, 2);
  return (network, given) => {
    const other = given.get(1, "other");
    const two = isTensor(other) && (given.call.overload === "other" || knownOf(other) !== null);
    return two ? network.onnx(op, [given.tensor(0, "self"), other]) : reduction(network, given);
  };
};

/** Indices of places: nothing of the channels. */
const places: AtenHandler = (network) => network.input(null);

/** Values with their indices. */
const ordered: AtenHandler = (network, given) => {
  const value = given.tensor(0, "self");
  const follows = isActivation(value) && value.nature !== "input";
  const values = follows
    ? network.stop(given, "values in an order that depends on the input")
    : network.input(null);
  return listOf([values, network.input(null)]);
};

const batchNorm = (several: boolean, epsilonAt: number): AtenHandler => (network, given) => {
  const [input, weight, bias, mean, variance] = ["input", "weight", "bias", "running_mean", "running_var"]
    .map((
      name,
      at,
    ) => given.tensor(at, name));
  if (input == null) return network.stop(given, "reads no tensor");
  const epsilon = given.number(epsilonAt, "eps", 1e-5) ?? 1e-5;
  const normalized = [input, weight ?? null, bias ?? null, mean ?? null, variance ?? null];
  const result = network.onnx("BatchNormalization", normalized, { epsilon });
  return several ? listOf([result, null, null, null, null]) : result;
};

/** Layer, group, instance and RMS normalizations: the place of the gain differs. */
const norm = (op: string, gain: number, several = false): AtenHandler => (network, given) => {
  given.tensor(gain + 1, "bias");
  const input = given.tensor(0, "input");
  if (input === null) return network.stop(given, "reads no tensor");
  const result = network.onnx(op, [input, given.tensor(gain, "weight")]);
  return several ? listOf([result, null, null]) : result;
};

/** Numbers that depend on nothing: constants, of which the shape at most matters. */
const made: AtenHandler = (_, given) => {
  const numbers = given.numbers(0, "size");
  const known = numbers !== undefined && numbers.every((each) => typeof each === "number");
  const like = given.get(0, "self");
  const shape = /_like$/.test(given.call.op) && isTensor(like)
    ? like.kind === "constant" ? like.shape : null
    : known && !/^(new_|arange|linspace|scalar_tensor|tensor)/.test(given.call.op)
    ? numbers
    : null;
  return { ...UNKNOWN_CONSTANT, shape };
};

const nothing: AtenHandler = (): AtenValue => null;

const random: AtenHandler = (network) => network.input(null);

/** The axis of channels in an input without examples is the first: PyTorch takes such inputs, ONNX does not. */
const withoutExamples = (rank: number, handler: AtenHandler): AtenHandler => (network, given) =>
  rankOf(given.tensor(0, "self")) === rank - 1 && isActivation(given.tensor(0, "self"))
    ? network.stop(given, "a map without an axis of examples")
    : handler(network, given);

/** Operators by name. */
export const REDUCTIONS: AtenHandlers = new Map<string, AtenHandler>([
  ...[1, 2, 3].flatMap((axes) => {
    const only = (handler: AtenHandler) => withoutExamples(axes + 2, handler);
    return [
      [`max_pool${axes}d`, only(pool(false, false))] as const,
      [`max_pool${axes}d_with_indices`, only(pool(false, true))] as const,
      [`avg_pool${axes}d`, only(pool(true, false))] as const,
      [`adaptive_avg_pool${axes}d`, only(adaptive(false))] as const,
      [`_adaptive_avg_pool${axes}d`, only(adaptive(false))] as const,
      [`adaptive_max_pool${axes}d`, only(adaptive(true))] as const,
    ];
  }),
  ["mean", reduce("ReduceMean")],
  ["sum", reduce("ReduceSum")],
  ["prod", reduce("ReduceProd")],
  ["amax", reduce("ReduceMax")],
  ["amin", reduce("ReduceMin")],
  ["max", extremum("Max")],
  ["min", extremum("Min")],
  ["median", reduce("ReduceMax", 2)],
  ["logsumexp", reduce("ReduceLogSumExp")],
  ["var", reduce("ReduceMean")],
  ["std", reduce("ReduceMean")],
  ["var_mean", reduce("ReduceMean")],
  ["std_mean", reduce("ReduceMean")],
  ["norm", reduce("ReduceL2")],
  ["linalg_vector_norm", reduce("ReduceL2")],
  ["argmax", places],
  ["argmin", places],
  ["nonzero", places],
  ["any", places],
  ["all", places],
  ["topk", ordered],
  ["sort", ordered],
  ["batch_norm", batchNorm(false, 7)],
  ["cudnn_batch_norm", batchNorm(true, 7)],
  ["native_batch_norm", batchNorm(true, 7)],
  ["_native_batch_norm_legit", batchNorm(true, 7)],
  ["_native_batch_norm_legit_no_training", batchNorm(true, 6)],
  ["_batch_norm_with_update", batchNorm(true, 6)],
  ["layer_norm", norm("LayerNormalization", 2)],
  ["native_layer_norm", norm("LayerNormalization", 2, true)],
  ["rms_norm", norm("RMSNormalization", 2)],
  ["group_norm", norm("GroupNormalization", 2)],
  ["native_group_norm", norm("GroupNormalization", 1, true)],
  ["instance_norm", norm("InstanceNormalization", 1)],
  ...words(
    "zeros ones full empty zeros_like ones_like full_like empty_like new_zeros new_ones new_full new_empty",
  ).map((
    op,
  ) => [op, made] as const),
  ...words("arange linspace eye scalar_tensor tensor tril_indices triu_indices empty_strided").map((op) =>
    [op, made] as const
  ),
  ...words("rand randn rand_like randn_like randint randperm").map((op) => [op, random] as const),
  ...words("_assert_async _assert_scalar sym_constrain_range sym_constrain_range_for_size").map((op) =>
    [op, nothing] as const
  ),
]);
