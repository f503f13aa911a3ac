/** Operators that work on each number by itself, or on two activations place by place. */

import { type Context, type Handler, type Handlers } from "./context.ts";
import { isActivation } from "./movement.ts";
import type { OnnxNode } from "./proto.ts";
import { either } from "./selection.ts";
import {
  type Activation,
  type Axis,
  type Constant,
  holdsChannels,
  layoutOf,
  positions,
  type Value,
  viewOf,
} from "./values.ts";

/** Functions of one activation; further inputs are constants (bounds, slopes, scales) or shapes. */
const FUNCTIONS = [
  ..."Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Clip Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish Hardmax"
    .split(" "),
  ..."LeakyRelu Log LogSoftmax Mish Neg PRelu QuickGelu Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softmax"
    .split(" "),
  ..."Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu FastGelu BiasGelu CumSum LpNormalization LRN MeanVarianceNormalization"
    .split(" "),
  ..."Resize Upsample QuantizeLinear DequantizeLinear FakeQuant Not IsNaN IsInf Trilu".split(" "),
];

/** Values pass as they are. */
const SAME = ["Identity", "Cast", "Dropout", "CastLike", "StopGradient"];

/** Functions of which channel `c` depends on all channels: nothing is an element-wise function of the same root any more. */
const MIXING = new Set([
  "Softmax",
  "LogSoftmax",
  "Hardmax",
  "CumSum",
  "LRN",
  "LpNormalization",
  "Resize",
  "Upsample",
  "Trilu",
]);

const apply: Handler = (context, node, inputs) => {
  const [value] = inputs;
  if (!isActivation(value)) return [context.stop(node, inputs, "its first input is no activation")];
  const others = inputs.slice(1).filter(isActivation);
  if (others.some(({ nature }) => nature !== "input")) {
    return [context.stop(node, inputs, "two activations meet")];
  }
  const kept = context.keep(value);
  if (!MIXING.has(node.op)) return [kept];
  const resized = /^(Resize|Upsample)$/.test(node.op);
  const axes = !resized || kept.axes === null
    ? kept.axes
    : kept.axes.map((axis, at) => at < 2 || holdsChannels(axis) ? axis : positions(context.symbol()));
  return [{ ...kept, root: kept.signal, axes }];
};

const same: Handler = (context, node, inputs) => {
  const [value] = inputs;
  return [isActivation(value) ? value : context.stop(node, inputs, "its first input is no activation")];
};

/** The second and third output undo, behind the next operator, what quantization did: constants as far as channels are concerned. */
const quantize: Handler = (context, node, inputs) => {
  const number = { kind: "constant", shape: [], views: [], integers: null } as const;
  return [...same(context, node, inputs), number, number];
};

/** The axes of two values side by side, aligned at the last; null where their channels do not lie alike. */
function together(a: readonly Axis[], b: readonly Axis[], follow = false): Axis[] | null {
  const rank = Math.max(a.length, b.length);
  const [left, right] = [a, b].map((
    axes,
  ) => [...Array.from({ length: rank - axes.length }, (): Axis => []), ...axes]);
  const out: (Axis | null)[] = left!.map((axis, at) => {
    const other = right![at]!;
    if (axis.length === 0) return other;
    if (other.length === 0 || follow || layoutOf([axis]) === layoutOf([other])) return axis;
    return holdsChannels(axis) || holdsChannels(other) ? null : axis;
  });
  return out.includes(null) ? null : out as Axis[];
}

/** The axes of two activations together; those of one without channels of its own follow the other's. */
function axesOfBoth(a: Activation, b: Activation): Axis[] | null {
  if (a.axes === null || b.axes === null) return null;
  const bare = ({ nature }: Activation) => nature === "input" || nature === "lost";
  return bare(a) && !bare(b) ? together(b.axes, a.axes, true) : together(a.axes, b.axes, bare(b));
}

function binary(context: Context, node: OnnxNode, inputs: readonly (Value | null)[]): readonly Value[] {
  const [a, b] = inputs;
  if (isActivation(a) && isActivation(b)) return [two(context, node, a, b)];
  const value = isActivation(a) ? a : isActivation(b) ? b : null;
  const constant = isActivation(a) ? b : a;
  if (value === null) return [context.stop(node, inputs, "reads no activation")];
  return [withConstant(context, node, value, constant?.kind === "constant" ? constant : null)];
}

function withConstant(
  context: Context,
  node: OnnxNode,
  value: Activation,
  constant: Constant | null,
): Activation {
  const { op } = node;
  const axes = value.axes === null
    ? null
    : together(value.axes, (constant?.shape ?? []).map(positionsOnce)) ?? value.axes;
  // A bias changes nothing of who feeds whom, and a normalization behind it scales the layer all the same.
  if (op === "Add" || op === "Sub") return { ...value, axes };
  const view = viewOf(constant);
  const count = view?.tensor.shape.reduce((product, extent) => product * extent, 1);
  const gain = op === "Mul" && value.normalized && view !== null && view.taken === undefined &&
    count === value.width &&
    value.width !== 1 && view.tensor.unreadable === undefined;
  if (!gain) return context.keep(value, { axes, normalized: value.normalized && count === 1 });
  const signal = context.network.add({ op: "gain", input: value.signal, gain: view.tensor.name });
  return { ...value, axes, signal, normalized: false };
}

/** An extent of a constant, in front of which an activation has one place only. */
const positionsOnce = (size: number): Axis =>
  positions(size).map((factor) => ({ ...factor, size: `=${size}` }));

