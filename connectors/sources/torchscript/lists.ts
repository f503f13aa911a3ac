/** What TorchScript code does to lists, texts and names of types: nothing of it is a tensor's operator. */

import { show } from "../../../src/model/errors.ts";
import { type AtenList, type AtenValue, isList, listOf, scalar } from "../aten/values.ts";

/** Longer lists are nobody's shapes, paddings or parts. */
const LONGEST = 4096;

/** Functions that give a text, a type or a device, of which only that they are no tensor is known. */
const PLAIN = new Set([
  "format",
  "dtype",
  "device",
  "layout",
  "str",
  "warn",
  "is_cuda",
  "requires_grad",
  "is_scripting",
]);

/** Functions that leave a list that is their first argument as it is. Tensors of lists are among them. */
const PURE = new Set([
  ..."len list copy add mul slice eq ne lt gt le ge __getitem__ select max min sum any all prod __contains__"
    .split(" "),
  ..."index count sorted join bool ListUnpack TupleUnpack TupleConstruct ListConstruct TupleIndex".split(" "),
  ..."cat concat concatenate stack hstack vstack dstack column_stack row_stack block_diag meshgrid".split(
    " ",
  ),
  ..."broadcast_tensors cartesian_prod atleast_1d atleast_2d atleast_3d tensor as_tensor zeros ones full"
    .split(" "),
  ..."empty rand randn randint isinstance Size device_with_index numel is_scripting".split(" "),
]);

/**
 * The result of a function on lists or texts; undefined where it is none of those.
 *
 * @throws {RangeError} where a list grows too long, or is changed in a way that is not followed
 */
export function listFunction(op: string, given: readonly AtenValue[]): AtenValue | undefined {
  const [a, b] = given;
  if (op === "__is__" || op === "__isnot__") {
    if (a !== null && b !== null) return undefined;
    return (a === b) === (op === "__is__");
  }
  if (PLAIN.has(op)) return op === "is_scripting" ? true : null;
  if (op === "__not__" && typeof a === "boolean") return !a;
  if (op === "__contains__" && isList(a)) {
    if (isPlain(b) && a.items.includes(b)) return true;
    return isPlain(b) && a.items.every(isPlain) ? false : scalar(null);
  }
  if (typeof a === "string" || typeof b === "string") {
    if (op === "eq" || op === "ne") {
      return isPlain(a) && isPlain(b) ? (a === b) === (op === "eq") : scalar(null);
    }
    return op === "add" ? null : undefined;
  }
  if (!isList(a)) return undefined;
  const items = a.items as AtenValue[];
  switch (op) {
    case "len":
      return a.items.length;
    case "list":
    case "copy":
      return listOf([...a.items]);
    case "add":
      return isList(b) ? bounded([...a.items, ...b.items]) : undefined;
    case "mul":
      return typeof b === "number" && b >= 0 && a.items.length * b <= LONGEST
        ? listOf(Array.from({ length: b }, () => a.items).flat())
        : undefined;
    case "append":
      return changed(a, items.length, 0, [b ?? null]);
    case "extend":
      return isList(b) ? changed(a, items.length, 0, b.items) : unknown(op);
    case "insert":
      return typeof b === "number" ? changed(a, b, 0, [given[2] ?? null]) : unknown(op);
    case "_set_item":
      return changed(a, placeOf(op, items, b), 1, [given[2] ?? null]);
    case "pop": {
      const at = placeOf(op, items, b === undefined ? -1 : b);
      return items.splice(at, 1)[0] ?? null;
    }
    case "clear":
      items.length = 0;
      return a;
    case "reverse":
      items.reverse();
      return a;
    case "slice": {
      const [start, end, step] = [given[1] ?? 0, given[2] ?? LONGEST, given[3] ?? 1];
      return typeof start === "number" && typeof end === "number" && step === 1
        ? listOf(a.items.slice(start, Math.min(end, LONGEST)))
        : undefined;
    }
    case "eq":
    case "ne":
      return isList(b) && a.items.every(isPlain) && b.items.every(isPlain)
        ? (JSON.stringify(a.items) === JSON.stringify(b.items)) === (op === "eq")
        : scalar(null);
    case "__getitem__":
    case "select":
      return typeof b === "number" ? a.items.at(b) : undefined;
    case "max":
    case "min":
      return a.items.every((each) => typeof each === "number") ? Math[op](...a.items) : scalar(null);
    default:
      return PURE.has(op) ? undefined : unknown(op);
  }
}

/** A list of which some items are others now. */
function changed(
  list: AtenList,
  at: number,
  removed: number,
  added: readonly AtenValue[],
): AtenValue {
  const length = list.items.length + added.length - removed;
  if (length > LONGEST) throw tooLong(length);
  (list.items as AtenValue[]).splice(at, removed, ...added);
  return list;
}

/** The place that an index means. */
function placeOf(op: string, items: readonly AtenValue[], index: AtenValue | undefined): number {
  if (typeof index !== "number") return unknown(op);
  const at = index < 0 ? index + items.length : index;
  return Number.isInteger(at) && at >= 0 && at < items.length ? at : unknown(op);
}

function unknown(op: string): never {
  throw new RangeError(
    `found ${show(op)} of a list, required functions of lists whose effect is known`,
  );
}

/** Whether a value is a number, a truth value or a text that is known: null also stands for texts and types that are not. */
function isPlain(value: AtenValue | undefined): value is number | boolean | string {
  return typeof value === "number" || typeof value === "boolean" || typeof value === "string";
}

function bounded(items: readonly AtenValue[]): AtenValue {
  if (items.length <= LONGEST) return listOf(items);
  throw tooLong(items.length);
}

const tooLong = (length: number) =>
  new RangeError(`found a list of ${length} values, required at most ${LONGEST}`);
