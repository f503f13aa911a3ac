/** Pooling, reductions and normalizations. */

import type { Context, Handler, Handlers } from "./context.ts";
import { axesOf } from "./integers.ts";
import { isActivation } from "./movement.ts";
import type { OnnxNode } from "./proto.ts";
import {
  type Activation,
  type Axis,
  axisOf,
  channelAxes,
  holdsChannels,
  positions,
  sizeOf,
  type Value,
  viewOf,
} from "./values.ts";

/** Extents of a map after a kernel has gone over it. `axes` are those behind examples and channels. */
export function afterKernel(
  context: Context,
  { attributes }: OnnxNode,
  axes: readonly Axis[],
  kernel: readonly number[],
): Axis[] {
  const pads = attributes.get("pads")?.ints ?? [];
  const mode = attributes.get("auto_pad")?.s ?? "NOTSET";
  const ceil = attributes.get("ceil_mode")?.i === 1;
  return axes.map((axis, at) => {
    const size = sizeOf(axis);
    const stride = attributes.get("strides")?.ints[at] ?? 1;
    const reach = ((kernel[at] ?? 1) - 1) * (attributes.get("dilations")?.ints[at] ?? 1) + 1;
    if (typeof size !== "number" || stride < 1) return positions(context.symbol());
    if (mode.startsWith("SAME")) return positions(Math.ceil(size / stride));
    const padded = size + (mode === "VALID" ? 0 : (pads[at] ?? 0) + (pads[at + axes.length] ?? 0));
    const count = (padded - reach) / stride + 1;
    const whole = ceil ? Math.ceil(count) : Math.floor(count);
    return whole >= 1 ? positions(whole) : positions(context.symbol());
  });
}

/** Whether nothing but channels and examples is left. */
const isPoint = (axes: readonly Axis[]) =>
  axes.every((axis) => axis.every(({ step, batch }) => step !== null || batch === true));

/** Positions become fewer, or one: then it is global. */
function pooled(context: Context, value: Activation, axes: readonly Axis[]): Activation {
  if (value.nature !== "channels") return { ...value, axes };
  const global = value.axes !== null && isPoint(axes) && !isPoint(value.axes);
  const operator = global ? "global-pool" : "keep";
  const signal = context.network.add({ op: operator, input: value.signal });
  return { ...value, signal, root: signal, axes, normalized: false, pooled: value.root };
}

const pool: Handler = (context, node, inputs) => {
  const [value] = inputs;
  if (!isActivation(value)) return [context.stop(node, inputs, "pools no activation")];
  if (value.axes === null) return [context.keep(value)];
  const [examples = [], channel = [], ...rest] = value.axes;
  const kernel = node.attributes.get("kernel_shape")?.ints ?? [];
  if (rest.some(holdsChannels)) return [context.stop(node, inputs, "pools along the channels")];
  return [pooled(context, value, [examples, channel, ...afterKernel(context, node, rest, kernel)])];
};

const globalPool: Handler = (context, node, inputs) => {
  const [value] = inputs;
  if (!isActivation(value) || value.axes === null) {
    return [context.stop(node, inputs, "pools what is not known")];
  }
  if (value.axes.slice(2).some(holdsChannels)) {
    return [context.stop(node, inputs, "pools along the channels")];
  }
  return [pooled(context, value, value.axes.map((axis, at) => at < 2 ? axis : []))];
};

const reduce: Handler = (context, node, inputs) => {
  const [value] = inputs;
  if (!isActivation(value) || value.axes === null) {
    return [context.stop(node, inputs, "reduces what is not known")];
  }
  const rank = value.axes.length;
  const given = axesOf(node, inputs[1]);
  if (given === null && inputs[1] != null) {
    return [context.stop(node, inputs, "reduces axes that are not known")];
  }
  const gone = new Set(
    given === null || given.length === 0 ? value.axes.keys() : given.map((axis) => axisOf(axis, rank)),
  );
  const keep = (node.attributes.get("keepdims")?.i ?? 1) !== 0;
  const left = value.axes.map((axis, at): Axis => gone.has(at) ? [] : axis);
  const axes = keep ? left : left.filter((_, at) => !gone.has(at));
  const along = channelAxes(value.axes);
  if (value.nature === "channels" && along.some((axis) => gone.has(axis))) {
    if (!along.every((axis) => gone.has(axis))) {
      return [context.stop(node, inputs, "some of the channels are reduced")];
    }
    const signal = context.network.add({ op: "keep", input: value.signal });
    return [{ ...value, signal, axes, nature: "statistic", normalized: false }];
  }
  return [pooled(context, value, axes)];
};

const argument: Handler = (context, node, inputs) =>
  node.outputs.map(() => context.input(null)).slice(0, inputs.length);

const batchNorm: Handler = (context, node, inputs) => {
  const [value, gamma, , , variance] = inputs;
  if (!isActivation(value)) return [context.stop(node, inputs, "normalizes no activation")];
  if (value.nature !== "channels" || value.axes === null) return [context.keep(value)];
  const epsilon = node.attributes.get("epsilon")?.f ?? 1e-5;
  const [scales, variances] = [viewOf(gamma), viewOf(variance)].map((view) =>
    view === null || view.taken !== undefined || view.tensor.shape.join() !== String(value.width)
      ? null
      : view.tensor.name
  );
  const scale = scales == null || variances == null ? null : { gamma: scales, variance: variances, epsilon };
  const axis = value.axes[1];
  const plain = value.width === 1 || axis?.length === 1 && axis[0]!.step === 1;
  const signal = context.network.add({ op: "batch-norm", input: value.signal, scale: plain ? scale : null });
  return [{ ...value, signal, root: signal, normalized: false }];
};

/** Layer, group, instance and RMS normalizations: the gain of each channel may be folded into those who read it. */
function gained(at: number): Handler {
  return (context, node, inputs) => {
    const [value] = inputs;
    const gains = viewOf(inputs[at]);
    if (!isActivation(value)) return [context.stop(node, inputs, "normalizes no activation")];
    if (value.nature !== "channels") return [context.keep(value)];
    const count = gains?.tensor.shape.reduce((product, extent) => product * extent, 1);
    const fits = gains !== null && gains.taken === undefined && count === value.width &&
      gains.tensor.unreadable === undefined;
    const signal = context.network.add({
      op: "gain",
      input: value.signal,
      gain: fits ? gains.tensor.name : null,
    });
    return [{ ...value, signal, root: signal, normalized: false }];
  };
}

/** Operators by name. */
export const REDUCTIONS: Handlers = new Map<string, Handler>([
  ...["MaxPool", "AveragePool", "LpPool"].map((op) => [op, pool] as const),
  ...["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"].map((op) => [op, globalPool] as const),
  ...["Mean", "Max", "Min", "Sum", "L1", "L2", "LogSum", "LogSumExp", "SumSquare", "Prod"].map((op) =>
    [`Reduce${op}`, reduce] as const
  ),
  ...["ArgMax", "ArgMin", "NonZero", "TopK", "NonMaxSuppression"].map((op) => [op, argument] as const),
  ["BatchNormalization", batchNorm],
  ...[
    "LayerNormalization",
    "InstanceNormalization",
    "GroupNormalization",
    "RMSNormalization",
    "SimplifiedLayerNormalization",
  ].map(
    (op) => [op, gained(1)] as const,
  ),
]);

/** A value's axes, if it is an activation whose axes are known. */
export function knownAxes(value: Value | null | undefined): readonly Axis[] | null {
  return isActivation(value) ? value.axes : null;
}
