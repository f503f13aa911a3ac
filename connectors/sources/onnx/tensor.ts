/** Tensors of ONNX files: where their numbers are, and how to read them. */

import { show } from "../../../src/model/errors.ts";
import { elementCount } from "../../../src/model/tensor.ts";
import type { ByteSource } from "../../bytes.ts";
import { toFloat64 } from "../floats.ts";
import { type Field, varint, type WireScanner } from "./wire.ts";

/** Where a tensor's numbers are. */
export type TensorData =
  | { readonly kind: "raw"; readonly start: number; readonly end: number }
  /** Fields of their own type: packed (bytes of content), or one field per number (bytes with tags). */
  | { readonly kind: "typed"; readonly field: number; readonly runs: readonly Run[] }
  | { readonly kind: "external"; readonly entries: ReadonlyMap<string, string> }
  | { readonly kind: "absent" };

interface Run {
  readonly start: number;
  readonly end: number;
  readonly packed: boolean;
}

/** A `TensorProto` without its numbers. */
export interface OnnxTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: ElementType;
  readonly data: TensorData;
}

/** An element type. */
export interface ElementType {
  readonly name: string;
  /** Per element. */
  readonly bits: number;
  /** The field that holds such numbers where `raw_data` does not; 0 where there is none. */
  readonly field: number;
  readonly integer: boolean;
  /** Whether elements are real numbers that can be read. */
  readonly readable: boolean;
}

const type = (name: string, bits: number, field: number, integer = false, readable = true): ElementType => ({
  name,
  bits,
  field,
  integer,
  readable,
});

/** `TensorProto.DataType`. */
const TYPES: ReadonlyMap<number, ElementType> = new Map([
  [1, type("F32", 32, 4)],
  [2, type("U8", 8, 5, true)],
  [3, type("I8", 8, 5, true)],
  [4, type("U16", 16, 5, true)],
  [5, type("I16", 16, 5, true)],
  [6, type("I32", 32, 5, true)],
  [7, type("I64", 64, 7, true)],
  [8, type("STRING", 0, 6, false, false)],
  [9, type("BOOL", 8, 5, false, false)],
  [10, type("F16", 16, 5)],
  [11, type("F64", 64, 10)],
  [12, type("U32", 32, 11, true)],
  [13, type("U64", 64, 11, true)],
  [14, type("C64", 64, 4, false, false)],
  [15, type("C128", 128, 10, false, false)],
  [16, type("BF16", 16, 5)],
  [17, type("F8_E4M3", 8, 5, false, false)],
  [18, type("F8_E4M3FNUZ", 8, 5, false, false)],
  [19, type("F8_E5M2", 8, 5, false, false)],
  [20, type("F8_E5M2FNUZ", 8, 5, false, false)],
  [21, type("U4", 4, 5, true)],
  [22, type("I4", 4, 5, true)],
  [23, type("F4_E2M1", 4, 5, false, false)],
]);

/** No framework makes tensors of more axes. */
const MOST_AXES = 64;

/** Numbers in fields of their own lie together; pieces beyond this are an attack on memory. */
const MOST_RUNS = 1000;

/**
 * Scans a `TensorProto`, skipping its numbers.
 *
 * @throws {SyntaxError} where its shape and its numbers do not fit together; names the tensor
 */
export async function scanTensor(
  scanner: WireScanner,
  start: number,
  end: number,
  place: string,
): Promise<OnnxTensor> {
  const shape: number[] = [];
  const entries = new Map<string, string>();
  const runs: Run[] = [];
  let raw: Field | undefined;
  let name = "";
  let [code, typed, external] = [0, 0, false];
  await scanner.fields(start, end, place, async (field) => {
    const { number, wire } = field;
    if (number === 1 && (wire === 0 || wire === 2)) {
      shape.push(...await scanner.integers(field, `${place}, dims`, MOST_AXES));
    } else if (number === 2 && wire === 0) code = field.value;
    else if (number === 8 && wire === 2) name = await scanner.text(field, `${place}, name`);
    else if (number === 9 && wire === 2) raw = field;
    else if (number === 14 && wire === 0) external = field.value === 1;
    else if (number === 13 && wire === 2) {
      const [key, value] = await scanner.pair(field, `${place}, external data`);
      entries.set(key, value);
    } else if (number >= 4 && number <= 11 && number !== 8) {
      if (typed !== 0 && typed !== number) {
        throw scanner.error(place, field.tag, `data in fields ${typed} and ${number}`, "one of them");
      }
      typed = number;
      const last = runs.at(-1);
      if (wire !== 2 && last?.packed === false && last.end === field.tag) {
        runs[runs.length - 1] = { ...last, end: field.end };
      } else if (runs.length === MOST_RUNS) {
        throw scanner.error(place, field.tag, `over ${MOST_RUNS} pieces of data`, "fewer");
      } else {
        runs.push({ start: wire === 2 ? field.start : field.tag, end: field.end, packed: wire === 2 });
      }
    }
  });
  const where = `${place} (${show(name)})`;
  if (shape.length > MOST_AXES || shape.some((extent) => !Number.isSafeInteger(extent) || extent < 0)) {
    throw scanner.error(`${where}, dims`, start, show(shape), `at most ${MOST_AXES} non-negative integers`);
  }
  const element = TYPES.get(code) ?? type(`type ${code}`, 0, 0, false, false);
  const data: TensorData = external
    ? { kind: "external", entries }
    : raw !== undefined
    ? { kind: "raw", start: raw.start, end: raw.end }
    : typed !== 0
    ? { kind: "typed", field: typed, runs }
    : { kind: "absent" };
  const tensor = { name, shape, type: element, data };
  const misfit = element.readable ? misfitOf(tensor) : null;
  if (misfit !== null) throw scanner.error(where, start, misfit.found, misfit.required);
  return tensor;
}

