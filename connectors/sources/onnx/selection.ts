/** Operators that take parts of axes or put them side by side: slices, splits, gathers, paddings, concatenations. */

import type { Context, Handler, Handlers } from "./context.ts";
import { numbersOf, placesOf, slicesOf } from "./integers.ts";
import { isActivation } from "./movement.ts";
import type { OnnxNode } from "./proto.ts";
import {
  type Activation,
  type Axis,
  axisOf,
  channels,
  holdsChannels,
  positions,
  sizeOf,
  type Value,
} from "./values.ts";

/** Some places of one axis, null for an unknown number of them. */
function part(
  context: Context,
  node: OnnxNode,
  value: Activation,
  axis: number,
  places: readonly number[] | null,
): Activation {
  const { axes } = value;
  if (axes === null) return value;
  const own = axes[axis]!;
  if (!holdsChannels(own)) {
    const [factor] = own;
    const size = places === null ? context.symbol() : places.length;
    const kept = own.length === 1 && size !== 1 ? [{ ...factor!, size }] : positions(size);
    return { ...value, axes: axes.map((each, at) => at === axis ? kept : each) };
  }
  const size = sizeOf(own);
  if (places?.length === size && places?.every((place, i) => place === i) === true) return value;
  const taken =
    own.length === 1 && places !== null && places.length > 0 && places.every((place) => place < Number(size))
      ? context.select(value, axis, 0, places)
      : null;
  return taken ??
    context.stop(node, [value], "some of the channels are taken, which ones cannot be followed");
}

const slice: Handler = (context, node, inputs) => {
  const [value] = inputs;
  if (!isActivation(value) || value.axes === null) {
    return [context.stop(node, inputs, "slices what is not known")];
  }
  const slices = slicesOf(node, value.axes.length, inputs);
  if (slices === null) {
    const axes = value.axes.map((): Axis => positions(context.symbol()));
    return [
      value.nature === "input" ? { ...value, axes } : context.stop(node, inputs, "a slice that is not known"),
    ];
  }
  let result: Activation = value;
  for (const [axis, each] of slices) {
    if (result.axes === null) break;
    const size = sizeOf(result.axes[axis]!);
    const whole = each.start === 0 && each.step === 1 && each.end >= 2 ** 31 - 1;
    if (!whole) {
      result = part(context, node, result, axis, typeof size === "number" ? placesOf(size, each) : null);
    }
  }
  return [result];
};

const split: Handler = (context, node, inputs) => {
  const [value] = inputs;
  if (!isActivation(value) || value.axes === null) {
    return node.outputs.map(() => context.stop(node, inputs, "splits what is not known"));
  }
  const axis = axisOf(node.attributes.get("axis")?.i ?? 0, value.axes.length);
  if (axis === null) {
    return node.outputs.map(() => context.stop(node, inputs, "splits an axis that is not there"));
  }
  const size = sizeOf(value.axes[axis]!);
  const given = node.attributes.get("split")?.ints ?? numbersOf(inputs[1]);
  let at = 0;
  return node.outputs.map((_, i) => {
    const own = given?.[i] ?? (typeof size === "number" ? Math.ceil(size / node.outputs.length) : null);
    const places = own === null || typeof size !== "number"
      ? null
      : placesOf(size, { start: at, end: at + own, step: 1 });
    at += own ?? 0;
    return part(context, node, value, axis, places);
  });
};

/** Chosen places of an activation; a single one takes its axis away. */
export const gather: Handler = (context, node, inputs) => {
  const [value, index] = inputs;
  if (!isActivation(value) || value.axes === null) {
    return [context.stop(node, inputs, "gathers from what is not known")];
  }
  const axis = axisOf(node.attributes.get("axis")?.i ?? 0, value.axes.length);
  const chosen = numbersOf(index);
  const rank = index?.kind === "constant" ? index.shape?.length : index?.axes?.length;
  if (axis === null || rank === undefined || rank > 1) {
    return [
      value.nature === "input"
        ? { ...value, axes: null }
        : context.stop(node, inputs, "gathers places that are not known"),
    ];
  }
  const size = sizeOf(value.axes[axis]!);
  const places = chosen === null
    ? null
    : chosen.map((place) => place < 0 && typeof size === "number" ? place + size : Math.max(0, place));
  // Which position of many it is matters to nobody, which channel does.
  const single = rank === 0 && places === null && !holdsChannels(value.axes[axis]!);
  const taken = part(context, node, value, axis, single ? [0] : places);
  if (rank > 0 || taken.axes === null) return [taken];
  return [{ ...taken, axes: taken.axes.filter((_, at) => at !== axis) }];
};

