/** Operators on each number by itself, and on two tensors place by place. */

import { isActivation } from "../onnx/movement.ts";
import type { AtenHandler, AtenHandlers } from "./network.ts";
import { isTensor, listOf } from "./values.ts";

const words = (text: string) => text.split(" ");

/** Functions of one tensor; further arguments are numbers. */
const FUNCTIONS = [
  ...words(
    "abs acos acosh asin asinh atan atanh ceil celu clamp clamp_max clamp_min clip cos cosh elu erf erfc exp exp2",
  ),
  ...words(
    "expm1 floor frac gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu lgamma log log10 log1p log2",
  ),
  ...words(
    "log_sigmoid mish nan_to_num neg reciprocal relu relu6 round rrelu rsqrt selu sgn sigmoid sign silu sin sinh",
  ),
  ...words("softplus softshrink softsign sqrt square tan tanh threshold trunc logit bernoulli masked_fill"),
];

/** Functions of which channel `c` depends on all channels. */
const MIXING = words("softmax _softmax log_softmax _log_softmax _safe_softmax cumsum cumprod tril triu");

/** Values pass as they are. */
const SAME = [
  ...words(
    "alias clone contiguous detach detach_ dropout feature_dropout alpha_dropout feature_alpha_dropout native_dropout",
  ),
  ...words(
    "_to_copy to type_as float half double bfloat16 long int lift_fresh_copy lift_fresh lift requires_grad_ cpu cuda",
  ),
  ...words(
    "resolve_conj resolve_neg fake_quantize_per_tensor_affine fake_quantize_per_channel_affine positive",
  ),
  ...words("_assert_tensor_metadata _test_serialize"),
];

const COMPARISONS = words(
  "eq ne lt le gt ge logical_and logical_or logical_xor bitwise_and bitwise_or isnan isinf logical_not",
);

const one = (op: string): AtenHandler => (network, given) => network.onnx(op, [given.tensor(0, "self")]);

const same: AtenHandler = (_, given) => {
  const value = given.get(0, "self") ?? null;
  return given.call.op === "native_dropout" ? listOf([value, null]) : value;
};

const two = (op: string): AtenHandler => (network, given) =>
  network.onnx(op, [given.tensor(0, "self"), given.tensor(1, "other")]);

/** Number minus tensor, and functions of tensor and number that keep channels. */
const turned = (op: string): AtenHandler => (network, given) =>
  network.onnx(op, [given.tensor(1, "other"), given.tensor(0, "self")]);

/** `a + value * b * c`. */
const addcmul = (op: string): AtenHandler => (network, given) => {
  const inner = network.onnx(op, [given.tensor(1, "tensor1"), given.tensor(2, "tensor2")]);
  return network.onnx("Add", [given.tensor(0, "self"), inner]);
};

/** `self + weight * (end - self)`. */
const lerp: AtenHandler = (network, given) => {
  const self = given.tensor(0, "self");
  const way = network.onnx("Sub", [given.tensor(1, "end"), self]);
  return network.onnx("Add", [self, network.onnx("Mul", [way, given.tensor(2, "weight")])]);
};

const where: AtenHandler = (network, given) => {
  if (given.get(1, "self") === undefined) return network.stop(given, "places that are not known");
  return network.onnx("Where", [
    given.tensor(0, "condition"),
    given.tensor(1, "self"),
    given.tensor(2, "other"),
  ]);
};

const compare: AtenHandler = (network, given) => {
  const values = given.all();
  return network.onnx("Equal", values.length > 1 ? values : [values[0] ?? null, null]);
};

const prelu: AtenHandler = (network, given) => {
  const slope = given.tensor(1, "weight");
  return isActivation(slope)
    ? network.stop(given, "a slope that is no constant")
    : network.onnx("PRelu", [given.tensor(0, "self"), slope]);
};

/** `glu`: one half of the channels, gated by the other. */
const glu: AtenHandler = (network, given) => {
  const value = given.tensor(0, "self");
  const axis = given.axis(1, "dim", value, -1);
  if (axis === null) return network.stop(given, "an axis that is not known");
  const [kept, gate] = network.several("Split", [value], { axis }, 2);
  return network.onnx("Mul", [kept!, network.onnx("Sigmoid", [gate!])]);
};

/** Maps of other extents, the same channels. */
const resized: AtenHandler = (network, given) => {
  const value = given.tensor(0, "self");
  return isTensor(value) ? network.onnx("Resize", [value]) : network.stop(given, "reads no tensor");
};

/** Operators by name. */
export const ELEMENTWISE: AtenHandlers = new Map<string, AtenHandler>([
  ...FUNCTIONS.map((op) => [op, one("Relu")] as const),
  ...MIXING.map((op) => [op, one("Softmax")] as const),
  ...SAME.map((op) => [op, same] as const),
  ...COMPARISONS.map((op) => [op, compare] as const),
  ["add", two("Add")],
  ["sub", two("Sub")],
  ["rsub", turned("Sub")],
  ["mul", two("Mul")],
  ["div", two("Div")],
  ["floor_divide", two("Div")],
  ["pow", two("Pow")],
  ["remainder", two("Mod")],
  ["fmod", two("Mod")],
  ["maximum", two("Max")],
  ["minimum", two("Min")],
  ["addcmul", addcmul("Mul")],
  ["addcdiv", addcmul("Div")],
  ["lerp", lerp],
  ["where", where],
  ["prelu", prelu],
  ["_prelu_kernel", prelu],
  ["glu", glu],
  ...words("upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d upsample_bilinear2d")
    .map((op) => [op, resized] as const),
  ...words("upsample_bicubic2d upsample_trilinear3d _upsample_nearest_exact2d _upsample_bilinear2d_aa").map((
    op,
  ) => [op, resized] as const),
]);
