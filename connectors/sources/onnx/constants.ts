/**
 * Constants of an ONNX graph: integers that shapes, axes and indices are computed from, as far as they are known, and stored tensors
 * whose axes are moved before a layer reads them.
 */

import type { OnnxNode } from "./proto.ts";
import {
  axesOf,
  integersOf,
  type Known,
  numbersOf,
  placesOf,
  resized,
  slicesOf,
  targetShape,
} from "./integers.ts";
import { axisOf, type Constant, type Integers, UNKNOWN_CONSTANT, type Value, type View } from "./values.ts";

/** Shapes and indices are short; what is longer is data. */
const MOST = 4096;

/** What an operator makes of constants. */
export function folded(node: OnnxNode, inputs: readonly (Value | null)[]): readonly Constant[] {
  const values = inputs.map((each) => each?.kind === "constant" ? each : null);
  const [first = null] = values;
  if (node.op === "Split") return split(node, first, values[1] ?? null);
  return [compute(node, first, values) ?? { ...UNKNOWN_CONSTANT, shape: shapeAfter(node, values) }];
}

function compute(
  node: OnnxNode,
  first: Constant | null,
  values: readonly (Constant | null)[],
): Constant | null {
  if (first === null) return null;
  switch (node.op) {
    case "Identity":
    case "Cast":
    case "Dropout":
      return first;
    case "Transpose":
      return transposed(node, first);
    case "Squeeze":
    case "Unsqueeze":
    case "Reshape":
      return reshaped(node, first, values[1] ?? null);
    case "Slice":
      return sliced(node, first, values);
    case "Concat":
      return joined(node, values);
    case "Gather":
      return gathered(node, first, values[1] ?? null);
    default:
      return calculated(node, first, values);
  }
}

/** Element-wise results have the shape of the largest operand; others' shapes are left unknown. */
function shapeAfter({ op }: OnnxNode, values: readonly (Constant | null)[]): readonly number[] | null {
  if (!/^(Add|Sub|Mul|Div|Pow|Sqrt|Neg|Exp|Reciprocal|Max|Min)$/.test(op)) return null;
  const shapes = values.map((each) => each?.shape ?? null);
  if (shapes.includes(null)) return null;
  return shapes.reduce((a, b) => (b?.length ?? 0) > (a?.length ?? 0) ? b : a, [] as readonly number[]);
}

function transposed({ attributes }: OnnxNode, { shape, views, integers }: Constant): Constant | null {
  if (shape === null) return null;
  const order = attributes.get("perm")?.ints ?? shape.map((_, i) => shape.length - 1 - i);
  if (order.length !== shape.length || [...order].sort((a, b) => a - b).some((axis, i) => axis !== i)) {
    return null;
  }
  const turned = order.map((axis) => shape[axis]!);
  return {
    kind: "constant",
    shape: turned,
    views: views.length > 1 ? [] : views.map((view) => ({
      ...view,
      axes: order.map((axis) => view.axes[axis] ?? null),
      ...view.taken === undefined ? {} : { taken: { ...view.taken, axis: order.indexOf(view.taken.axis) } },
    })),
    integers: integers === null ? null : { shape: turned, data: permuted(integers, order) },
  };
}

function permuted({ shape, data }: Integers, order: readonly number[]): Known[] {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const turned = order.map((axis) => shape[axis]!);
  return data.map((_, i) => {
    let [rest, at] = [i, 0];
    for (let axis = turned.length - 1; axis >= 0; axis--) {
      at += rest % turned[axis]! * strides[order[axis]!]!;
      rest = Math.floor(rest / turned[axis]!);
    }
    return data[at]!;
  });
}

function reshaped(node: OnnxNode, first: Constant, target: Constant | null): Constant | null {
  const { shape, integers, views } = first;
  if (shape === null) return null;
  const to = node.op === "Reshape"
    ? targetShape(shape, numbersOf(target))
    : resized(node, shape, axesOf(node, target));
  if (to === null) return null;
  // Only axes of extent 1 come or go: the others stay in order, and so do the views' axes.
  const solid = (extents: readonly number[]) => extents.flatMap((extent, axis) => extent === 1 ? [] : [axis]);
  const [from, onto] = [solid(shape), solid(to)];
  const same = from.length === onto.length && from.every((axis, i) => shape[axis] === to[onto[i]!]);
  return {
    kind: "constant",
    shape: to,
    views: same && views.length === 1 ? views.map((view) => moved(view, to, from, onto)) : [],
    integers: integers === null ? null : { shape: to, data: integers.data },
  };
}

