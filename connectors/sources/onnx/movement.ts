/** Operators that move, split and merge axes: reshapes, transposes, squeezes. Channels stay, only where they lie changes. */

import type { Context, Handler, Handlers } from "./context.ts";
import { axesOf, integersOf, type Known } from "./integers.ts";
import type { OnnxNode } from "./proto.ts";
import {
  type Activation,
  type Axis,
  axisOf,
  type Factor,
  holdsChannels,
  merged,
  positions,
  type Size,
  sizeOf,
  type Value,
} from "./values.ts";

/** No tensor has more axes, nor an axis more factors. */
const MOST = 64;

/** A handler of operators with one activation, whose axes are given new places. */
function mover(
  move: (
    context: Context,
    node: OnnxNode,
    axes: readonly Axis[],
    inputs: readonly [Activation, ...(Value | null)[]],
  ) => readonly Axis[] | null,
  why: string,
): Handler {
  return (context, node, inputs) => {
    const [value] = inputs;
    if (value?.kind !== "activation") return [context.stop(node, inputs, "reads no activation")];
    if (value.axes === null) return [value];
    const axes = move(context, node, value.axes, [value, ...inputs.slice(1)]);
    if (axes !== null && axes.length <= MOST && axes.every((axis) => axis.length <= MOST)) {
      return [{ ...value, axes }];
    }
    return [value.nature === "input" ? { ...value, axes: null } : context.stop(node, inputs, why)];
  };
}

/**
 * Axes after a reshape: factors are taken from the front and from the back until one extent, that is not known, is left with the rest.
 *
 * @param target extents: numbers, symbols, -1 or null for what is not known
 * @returns null where the extents do not fall on factors
 */
export function reshape(axes: readonly Axis[], target: readonly Known[]): Axis[] | null {
  const queue = axes.flat().filter(({ size }) => size !== 1);
  const open = (extent: Known | undefined) => extent === null || extent === -1;
  const out: Axis[] = target.map(() => []);
  let [from, to] = [0, target.length];
  for (; from < to && !open(target[from]); from++) {
    const factors = take(queue, target[from]!, false);
    if (factors === null) return null;
    out[from] = factors;
  }
  for (; to > from && !open(target[to - 1]); to--) {
    const factors = take(queue, target[to - 1]!, true);
    if (factors === null) return null;
    out[to - 1] = factors;
  }
  // Extents that are not known must be 1 where all that is asked for is accounted for.
  const unasked = queue.every(({ size, step }) => step === null && typeof size === "string");
  if (to - from > 1 || to === from && !unasked) return null;
  if (to > from) out[from] = queue;
  return out.map(merged);
}

/** Takes factors that make up an extent from one end of the queue, splitting the last one if need be. */
function take(queue: Factor[], extent: Size, back: boolean): Factor[] | null {
  const out: Factor[] = [];
  for (let left: Size = extent; left !== 1;) {
    const factor = back ? queue.pop() : queue.shift();
    if (factor === undefined) return null;
    const { size, step } = factor;
    let part = factor;
    if (size === left) left = 1;
    else if (typeof size !== "number" || typeof left !== "number" || left < 1) return null;
    else if (left % size === 0) left /= size;
    else if (size % left === 0) {
      const rest = size / left;
      const [slow, fast] = back ? [rest, left] : [left, rest];
      const parts = [{ ...factor, size: slow, step: step === null ? null : step * fast }, {
        ...factor,
        size: fast,
      }];
      part = parts[back ? 1 : 0]!;
      if (back) queue.push(parts[0]!);
      else queue.unshift(parts[1]!);
      left = 1;
    } else return null;
    if (back) out.unshift(part);
    else out.push(part);
  }
  return out;
}

function reshaped(
  context: Context,
  value: Activation,
  target: readonly Known[] | null,
): readonly Axis[] | null {
  const { axes } = value;
  if (target === null || axes === null) return null;
  const copied = target.map((extent, at) =>
    extent === 0 ? axes[at] === undefined ? null : sizeOf(axes[at]) : extent
  );
  const exact = reshape(axes, copied);
  if (exact !== null) return exact;
  // Where there is one channel, or none is known, only extents are lost.
  if (value.width === 1 || value.nature !== "channels") {
    return copied.map((extent) => positions(extent === null || extent === -1 ? context.symbol() : extent));
  }
  const [first = [], ...rest] = axes;
  // Extents of the map are not all known: everything but the examples becomes one axis, as networks do before a classifier.
  const unknown = axes.flat().some(({ size }) => typeof size === "string");
  return unknown && target.length === 2 && rest.length > 1 && !holdsChannels(first)
    ? [first, merged(rest.flat())]
    : null;
}