const pad: Handler = (context, node, inputs) => {
  const [value] = inputs;
  if (!isActivation(value) || value.axes === null) {
    return [context.stop(node, inputs, "pads what is not known")];
  }
  const { axes } = value;
  const rank = axes.length;
  const pads = node.attributes.get("pads")?.ints ?? numbersOf(inputs[1]);
  if (pads === null || pads.length !== 2 * rank) {
    const wider = axes.map((axis) => holdsChannels(axis) ? axis : positions(context.symbol()));
    return [
      value.nature === "input"
        ? { ...value, axes: wider }
        : context.stop(node, inputs, "a padding that is not known"),
    ];
  }
  let result: Activation = value;
  for (const [axis, own] of axes.entries()) {
    const [before, after] = [pads[axis]!, pads[axis + rank]!];
    if (before === 0 && after === 0) continue;
    const size = sizeOf(own);
    if (!holdsChannels(own)) {
      const wider = typeof size === "number"
        ? positions(Math.max(0, size + before + after))
        : positions(context.symbol());
      result = { ...result, axes: result.axes!.map((each, at) => at === axis ? wider : each) };
      continue;
    }
    const mode = node.attributes.get("mode")?.s ?? "constant";
    const width = value.width! + before + after;
    if (
      own.length !== 1 || size !== value.width || before < 0 || after < 0 || mode !== "constant" ||
      width > 2 ** 31
    ) {
      return [context.stop(node, inputs, "channels are padded in a way that cannot be followed")];
    }
    const map = [{ source: 0, target: before, length: value.width! }];
    const wider = result.axes!.map((each, at) => at === axis ? channels(width) : each);
    result = context.emit({ op: "map", input: result.signal, channels: map, width }, wider, width);
  }
  return [result];
};

const concat: Handler = (context, node, inputs) => {
  const values = inputs.filter((each) => each !== null);
  const active = values.filter(isActivation);
  const known = active.find(({ axes, nature }) => axes !== null && nature === "channels") ??
    active.find(({ axes }) => axes !== null);
  const axis = axisOf(node.attributes.get("axis")?.i ?? 1, known?.axes?.length ?? 0);
  if (values.length === 1 && active[0] !== undefined) return [active[0]];
  if (known?.axes == null || axis === null) {
    return [context.stop(node, inputs, "concatenates what is not known")];
  }
  const rank = known.axes.length;
  if (active.some(({ axes }) => axes !== null && axes.length !== rank)) {
    return [context.stop(node, inputs, "ranks differ")];
  }
  const size = total(context, values, axis);
  const longer = known.axes.map((each, at) => at === axis ? positions(size) : each);
  if (active.every(({ nature }) => nature === "input")) return [context.input(longer)];
  const along = active.some(({ axes, nature }) => nature === "channels" && holdsChannels(axes?.[axis] ?? []));
  const single = active.every(({ width, axes, nature }) =>
    nature === "channels" && width === 1 && axes?.[axis]?.length === 0
  );
  if (along || single) return [sideBySide(context, node, values, known.axes, axis)];
  const [first] = active;
  if (active.every(({ signal }) => signal === first!.signal)) return [{ ...first!, axes: longer }];
  return [either(context, active, longer)];
};

/** Channels of all operands, one after the other. */
function sideBySide(
  context: Context,
  node: OnnxNode,
  values: readonly Value[],
  axes: readonly Axis[],
  axis: number,
): Activation {
  const widths = values.map((value) =>
    isActivation(value) ? sizeOf(value.axes?.[axis] ?? positions("?")) : value.shape?.[axis] ?? null
  );
  const signals = values.map((value, i) => {
    const width = widths[i];
    if (isActivation(value)) {
      const signal = context.reading(node, value, axis);
      // What was lost still takes its place.
      return value.nature === "lost" && typeof width === "number"
        ? context.network.add({ op: "map", input: signal, channels: [], width })
        : signal;
    }
    return context.network.add({
      op: "input",
      ...typeof width === "number" && width >= 1 ? { channels: width } : {},
    });
  });
  const width = widths.reduce<number>((sum, each) => typeof each === "number" ? sum + each : NaN, 0);
  // What is flattened or of unknown width has no channels that later operators could take apart.
  const own = Number.isNaN(width) ? positions(context.symbol()) : channels(width);
  return context.emit(
    { op: "concat", inputs: signals },
    axes.map((each, at) => at === axis ? own : each),
    Number.isNaN(width) ? null : width,
  );
}

function total(context: Context, values: readonly Value[], axis: number): number | string {
  let sum = 0;
  for (const value of values) {
    const size = isActivation(value)
      ? value.axes === null ? null : sizeOf(value.axes[axis]!)
      : value.shape?.[axis];
    if (typeof size !== "number") return context.symbol();
    sum += size;
  }
  return sum;
}

/** Sometimes one, sometimes another of several activations. */
export function either(
  context: Context,
  values: readonly Activation[],
  axes: readonly Axis[] | null,
): Activation {
  const width = values.find((value) => value.width !== null)?.width ?? null;
  return context.emit({ op: "either", inputs: values.map(({ signal }) => signal) }, axes, width);
}

/** Operators by name. */
export const SELECTIONS: Handlers = new Map<string, Handler>([
  ["Slice", slice],
  ["Split", split],
  ["Gather", gather],
  ["Pad", pad],
  ["Concat", concat],
]);