function moved(view: View, to: readonly number[], from: readonly number[], onto: readonly number[]): View {
  const axes = to.map((_, axis) => onto.includes(axis) ? view.axes[from[onto.indexOf(axis)]!] ?? null : null);
  const { taken, ...rest } = view;
  const at = taken === undefined ? -1 : onto[from.indexOf(taken.axis)] ?? -1;
  return { ...rest, axes, ...taken === undefined || at < 0 ? {} : { taken: { ...taken, axis: at } } };
}

function sliced(node: OnnxNode, first: Constant, values: readonly (Constant | null)[]): Constant | null {
  if (first.shape === null) return null;
  const slices = slicesOf(node, first.shape.length, values);
  if (slices === null) return null;
  let result: Constant | null = first;
  for (const [axis, slice] of slices) {
    const places = placesOf(result.shape![axis]!, slice);
    result = places === null ? null : taken(result, axis, places);
    if (result === null) return null;
  }
  return result;
}

/** Some indices along an axis of a constant. */
function taken(
  { shape, views, integers }: Constant,
  axis: number,
  places: readonly number[],
): Constant | null {
  if (shape === null) return null;
  const size = shape[axis]!;
  if (places.some((place) => place < 0 || place >= size)) return null;
  const to = shape.map((extent, at) => at === axis ? places.length : extent);
  const whole = places.length === size && places.every((place, i) => place === i);
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const outer = shape.slice(0, axis).reduce((a, b) => a * b, 1);
  const data = integers?.data;
  return {
    kind: "constant",
    shape: to,
    views: whole ? views : views.length === 1 ? rows(views[0]!, axis, size, places) : [],
    integers: data === undefined || outer * inner * places.length > MOST ? null : {
      shape: to,
      data: Array.from(
        { length: outer },
        (_, o) =>
          places.flatMap((place) => data.slice((o * size + place) * inner, (o * size + place + 1) * inner)),
      ).flat(),
    },
  };
}

/** Rows of a view: ranges of its tensor's own indices. */
function rows(view: View, axis: number, size: number, places: readonly number[]): View[] {
  if (view.axes[axis] == null || view.taken !== undefined && view.taken.axis !== axis) return [];
  const all = (view.taken?.ranges ?? [[0, size] as const]).flatMap(([start, length]) =>
    Array.from({ length }, (_, i) => start + i)
  );
  const ranges: [number, number][] = [];
  for (const place of places) {
    const last = ranges.at(-1);
    if (last !== undefined && last[0] + last[1] === all[place]) last[1]++;
    else ranges.push([all[place]!, 1]);
  }
  return [{ ...view, taken: { axis, ranges } }];
}

function joined(node: OnnxNode, values: readonly (Constant | null)[]): Constant | null {
  const shapes = values.map((each) => each?.shape ?? null);
  const [shape] = shapes;
  const axis = axisOf(node.attributes.get("axis")?.i ?? 0, shape?.length ?? 0);
  if (shape == null || axis === null || shapes.some((each) => each?.length !== shape.length)) return null;
  const to = shape.map((extent, at) =>
    at === axis ? shapes.reduce((sum, each) => sum + each![at]!, 0) : extent
  );
  const parts = values.map((each) => each!.integers);
  const flat = shape.length === 1 && parts.every((each) => each !== null) && to[0]! <= MOST;
  return {
    kind: "constant",
    shape: to,
    views: joinedViews(values.map((each) => each!.views), axis, shapes.map((each) => each![axis]!)),
    integers: flat ? { shape: to, data: parts.flatMap((each) => each.data) } : null,
  };
}

function joinedViews(
  parts: readonly (readonly View[])[],
  axis: number,
  sizes: readonly number[],
): readonly View[] {
  if (parts.length === 1) return parts[0]!;
  const views = parts.flatMap((each) => each.length === 1 ? [each[0]!] : []);
  const [first] = views;
  if (first === undefined || views.length !== parts.length) return [];
  const own = first.axes[axis];
  // Tensors side by side along an axis that was put in: the two directions of a recurrent layer.
  if (own === null || own === undefined) return axis === 0 && sizes.every((size) => size === 1) ? views : [];
  const alike = views.every(({ tensor, axes, taken: rows }) =>
    tensor.name === first.tensor.name && String(axes) === String(first.axes) &&
    (rows === undefined || rows.axis === axis)
  );
  if (!alike) return [];
  const ranges = views.flatMap(({ taken: rows }, i) => rows?.ranges ?? [[0, sizes[i]!] as const]);
  return ranges.length > MOST ? [] : [{ ...first, taken: { axis, ranges } }];
}