function two(context: Context, node: OnnxNode, a: Activation, b: Activation): Activation {
  const { op } = node;
  const axes = axesOfBoth(a, b);
  const [one, other] = a.nature === "statistic" && b.nature !== "statistic" ? [b, a] : [a, b];
  const aside = one.root === other.root || other.pooled === one.root ||
    one.pooled !== undefined && one.pooled === other.root;
  if (a.nature === "input" && b.nature === "input") return { ...a, axes };
  // A function of one signal, place by place: gates like x * sigmoid(x), and normalizations by statistics of the signal itself.
  const alike = axes !== null || one.nature !== other.nature || one.axes === null || other.axes === null;
  if (aside && alike && one.nature !== "lost" && one.nature !== "input") {
    const main = one.root !== other.root && one.pooled === other.root ? other : one;
    return context.keep(main, {
      axes: main.axes,
      normalized: main !== other && /^(Div|Mul)$/.test(op) && other.nature === "statistic",
    });
  }
  if (one.nature === "statistic" || other.nature === "statistic") {
    return context.stop(node, [a, b], "meets a statistic of another signal", axes);
  }
  if (op === "Add" || op === "Sub" || op === "Sum" || op === "Mean") return sum(context, node, [a, b], axes);
  if (op === "Max" || op === "Min") {
    return axes === null
      ? context.stop(node, [a, b], "channels lie differently")
      : either(context, [a, b], axes);
  }
  if (op !== "Mul" && op !== "Div") return context.stop(node, [a, b], "two activations meet", axes);
  const [scaled, scale] = isScaleOf(a, b) ? [a, b] : [b, a];
  return axes !== null && isScaleOf(scaled, scale)
    ? scaling(context, node, scaled, scale, axes)
    : context.stop(node, [a, b], "a product of activations", axes);
}

/**
 * Whether a factor is repeated along axes of a signal that is not repeated itself: a mask of one channel, or a number per channel for all
 * positions (squeeze-and-excitation, FiLM). Of two factors of one shape nobody can say which one scales the other.
 */
function isScaleOf({ nature, axes }: Activation, scale: Activation): boolean {
  if (nature !== "channels" || axes === null || scale.axes === null) return false;
  const rank = axes.length - scale.axes.length;
  const pairs = axes.map((axis, at) => [axis.length, scale.axes![at - rank]?.length ?? 0] as const);
  return rank >= 0 && pairs.every(([own, other]) => own > 0 || other === 0) &&
    pairs.some(([own, other]) => own > 0 && other === 0);
}

/** The signal that is scaled keeps its channels; the way of the scale ends here. */
function scaling(
  context: Context,
  node: OnnxNode,
  scaled: Activation,
  scale: Activation,
  axes: readonly Axis[],
): Activation {
  if (scale.nature === "input") return { ...context.keep(scaled), axes };
  const end = context.stop(node, [scale], "scales the channels of another signal", scale.axes);
  const signal = context.network.add({ op: "either", inputs: [scaled.signal, end.signal] });
  return { ...scaled, signal, root: signal, axes, normalized: false };
}

/** What is added place by place: channels of all meet channels of all. */
function sum(
  context: Context,
  node: OnnxNode,
  values: readonly Activation[],
  axes: readonly Axis[] | null,
): Activation {
  const known = values.find(({ nature }) => nature === "channels");
  if (known === undefined) return context.stop(node, values, "nothing of known channels is added", axes);
  const parts = values.map(({ partOf }) => partOf);
  if (parts.some((part, at) => part !== undefined && parts.indexOf(part) !== at)) {
    return context.stop(node, values, "channels of one signal are added to others of the same", axes);
  }
  const own = axes ?? (values.every((each) => each === known || each.axes === null) ? known.axes : null);
  if (own === null) return context.stop(node, values, "channels that lie differently are added");
  const signals = values.map((each) =>
    each.nature === "input" ? context.network.add({ op: "input" }) : each.signal
  );
  const width = Math.max(...values.map((each) => each.width ?? 0));
  return context.emit({ op: "add", inputs: signals }, own, width);
}

const several: Handler = (context, node, inputs) => {
  const values = inputs.filter((each) => each !== null);
  const [first, ...rest] = values;
  if (first === undefined) return [context.stop(node, inputs, "reads nothing")];
  let result: Value = first;
  for (const each of rest) [result] = binary(context, node, [result, each]) as [Value];
  return [isActivation(result) && rest.length === 0 ? context.keep(result) : result];
};

const where: Handler = (context, node, inputs) => {
  const [, a, b] = inputs;
  const active = [a, b].filter(isActivation);
  const [one, other] = active;
  if (one === undefined) return [context.input(null)];
  if (other === undefined || other.root === one.root) return [context.keep(one)];
  const axes = axesOfBoth(one, other);
  return [
    axes === null ? context.stop(node, active, "channels lie differently") : either(context, active, axes),
  ];
};

/** Comparisons make conditions: nothing of an activation's channels, only of its shape. */
const compare: Handler = (context, _, inputs) => {
  const shapes = inputs.map((each) =>
    each?.kind === "activation"
      ? each.axes?.map((axis) => axis.map((factor) => ({ ...factor, step: null }))) ?? null
      : each?.shape?.map(positions) ?? null
  );
  const both = shapes.reduce((a, b) => a === null || b === null ? null : together(a, b));
  return [context.input(both)];
};

/** Operators by name. */
export const ELEMENTWISE: Handlers = new Map<string, Handler>([
  ...FUNCTIONS.map((op) => [op, apply] as const),
  ...SAME.map((op) => [op, same] as const),
  ...["Add", "Sub", "Mul", "Div", "Pow", "Mod"].map((op) => [op, binary] as const),
  ...["Sum", "Mean", "Max", "Min"].map((op) => [op, several] as const),
  ...["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor"].map((op) =>
    [op, compare] as const
  ),
  ["Where", where],
  ["DynamicQuantizeLinear", quantize],
]);