/** Bytes that a tensor's elements take where they are stored as they are. */
export function rawBytes({ shape, type: { bits } }: Pick<OnnxTensor, "shape" | "type">): number {
  return Math.ceil(elementCount(shape) * bits / 8);
}

/** Bytes that a tensor's numbers take in its file. */
export function storedBytes(tensor: OnnxTensor): number {
  const { data } = tensor;
  if (data.kind === "raw") return data.end - data.start;
  if (data.kind === "typed") return data.runs.reduce((sum, run) => sum + run.end - run.start, 0);
  return data.kind === "external" ? rawBytes(tensor) : 0;
}

function misfitOf(tensor: OnnxTensor): { readonly found: string; readonly required: string } | null {
  const { data, shape, type: { name, field } } = tensor;
  const count = elementCount(shape);
  const bytes = storedBytes(tensor);
  const what = `for shape ${show(shape)} of ${name}`;
  if (data.kind === "raw" && bytes !== rawBytes(tensor)) {
    return { found: `${bytes} bytes`, required: `${rawBytes(tensor)} ${what}` };
  }
  if (data.kind === "absent" && count > 0) return { found: "no data", required: `${count} numbers ${what}` };
  if (data.kind !== "typed") return null;
  if (data.field !== field) {
    return { found: `data in field ${data.field}`, required: `field ${field} ${what}` };
  }
  // A varint takes a byte at least, and 4-bit numbers come two in one.
  const least = field === 4 ? count * 4 : field === 10 ? count * 8 : Math.ceil(count / 2);
  return bytes < least ? { found: `${bytes} bytes`, required: `${least} or more ${what}` } : null;
}

/**
 * Reads a tensor's numbers, row-major.
 *
 * @param source the bytes that hold it: of the file, or of its external data
 * @param start where its bytes begin there, for external data
 * @throws {RangeError} when there are more or fewer numbers than its shape says, or integers that float64 does not hold exactly
 */
export async function readNumbers(
  place: string,
  tensor: OnnxTensor,
  source: ByteSource,
  start: number,
  signal?: AbortSignal,
): Promise<Float64Array> {
  const { data } = tensor;
  if (data.kind === "absent") return new Float64Array(0);
  if (data.kind === "typed") {
    return decode(place, tensor, await typedBytes(place, tensor, data.runs, source, signal));
  }
  const from = data.kind === "raw" ? data.start : start;
  return decode(place, tensor, await source.slice(from, from + rawBytes(tensor), signal));
}

/** Numbers in fields of their own, as bytes of `raw_data`. */
async function typedBytes(
  place: string,
  tensor: OnnxTensor,
  runs: readonly Run[],
  source: ByteSource,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const { type: { bits, field, name } } = tensor;
  const bytes = new Uint8Array(rawBytes(tensor));
  const size = Math.max(1, bits / 8);
  let at = 0;
  const full = () =>
    new RangeError(`${place}: found other than ${bytes.length / size} numbers of ${name}, required as many`);
  for (const run of runs) {
    const piece = await source.slice(run.start, run.end, signal);
    const fixed = field === 4 || field === 10;
    for (let i = 0; i < piece.length;) {
      if (!run.packed) i = varint(piece, i, piece.length)?.next ?? piece.length;
      if (at + size > bytes.length) throw full();
      if (fixed) {
        if (i + size > piece.length) throw full();
        bytes.set(piece.subarray(i, i + size), at);
        i += size;
      } else {
        // Bit by bit as the varint has them: float16 is stored by its bits, and negative numbers by their complement.
        let value = 0n;
        let shift = 0n;
        for (let more = true; more; i++, shift += 7n) {
          if (i >= piece.length || shift > 63n) throw full();
          value |= BigInt(piece[i]! & 127) << shift;
          more = piece[i]! > 127;
        }
        for (let k = 0; k < size; k++) bytes[at + k] = Number(value >> BigInt(8 * k) & 255n);
      }
      at += size;
    }
  }
  if (at !== bytes.length) throw full();
  return bytes;
}

function decode(place: string, { type: { name, bits }, shape }: OnnxTensor, bytes: Uint8Array): Float64Array {
  if (name.startsWith("F") || name === "BF16") return toFloat64(name, bytes);
  const signed = name.startsWith("I");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float64Array(elementCount(shape));
  for (let i = 0; i < out.length; i++) {
    out[i] = bits === 4
      ? nibble(bytes[i >> 1]! >> (i % 2 === 0 ? 0 : 4) & 15, signed)
      : bits === 8
      ? (signed ? view.getInt8(i) : view.getUint8(i))
      : bits === 16
      ? (signed ? view.getInt16(i * 2, true) : view.getUint16(i * 2, true))
      : bits === 32
      ? (signed ? view.getInt32(i * 4, true) : view.getUint32(i * 4, true))
      : exact(place, signed ? view.getBigInt64(i * 8, true) : view.getBigUint64(i * 8, true));
  }
  return out;
}

const nibble = (bits: number, signed: boolean) => signed && bits > 7 ? bits - 16 : bits;

function exact(place: string, value: bigint): number {
  // The largest and the least integers stand for "to the end" in slices.
  const end = value > 2n ** 62n || value < -(2n ** 62n);
  if (end || BigInt(Number(value)) === value) return Number(value);
  throw new RangeError(`${place}: found ${value}, required an integer that float64 holds exactly`);
}
