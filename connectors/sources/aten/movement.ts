/** Operators that move, split and merge axes. */

import { type Known, vector } from "../onnx/integers.ts";
import { isActivation } from "../onnx/movement.ts";
import {
  type Axis,
  axisOf,
  type Constant,
  holdsChannels,
  merged,
  positions,
  sizeOf,
  type Value,
} from "../onnx/values.ts";
import type { Arguments } from "./call.ts";
import type { AtenHandler, AtenHandlers, AtenNetwork } from "./network.ts";
import { rankOf } from "./values.ts";

/** No tensor has more axes. */
const MOST_AXES = 64;

const reshape: AtenHandler = (network, given) => {
  const value = given.tensor(0, "self");
  const target = given.numbers(1, given.call.named.has("shape") ? "shape" : "size");
  if (target !== undefined && isRepeated(value, target)) return value;
  return target === undefined || target.length > MOST_AXES
    ? network.stop(given, "a shape that is not known")
    : network.onnx("Reshape", [value, vector(target)]);
};

/** Whether a stored tensor is only repeated along axes in front of its own, as decompositions do with weights before they multiply. */
function isRepeated(value: Value | null, target: readonly Known[]): value is Constant {
  if (value?.kind !== "constant" || value.shape === null || value.views.length === 0) return false;
  const { shape } = value;
  const own = target.slice(target.length - shape.length);
  return target.length > shape.length && own.every((each, at) => each === shape[at] || each === -1);
}

/** The shape of another tensor. */
const likeOther: AtenHandler = (network, given) => {
  const [value, other] = [given.tensor(0, "self"), given.tensor(1, "other")];
  const sizes = isActivation(other) ? other.axes?.map(sizeOf) : other?.shape;
  if (sizes == null) return network.stop(given, "a shape that is not known");
  return network.onnx(given.call.op === "expand_as" ? "Expand" : "Reshape", [value, vector(sizes)]);
};

const flatten: AtenHandler = (network, given) => {
  const value = given.tensor(0, "self");
  const [start, end] = [given.axis(1, "start_dim", value, 0), given.axis(2, "end_dim", value, -1)];
  if (start === null || end === null || end < start) {
    return isActivation(value) && value.axes === null
      ? value
      : network.stop(given, "axes that are not known");
  }
  if (isActivation(value)) {
    const axes = value.axes!;
    return {
      ...value,
      axes: [...axes.slice(0, start), merged(axes.slice(start, end + 1).flat()), ...axes.slice(end + 1)],
    };
  }
  const shape = value?.kind === "constant" ? value.shape! : [];
  return network.onnx("Reshape", [value, vector([...shape.slice(0, start), -1, ...shape.slice(end + 1)])]);
};

const unflatten: AtenHandler = (network, given) => {
  const value = given.tensor(0, "self");
  const axis = given.axis(1, "dim", value, 0);
  const sizes = given.numbers(2, "sizes");
  if (axis === null || sizes === undefined) return network.stop(given, "axes that are not known");
  const own = isActivation(value) ? value.axes!.map(sizeOf) : value?.shape ?? [];
  return network.onnx("Reshape", [value, vector([...own.slice(0, axis), ...sizes, ...own.slice(axis + 1)])]);
};

/** A new order of the axes. */
function permuted(
  network: AtenNetwork,
  given: Arguments,
  order: (rank: number) => readonly (number | null)[],
): Value {
  const value = given.tensor(0, "self");
  const rank = rankOf(value);
  if (rank === null) return value ?? network.stop(given, "reads no tensor");
  const axes = order(rank);
  return axes.includes(null)
    ? network.stop(given, "an order of axes that is not known")
    : network.onnx("Transpose", [value], { perm: axes as readonly number[] });
}

const permute: AtenHandler = (network, given) => {
  const dims = given.numbers(1, "dims") ?? [];
  return permuted(
    network,
    given,
    (rank) => dims.map((each) => typeof each === "number" ? axisOf(each, rank) : null),
  );
};

const swap = (network: AtenNetwork, given: Arguments, a: number | null, b: number | null): Value =>
  permuted(network, given, (rank) => {
    const [one, other] = [a, b].map((each) => each === null ? null : axisOf(each, rank));
    return Array.from(
      { length: rank },
      (_, axis) => one == null || other == null ? null : axis === one ? other : axis === other ? one : axis,
    );
  });

const transpose: AtenHandler = (network, given) =>
  swap(
    network,
    given,
    given.number(1, given.call.named.has("axis0") ? "axis0" : "dim0", null),
    given.number(2, given.call.named.has("axis1") ? "axis1" : "dim1", null),
  );

/** The last two axes the other way round; of a vector nothing changes. */
const turned: AtenHandler = (network, given) =>
  permuted(
    network,
    given,
    (rank) =>
      Array.from({ length: rank }, (_, axis) => axis < rank - 2 || rank < 2 ? axis : 2 * rank - 3 - axis),
  );

/** All axes the other way round. */
const reversed: AtenHandler = (network, given) =>
  permuted(network, given, (rank) => Array.from({ length: rank }, (_, axis) => rank - 1 - axis));

const moved: AtenHandler = (network, given) => {
  const [from, to] = [given.numbers(1, "source"), given.numbers(2, "destination")];
  return permuted(network, given, (rank) => {
    const [sources, targets] = [from, to].map((each) =>
      each?.map((axis) => typeof axis === "number" ? axisOf(axis, rank) : null) ?? [null]
    );
    if (sources!.includes(null) || targets!.includes(null)) return [null];
    const rest = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => !sources!.includes(axis));
    return Array.from({ length: rank }, (_, axis) => {
      const at = targets!.indexOf(axis);
      return at < 0 ? rest.shift() ?? null : sources![at] ?? null;
    });
  });
};

