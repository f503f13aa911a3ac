/** Operators with weights, and attention. */

import { isActivation } from "../onnx/movement.ts";
import { type Axis, channelAxes, type Value } from "../onnx/values.ts";
import type { Arguments } from "./call.ts";
import type { AtenHandler, AtenHandlers, AtenNetwork } from "./network.ts";
import { isList, listOf, rankOf } from "./values.ts";

/** Where a convolution's settings stand, by place: those of `conv2d`, of `conv_transpose2d` and of `convolution` differ. */
interface Places {
  readonly dilation: number;
  readonly groups: number;
}

const convolution = (places: Places, transposed?: boolean): AtenHandler => (network, given) => {
  const [input, weight] = [given.tensor(0, "input"), given.tensor(1, "weight")];
  if (input === null || weight === null) return network.stop(given, "reads no tensors");
  const rank = rankOf(weight) ?? 4;
  const really = transposed ?? given.get(6, "transposed") === true;
  const kernel = weight.kind === "constant" ? weight.shape?.slice(2) ?? [] : [];
  const stride = given.extents(3, "stride", rank - 2, 1);
  const dilation = given.extents(places.dilation, "dilation", rank - 2, 1);
  const padding = given.get(4, "padding");
  const pads = padding === "same" || padding === "valid" ? null : given.extents(4, "padding", rank - 2, 0);
  const group = given.number(places.groups, "groups", 1);
  if (
    stride === null || dilation === null || group === null || pads === null && typeof padding !== "string"
  ) {
    return network.stop(given, "settings of a convolution that are not known");
  }
  given.tensor(2, "bias");
  return network.onnx(really ? "ConvTranspose" : "Conv", [input, weight], {
    group,
    strides: stride,
    dilations: dilation,
    kernel_shape: kernel,
    ...pads === null
      ? { auto_pad: padding === "same" ? "SAME_UPPER" : "VALID" }
      : { pads: [...pads, ...pads] },
  });
};

/** A product with a stored matrix whose last two axes are turned. */
const linear: AtenHandler = (network, given) => {
  const weight = given.tensor(1, "weight");
  const rank = rankOf(weight);
  if (rank !== null && rank !== 2) return network.stop(given, "a weight that is no matrix");
  const turned = weight === null ? null : network.onnx("Transpose", [weight], { perm: [1, 0] });
  return biased(network, product(network, given, given.tensor(0, "input"), turned), given.tensor(2, "bias"));
};

function product(network: AtenNetwork, given: Arguments, a: Value | null, b: Value | null): Value {
  return a === null || b === null ? network.stop(given, "reads no tensors") : network.onnx("MatMul", [a, b]);
}

function biased(network: AtenNetwork, value: Value, bias: Value | null): Value {
  return bias === null ? value : network.onnx("Add", [value, bias]);
}

const matrix = (other: string): AtenHandler => (network, given) =>
  product(network, given, given.tensor(0, "self"), given.tensor(1, other));

/** `bias + a b`. */
const biasedMatrix = (a: string, b: string): AtenHandler => (network, given) =>
  biased(network, product(network, given, given.tensor(1, a), given.tensor(2, b)), given.tensor(0, "self"));

const embedding: AtenHandler = (network, given) => {
  const [weight, indices] = [given.tensor(0, "weight"), given.tensor(1, "indices")];
  if (weight === null || indices === null) return network.stop(given, "reads no tensors");
  const rows = network.onnx("Gather", [weight, indices], { axis: 0 });
  return given.call.op === "embedding" ? rows : listOf([rows, null, null, null]);
};

const einsum: AtenHandler = (network, given) => {
  const equation = given.get(0, "equation");
  const inputs = given.tensors(1, "tensors");
  return typeof equation === "string" && inputs.length === 2
    ? network.onnx("Einsum", inputs, { equation })
    : network.stop(given, "a sum of products that is no layer");
};

/**
 * Attention: every head mixes positions of its own channels of the values. What comes out are the values' channels, head by head;
 * the ways of queries and keys end here.
 */