function transposed({ attributes }: OnnxNode, axes: readonly Axis[]): Axis[] | null {
  const order = attributes.get("perm")?.ints ?? axes.map((_, i) => axes.length - 1 - i);
  const whole = order.length === axes.length &&
    [...order].sort((a, b) => a - b).every((axis, i) => axis === i);
  return whole ? order.map((axis) => axes[axis]!) : null;
}

function squeezed(node: OnnxNode, axes: readonly Axis[], input: Value | null | undefined): Axis[] | null {
  const given = axesOf(node, input)?.map((axis) => axisOf(axis, axes.length));
  if (given === undefined) return input == null ? axes.filter((axis) => axis.length > 0) : null;
  if (given.some((axis) => axis !== null && holdsChannels(axes[axis]!))) return null;
  return axes.filter((_, at) => !given.includes(at));
}

/** Axes with axes of extent 1 put in; null where the places are not known. */
function unsqueezed(node: OnnxNode, axes: readonly Axis[], input: Value | null | undefined): Axis[] | null {
  const given = axesOf(node, input);
  if (given === null) return null;
  const rank = axes.length + given.length;
  const fresh = new Set(given.map((axis) => axisOf(axis, rank)));
  if (fresh.size !== given.length || fresh.has(null) || rank > MOST) return null;
  const rest = [...axes];
  return Array.from({ length: rank }, (_, axis) => fresh.has(axis) ? [] : rest.shift()!);
}

function flattened({ attributes }: OnnxNode, axes: readonly Axis[]): Axis[] {
  const given = attributes.get("axis")?.i ?? 1;
  const axis = given === axes.length ? given : axisOf(given, axes.length) ?? 1;
  return [merged(axes.slice(0, axis).flat()), merged(axes.slice(axis).flat())];
}

/** Repeats along axes of one place; along others only what repeats positions can be followed. */
function expanded(
  context: Context,
  axes: readonly Axis[],
  extents: readonly Known[] | null,
  tile: boolean,
): Axis[] | null {
  if (extents === null || extents.length > MOST) return null;
  const rank = Math.max(axes.length, extents.length);
  const own = [...Array.from({ length: rank - axes.length }, (): Axis => []), ...axes];
  const out: (Axis | null)[] = own.map((axis, at) => {
    const extent = extents[at - (rank - extents.length)] ?? (tile ? 1 : null);
    if (extent === 1) return axis;
    if (axis.length === 0) return positions(extent ?? context.symbol());
    if (!tile) return axis;
    return holdsChannels(axis) ? null : positions(context.symbol());
  });
  return out.includes(null) ? null : out as Axis[];
}

/** The values that a network passes on, with their axes elsewhere. */
export const MOVEMENTS: Handlers = new Map<string, Handler>([
  [
    "Reshape",
    mover(
      (context, node, _, inputs) =>
        reshaped(context, inputs[0], node.attributes.get("shape")?.ints ?? integersOf(inputs[1])),
      "a reshape that the channels cannot be followed through",
    ),
  ],
  ["Transpose", mover((_, node, axes) => transposed(node, axes), "a transpose that does not fit")],
  [
    "Squeeze",
    mover((_, node, axes, inputs) => squeezed(node, axes, inputs[1]), "the channels' axis is squeezed"),
  ],
  [
    "Unsqueeze",
    mover((_, node, axes, inputs) => unsqueezed(node, axes, inputs[1]), "axes that are not known"),
  ],
  ["Flatten", mover((_, node, axes) => flattened(node, axes), "a flattening that does not fit")],
  [
    "Expand",
    mover(
      (context, _, axes, inputs) => expanded(context, axes, integersOf(inputs[1]), false),
      "an expansion that is not known",
    ),
  ],
  [
    "Tile",
    mover(
      (context, _, axes, inputs) => expanded(context, axes, integersOf(inputs[1]), true),
      "channels are repeated",
    ),
  ],
]);

/** Whether a value is an activation. */
export function isActivation(value: Value | null | undefined): value is Activation {
  return value?.kind === "activation";
}