const squeeze: AtenHandler = (network, given) => {
  const value = given.tensor(0, "self");
  const dims = given.numbers(1, "dim");
  const rank = rankOf(value);
  if (dims === undefined || rank === null) return network.onnx("Squeeze", [value]);
  const axes = dims.flatMap((each) => {
    const axis = typeof each === "number" ? axisOf(each, rank) : null;
    // An axis of several places stays.
    const size = axis === null
      ? null
      : isActivation(value)
      ? sizeOf(value.axes![axis]!)
      : value!.shape![axis];
    return axis === null || typeof size === "number" && size !== 1 ? [] : [axis];
  });
  return axes.length === 0 ? value : network.onnx("Squeeze", [value], { axes });
};

const unsqueeze: AtenHandler = (network, given) => {
  const axis = given.number(1, "dim", null);
  return axis === null
    ? network.stop(given, "an axis that is not known")
    : network.onnx("Unsqueeze", [given.tensor(0, "self")], { axes: [axis] });
};

const expand: AtenHandler = (network, given) => {
  const sizes = given.numbers(1, given.call.named.has("repeats") ? "repeats" : "size");
  if (sizes === undefined) return network.stop(given, "a shape that is not known");
  const tile = given.call.op !== "expand";
  const value = given.tensor(0, "self");
  if (!tile && isRepeated(value, sizes)) return value;
  const extents = sizes.map((each) => !tile && each === -1 ? 1 : each);
  return network.onnx(tile ? "Tile" : "Expand", [value, vector(extents)]);
};

/** Positions in another order, or repeated; channels stay where no axis of theirs is touched. */
const shuffled = (dims: string, repeats: boolean): AtenHandler => (network, given) => {
  const value = given.tensor(0, "self");
  const chosen = given.numbers(dims === "dim" ? 2 : given.call.op === "flip" ? 1 : 2, dims);
  if (!isActivation(value) || value.axes === null || chosen === undefined) {
    return network.stop(given, "axes that are not known");
  }
  // Without axes the tensor is rolled as one row of numbers.
  if (chosen.length === 0 && given.call.op === "roll") {
    return network.stop(given, "all axes are rolled as one");
  }
  const { axes } = value;
  const touched = chosen.map((each) => typeof each === "number" ? axisOf(each, axes.length) : null);
  if (touched.some((axis) => axis === null || holdsChannels(axes[axis]!))) {
    return network.stop(given, "channels change places in a way that cannot be followed");
  }
  const kept = network.context.keep(value);
  return repeats
    ? {
      ...kept,
      root: kept.signal,
      axes: axes.map((axis, at): Axis => touched.includes(at) ? positions(network.context.symbol()) : axis),
    }
    : { ...kept, root: kept.signal };
};

/** `[n, c r r, h, w]` becomes `[n, c, h r, w r]`, or the other way round. */
const pixelShuffle = (back: boolean): AtenHandler => (network, given) => {
  const value = given.tensor(0, "self");
  const factor = given.number(1, back ? "downscale_factor" : "upscale_factor", null);
  const [n, c, h, w] = isActivation(value) ? value.axes?.map(sizeOf) ?? [] : [];
  if (factor === null || typeof c !== "number" || n == null || h == null || w == null) {
    return network.stop(given, "extents that are not known");
  }
  if (back && (typeof h !== "number" || typeof w !== "number")) {
    return network.stop(given, "extents that are not known");
  }
  const apart = back
    ? [n, c, Number(h) / factor, factor, Number(w) / factor, factor]
    : [n, c / factor ** 2, factor, factor, h, w];
  const perm = back ? [0, 1, 3, 5, 2, 4] : [0, 1, 4, 2, 5, 3];
  const larger = (size: number | string) => typeof size === "number" ? size * factor : -1;
  const together = back
    ? [n, c * factor ** 2, Number(h) / factor, Number(w) / factor]
    : [n, c / factor ** 2, larger(h), larger(w)];
  const parts = network.onnx("Reshape", [value, vector(apart)]);
  return network.onnx("Reshape", [network.onnx("Transpose", [parts], { perm }), vector(together)]);
};

/** Operators by name. */
export const MOVEMENTS: AtenHandlers = new Map<string, AtenHandler>([
  ...["view", "reshape", "_unsafe_view", "_reshape_alias"].map((op) => [op, reshape] as const),
  ["view_as", likeOther],
  ["reshape_as", likeOther],
  ["expand_as", likeOther],
  ["flatten", flatten],
  ["unflatten", unflatten],
  ["permute", permute],
  ["transpose", transpose],
  ["swapaxes", transpose],
  ["swapdims", transpose],
  ["t", turned],
  ["mT", turned],
  ["numpy_T", reversed],
  ["movedim", moved],
  ["moveaxis", moved],
  ["squeeze", squeeze],
  ["unsqueeze", unsqueeze],
  ["expand", expand],
  ["repeat", expand],
  ["tile", expand],
  ["roll", shuffled("dims", false)],
  ["flip", shuffled("dims", false)],
  ["repeat_interleave", shuffled("dim", true)],
  ["pixel_shuffle", pixelShuffle(false)],
  ["pixel_unshuffle", pixelShuffle(true)],
]);