function gathered({ attributes }: OnnxNode, first: Constant, indices: Constant | null): Constant | null {
  const { shape } = first;
  const places = numbersOf(indices);
  const axis = axisOf(attributes.get("axis")?.i ?? 0, shape?.length ?? 0);
  if (shape === null || places === null || axis === null || indices?.shape == null) return null;
  const some = taken(first, axis, places.map((place) => place < 0 ? place + shape[axis]! : place));
  if (some === null) return null;
  const to = [...shape.slice(0, axis), ...indices.shape, ...shape.slice(axis + 1)];
  const views = indices.shape.length === 1 ? some.views : [];
  return {
    ...some,
    shape: to,
    views,
    integers: some.integers === null ? null : { shape: to, data: some.integers.data },
  };
}

function split(node: OnnxNode, first: Constant | null, sizes: Constant | null): readonly Constant[] {
  const given = node.attributes.get("split")?.ints ?? numbersOf(sizes);
  const axis = axisOf(node.attributes.get("axis")?.i ?? 0, first?.shape?.length ?? 0);
  let at = 0;
  return node.outputs.map((_, i) => {
    if (first === null || axis === null) return UNKNOWN_CONSTANT;
    const size = given?.[i] ?? Math.ceil(first.shape![axis]! / node.outputs.length);
    const places = placesOf(first.shape![axis]!, { start: at, end: at + size, step: 1 });
    at += size;
    return (places === null ? null : taken(first, axis, places)) ?? UNKNOWN_CONSTANT;
  });
}

const BINARY: ReadonlyMap<string, (a: number, b: number) => number> = new Map([
  ["Add", (a, b) => a + b],
  ["Sub", (a, b) => a - b],
  ["Mul", (a, b) => a * b],
  ["Div", (a, b) => Number.isInteger(a) && Number.isInteger(b) ? Math.trunc(a / b) : a / b],
  ["Max", Math.max],
  ["Min", Math.min],
  ["Equal", (a, b) => Number(a === b)],
  ["Greater", (a, b) => Number(a > b)],
  ["Less", (a, b) => Number(a < b)],
  ["And", (a, b) => a && b],
  ["Or", (a, b) => a || b],
]);

/** Arithmetic on integers; a symbol only survives where nothing is done to it. */
function calculated(
  { op, attributes }: OnnxNode,
  first: Constant,
  values: readonly (Constant | null)[],
): Constant | null {
  const data = integersOf(first);
  if (data === null) return null;
  const as = (shape: readonly number[], numbers: readonly Known[]): Constant => ({
    kind: "constant",
    shape,
    views: [],
    integers: { shape, data: numbers },
  });
  const shape = first.shape ?? [data.length];
  if (op === "Not") {
    return as(
      shape,
      data.map((each) => typeof each === "number" ? Number(each === 0) : null),
    );
  }
  if (op === "ReduceProd") {
    const numbers = numbersOf(first);
    return as(attributes.get("keepdims")?.i === 0 ? [] : [1], [numbers?.reduce((a, b) => a * b, 1) ?? null]);
  }
  if (op === "ConstantOfShape") {
    const numbers = numbersOf(first);
    const count = numbers?.reduce((a, b) => a * b, 1) ?? MOST + 1;
    const fill = attributes.get("value")?.tensor === undefined ? 0 : null;
    return count > MOST || count < 0 ? null : as(numbers!, Array.from({ length: count }, () => fill));
  }
  const combine = BINARY.get(op);
  const second = values[1];
  const other = integersOf(second);
  if (combine === undefined || other === null || second == null) return null;
  const longest = Math.max(data.length, other.length);
  if (data.length !== other.length && data.length !== 1 && other.length !== 1) return null;
  const larger = (second.shape?.length ?? 0) > shape.length || other.length > data.length
    ? second.shape ?? [longest]
    : shape;
  return as(
    larger,
    Array.from({ length: longest }, (_, i) => {
      const [a, b] = [data[data.length === 1 ? 0 : i], other[other.length === 1 ? 0 : i]];
      return typeof a === "number" && typeof b === "number" ? combine(a, b) : null;
    }),
  );
}
