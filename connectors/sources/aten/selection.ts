/** Operators that take parts of axes, or put them side by side, and the extents of tensors. */

import { vector } from "../onnx/integers.ts";
import { isActivation } from "../onnx/movement.ts";
import { sizeOf, type Value } from "../onnx/values.ts";
import type { Arguments } from "./call.ts";
import type { AtenHandler, AtenHandlers, AtenNetwork } from "./network.ts";
import { constant, listOf, rankOf, scalar } from "./values.ts";

/** More parts than a tensor is ever split into. */
const MOST_PARTS = 4096;

const slice: AtenHandler = (network, given) => {
  const value = given.tensor(0, "self");
  const axis = given.axis(1, "dim", value, 0);
  const [start, end] = [given.number(2, "start", 0), given.number(3, "end", 2 ** 53 - 1)];
  const step = given.number(4, "step", 1);
  if (axis === null || start === null || end === null || step === null) {
    return partly(network, given, value, axis);
  }
  return network.onnx("Slice", [value, vector([start]), vector([end]), vector([axis]), vector([step])]);
};

/** A part of an axis whose bounds are not known. */
function partly(network: AtenNetwork, given: Arguments, value: Value | null, axis: number | null): Value {
  return axis === null || value === null
    ? isActivation(value) && value.axes === null ? value : network.stop(given, "slices what is not known")
    : network.onnx("Gather", [value, constant([1], [null])], { axis });
}

const narrow: AtenHandler = (network, given) => {
  const value = given.tensor(0, "self");
  const axis = given.axis(1, "dim", value, 0);
  const [start, length] = [given.number(2, "start", 0), given.number(3, "length", null)];
  if (axis === null || start === null || length === null) return partly(network, given, value, axis);
  return network.onnx("Slice", [value, vector([start]), vector([start + length]), vector([axis])]);
};

const select: AtenHandler = (network, given) => {
  const value = given.tensor(0, "self");
  const axis = given.axis(1, "dim", value, 0);
  const index = given.number(2, "index", null);
  return axis === null
    ? partly(network, given, value, axis)
    : network.onnx("Gather", [value, constant([], [index])], { axis });
};

const indexSelect: AtenHandler = (network, given) => {
  const value = given.tensor(0, "self");
  const axis = given.axis(1, "dim", value, 0);
  return axis === null
    ? partly(network, given, value, axis)
    : network.onnx("Gather", [value, given.tensor(2, "index")], { axis });
};

/** `x[…]` with tensors as indices: followed where one axis is indexed, by numbers that are known. */
const index: AtenHandler = (network, given) => {
  const value = given.tensor(0, "self");
  const indices = given.tensors(1, "indices");
  const chosen = indices.flatMap((each, axis) => each === null ? [] : [{ each, axis }]);
  const [only] = chosen;
  return chosen.length === 1 && only !== undefined && (rankOf(only.each) ?? 2) <= 1
    ? network.onnx("Gather", [value, only.each], { axis: only.axis })
    : network.stop(given, "indices of several axes");
};

/** Parts of an axis, by their lengths. */
function parts(
  network: AtenNetwork,
  given: Arguments,
  lengths: (size: number) => readonly number[] | null,
  count: number | null,
) {
  const value = given.tensor(0, "self");
  const axis = given.axis(2, "dim", value, 0);
  const size = axis === null || value === null
    ? null
    : isActivation(value)
    ? sizeOf(value.axes![axis]!)
    : value.shape![axis] ?? null;
  const split = typeof size === "number" ? lengths(size) : null;
  if (axis === null || split === null || split.length > MOST_PARTS) {
    const whole = network.stop(given, "splits an axis whose extent is not known");
    return count === null || count > MOST_PARTS ? whole : listOf(Array.from({ length: count }, () => whole));
  }
  return listOf(network.several("Split", [value], { axis, split }, split.length));
}

/** Parts of `length` each, the last one shorter. */
const inParts = (size: number, length: number) =>
  length < 1 || size / length > MOST_PARTS
    ? null
    : Array.from({ length: Math.ceil(size / length) }, (_, i) => Math.min(length, size - i * length));

