/** What TorchScript code does to lists, texts and names of types: nothing of it is a tensor's operator. */

import { type AtenValue, isList, isTensor, listOf, scalar } from "../aten/values.ts";

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

/** The result of a function on lists or texts; undefined where it is none of those. @throws {RangeError} where a list grows too long */
export function listFunction(op: string, given: readonly AtenValue[]): AtenValue | undefined {
  const [a, b] = given;
  if (op === "__is__" || op === "__isnot__") {
    if (a !== null && b !== null) return undefined;
    return (a === b) === (op === "__is__");
  }
  if (PLAIN.has(op)) return op === "is_scripting" ? true : null;
  if (op === "__not__" && typeof a === "boolean") return !a;
  if (op === "__contains__" && isList(a)) return plain(a.items) ? a.items.includes(b ?? null) : undefined;
  if (typeof a === "string" || typeof b === "string") {
    return op === "eq" ? a === b : op === "ne" ? a !== b : op === "add" ? null : undefined;
  }
  if (!isList(a)) return undefined;
  switch (op) {
    case "len":
      return a.items.length;
    case "list":
      return listOf([...a.items]);
    case "add":
      return isList(b) ? bounded([...a.items, ...b.items]) : undefined;
    case "mul":
      return typeof b === "number" && b >= 0 && a.items.length * b <= LONGEST
        ? listOf(Array.from({ length: b }, () => a.items).flat())
        : undefined;
    case "append":
      if (a.items.length >= LONGEST) bounded([...a.items, null]);
      (a.items as AtenValue[]).push(b ?? null);
      return a;
    case "slice": {
      const [start, end, step] = [given[1] ?? 0, given[2] ?? LONGEST, given[3] ?? 1];
      return typeof start === "number" && typeof end === "number" && step === 1
        ? listOf(a.items.slice(start, Math.min(end, LONGEST)))
        : undefined;
    }
    case "eq":
    case "ne":
      return isList(b) && plain(a.items) && plain(b.items)
        ? (JSON.stringify(a.items) === JSON.stringify(b.items)) === (op === "eq")
        : scalar(null);
    case "__getitem__":
    case "select":
      return typeof b === "number" ? a.items.at(b) : undefined;
    case "max":
    case "min":
      return a.items.every((each) => typeof each === "number") ? Math[op](...a.items) : scalar(null);
    default:
      return undefined;
  }
}

function plain(items: readonly AtenValue[]): boolean {
  return items.every((each) => !isList(each) && !isTensor(each));
}

function bounded(items: readonly AtenValue[]): AtenValue {
  if (items.length <= LONGEST) return listOf(items);
  throw new RangeError(`found a list of ${items.length} values, required at most ${LONGEST}`);
}