const attention: AtenHandler = (network, given) => {
  const [query, key, value] = ["query", "key", "value"].map((name, at) => given.tensor(at, name));
  const several = given.call.op !== "scaled_dot_product_attention";
  const result = headed(network, given, query ?? null, key ?? null, value ?? null);
  return several ? listOf([result, ...Array.from({ length: 8 }, () => null)]) : result;
};

function headed(
  network: AtenNetwork,
  given: Arguments,
  query: Value | null,
  key: Value | null,
  value: Value | null,
): Value {
  if (!isActivation(value) || value.axes === null || value.nature !== "channels") {
    return network.stop(given, "attention to values that are not known");
  }
  const { axes, width } = value;
  const rank = axes.length;
  const along = channelAxes(axes);
  const [heads, own] = [along.includes(rank - 3) ? axes[rank - 3]! : [], axes[rank - 1] ?? []];
  const [factor, second] = own;
  const count = heads.length === 0 ? 1 : heads[0]!.size;
  const size = factor === undefined ? 1 : factor.size;
  const plain = along.every((axis) => axis === rank - 1 || axis === rank - 3 && heads.length === 1) &&
    second === undefined && typeof count === "number" && typeof size === "number" && width !== null &&
    (factor === undefined || factor.step === 1) && count * size === width;
  if (!plain) return network.stop(given, "attention to values whose heads cannot be followed");
  const asked = isActivation(query) && query.axes?.length === rank && rank > 3
    ? query.axes[rank - 3]!.at(-1)?.size ?? 1
    : count;
  if (asked !== count) return network.stop(given, "attention of several queries to each value");
  const positions = isActivation(query) ? query.axes?.[rank - 2] : undefined;
  const step = network.context.network;
  const parts = Array.from({ length: count }, (_, head) => [
    { source: head * size, target: head * size, length: size },
  ]);
  const mixed = step.add({ op: "heads", input: value.signal, parts, width });
  const ends = [query, key].filter(isActivation).filter(({ nature }) => nature === "channels");
  const end = ends.length === 0 ? null : network.context.stop(
    network.node("", {}),
    ends,
    "queries and keys decide which positions are mixed",
  );
  const signal = end === null ? mixed : step.add({ op: "either", inputs: [mixed, end.signal] });
  const moved = axes.map((axis, at): Axis => at === rank - 2 ? positions ?? axis : axis);
  return { ...value, signal, root: signal, axes: moved, normalized: false };
}

const recurrent: AtenHandler = (network, given) => {
  const parameters = [2, 3].map((at) => given.get(at, at === 2 ? "params" : "weights")).find(isList);
  if (parameters !== undefined) given.tensors(given.get(2, "params") === parameters ? 2 : 3, "params");
  return network.stop(given, "a recurrent layer, which is read from state dicts and ONNX");
};

/** Operators by name. */
export const LAYERS: AtenHandlers = new Map<string, AtenHandler>([
  ...["conv1d", "conv2d", "conv3d", "_convolution_mode"].map((op) =>
    [op, convolution({ dilation: 5, groups: 6 }, false)] as const
  ),
  ...["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"].map((op) =>
    [op, convolution({ groups: 6, dilation: 7 }, true)] as const
  ),
  ...["convolution", "_convolution"].map((op) => [op, convolution({ dilation: 5, groups: 8 })] as const),
  ["linear", linear],
  ["matmul", matrix("other")],
  ["mm", matrix("mat2")],
  ["bmm", matrix("mat2")],
  ["addmm", biasedMatrix("mat1", "mat2")],
  ["baddbmm", biasedMatrix("batch1", "batch2")],
  ["embedding", embedding],
  ["embedding_bag", embedding],
  ["_embedding_bag", embedding],
  ["einsum", einsum],
  ...[
    "scaled_dot_product_attention",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
  ].map((op) => [op, attention] as const),
  ["lstm", recurrent],
  ["gru", recurrent],
  ["rnn_tanh", recurrent],
  ["rnn_relu", recurrent],
]);