const split: AtenHandler = (network, given) => {
  const name = ["split_size", "split_sizes", "split_size_or_sections"].find((each) =>
    given.call.named.has(each)
  );
  const sizes = given.numbers(1, name ?? "split_size");
  const known = sizes?.every((each) => typeof each === "number") === true ? sizes : null;
  const single = known?.length === 1 && !/with_sizes/.test(given.call.op) && given.call.overload !== "sizes";
  return parts(
    network,
    given,
    (size) => known === null ? null : single ? inParts(size, known[0]!) : known,
    single ? null : sizes?.length ?? null,
  );
};

const chunk: AtenHandler = (network, given) => {
  const count = given.number(1, "chunks", null);
  return parts(
    network,
    given,
    (size) => count === null ? null : inParts(size, Math.ceil(size / count)),
    count,
  );
};

const unbind: AtenHandler = (network, given) => {
  const value = given.tensor(0, "self");
  const axis = given.axis(1, "dim", value, 0);
  const size = axis === null || value === null
    ? null
    : isActivation(value)
    ? sizeOf(value.axes![axis]!)
    : value.shape![axis] ?? null;
  if (axis === null || typeof size !== "number" || size > MOST_PARTS) {
    return network.stop(given, "takes an axis apart whose extent is not known");
  }
  return listOf(
    Array.from({ length: size }, (_, i) => network.onnx("Gather", [value, constant([], [i])], { axis })),
  );
};

const cat: AtenHandler = (network, given) => {
  const values = given.tensors(0, "tensors");
  const axis = given.number(1, "dim", 0);
  return axis === null || values.length > MOST_PARTS
    ? network.stop(given, "an axis that is not known")
    : network.onnx("Concat", values, { axis });
};

const stack: AtenHandler = (network, given) => {
  const axis = given.number(1, "dim", 0);
  if (axis === null) return network.stop(given, "an axis that is not known");
  const values = given.tensors(0, "tensors").map((each) =>
    network.onnx("Unsqueeze", [each], { axes: [axis] })
  );
  return values.length > MOST_PARTS
    ? network.stop(given, "very many tensors")
    : network.onnx("Concat", values, { axis });
};

/** Paddings stand from the last axis to the first. */
const pad: AtenHandler = (network, given) => {
  const value = given.tensor(0, "self");
  const rank = rankOf(value);
  const amounts = given.numbers(1, given.call.named.has("padding") ? "padding" : "pad") ?? [];
  if (rank === null || amounts.length > 2 * rank || amounts.some((each) => typeof each !== "number")) {
    return network.stop(given, "a padding that is not known");
  }
  const pads = Array.from({ length: 2 * rank }, (_, at) => {
    const fromEnd = rank - 1 - at % rank;
    return amounts[2 * fromEnd + (at < rank ? 0 : 1)] as number | undefined ?? 0;
  });
  const mode = given.get(2, "mode");
  const plain = given.call.op === "constant_pad_nd" || mode === undefined || mode === "constant";
  return network.onnx("Pad", [value], { pads, mode: plain ? "constant" : "reflect" });
};

/** The extent of an axis, or all of them. */
const size: AtenHandler = (_, given) => {
  const value = given.tensor(0, "self");
  const sizes = isActivation(value) ? value.axes?.map(sizeOf) : value?.shape;
  if (given.get(1, "dim") === undefined) {
    return sizes == null ? constant([1], [null]) : listOf(sizes.map(scalar));
  }
  const axis = given.axis(1, "dim", value, 0);
  return scalar(axis === null || sizes == null ? null : sizes[axis] ?? null);
};

const dim: AtenHandler = (_, given) => scalar(rankOf(given.tensor(0, "self")));

/** Operators by name. */
export const SELECTIONS: AtenHandlers = new Map<string, AtenHandler>([
  ["slice", slice],
  ["slice_copy", slice],
  ["narrow", narrow],
  ["select", select],
  ["select_copy", select],
  ["index_select", indexSelect],
  ["index", index],
  ["split", split],
  ["split_with_sizes", split],
  ["unsafe_split", split],
  ["split_copy", split],
  ["split_with_sizes_copy", split],
  ["chunk", chunk],
  ["unbind", unbind],
  ["cat", cat],
  ["concat", cat],
  ["concatenate", cat],
  ["stack", stack],
  ["pad", pad],
  ["constant_pad_nd", pad],
  ...["reflection", "replication"].flatMap((how) =>
    [1, 2, 3].map((axes) => [`${how}_pad${axes}d`, pad] as const)
  ),
  ["size", size],
  ["sym_size", size],
  ["dim", dim],
]);
