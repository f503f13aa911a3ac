/**
 * The number types of GGUF. Most hold a row in blocks: some integers of few bits, with a scale that they share. What a block means is
 * computed without rounding in float64, then rounded once to float32: what ggml computes.
 */

import { show } from "../../../src/model/errors.ts";
import { DTYPE_BYTES, E2M1, E4M3, toFloat64 } from "../floats.ts";
import { type BlockType, half } from "./block-type.ts";
import { CODEBOOK_BLOCKS } from "./codebook-blocks.ts";
import { K_BLOCKS } from "./k-blocks.ts";

/** @param head bytes before the halves of bytes @param value of a half, with its index in the block */
function nibbles(
  view: DataView,
  at: number,
  value: (code: number, index: number) => number,
  out: Float32Array,
) {
  for (let i = 0; i < 16; i++) {
    const byte = view.getUint8(at + i);
    out[i] = value(byte & 15, i);
    out[i + 16] = value(byte >> 4, i + 16);
  }
}

/** The fifth bit of each of 32 codes. */
const fifth = (bits: number, index: number) => (bits >>> index & 1) << 4;

/** Scales of NVFP4, by their bits: e4m3 without sign. Of the two that are no number ggml makes 0, and 480 where the sign is set. */
const UE4M3 = E4M3.map((_, bits) => bits === 0x7f ? 0 : bits === 0xff ? 480 : E4M3[bits & 0x7f]!);

/** Of 32 numbers, and of three values. */
const PLAIN_BLOCKS: readonly (readonly [id: number, type: BlockType])[] = [
  [2, {
    name: "Q4_0",
    count: 32,
    bytes: 18,
    decode(view, at, out) {
      const d = half(view, at);
      nibbles(view, at + 2, (code) => d * (code - 8), out);
    },
  }],
  [3, {
    name: "Q4_1",
    count: 32,
    bytes: 20,
    decode(view, at, out) {
      const [d, m] = [half(view, at), half(view, at + 2)];
      nibbles(view, at + 4, (code) => d * code + m, out);
    },
  }],
  [6, {
    name: "Q5_0",
    count: 32,
    bytes: 22,
    decode(view, at, out) {
      const [d, high] = [half(view, at), view.getUint32(at + 2, true)];
      nibbles(view, at + 6, (code, i) => d * ((code | fifth(high, i)) - 16), out);
    },
  }],
  [7, {
    name: "Q5_1",
    count: 32,
    bytes: 24,
    decode(view, at, out) {
      const [d, m, high] = [half(view, at), half(view, at + 2), view.getUint32(at + 4, true)];
      nibbles(view, at + 8, (code, i) => d * (code | fifth(high, i)) + m, out);
    },
  }],
  [8, {
    name: "Q8_0",
    count: 32,
    bytes: 34,
    decode(view, at, out) {
      const d = half(view, at);
      for (let i = 0; i < 32; i++) out[i] = d * view.getInt8(at + 2 + i);
    },
  }],
  [34, {
    name: "TQ1_0",
    count: 256,
    bytes: 54,
    decode(view, at, out) {
      const d = half(view, at + 52);
      let i = 0;
      // Five values of three in a byte, in groups of 32, 16 and 4 bytes; in the last group four.
      for (const [first, length, digits] of [[0, 32, 5], [32, 16, 5], [48, 4, 4]] as const) {
        for (let digit = 0; digit < digits; digit++) {
          for (let byte = 0; byte < length; byte++) {
            const code = view.getUint8(at + first + byte) * 3 ** digit & 255;
            out[i++] = d * ((code * 3 >> 8) - 1);
          }
        }
      }
    },
  }],
  [35, {
    name: "TQ2_0",
    count: 256,
    bytes: 66,
    decode(view, at, out) {
      const d = half(view, at + 64);
      for (let i = 0; i < 256; i++) {
        const code = view.getUint8(at + (i >> 7) * 32 + (i & 31)) >> (i >> 5 & 3) * 2 & 3;
        out[i] = d * (code - 1);
      }
    },
  }],
  [39, {
    name: "MXFP4",
    count: 32,
    bytes: 17,
    decode(view, at, out) {
      const d = 2 ** (view.getUint8(at) - 127);
      nibbles(view, at + 1, (code) => d * E2M1[code]!, out);
    },
  }],
  [40, {
    name: "NVFP4",
    count: 64,
    bytes: 36,
    decode(view, at, out) {
      for (let i = 0; i < 64; i++) {
        const [part, within] = [i >> 4, i & 15];
        const byte = view.getUint8(at + 4 + part * 8 + (within & 7));
        out[i] = UE4M3[view.getUint8(at + part)]! * E2M1[within < 8 ? byte & 15 : byte >> 4]!;
      }
    },
  }],
];

const BLOCKS: ReadonlyMap<number, BlockType> = new Map([...PLAIN_BLOCKS, ...K_BLOCKS, ...CODEBOOK_BLOCKS]);

/** Types of single numbers, as other formats have them. */
const SINGLE: ReadonlyMap<number, string> = new Map([
  [0, "F32"],
  [1, "F16"],
  [24, "I8"],
  [25, "I16"],
  [26, "I32"],
  [27, "I64"],
  [28, "F64"],
  [30, "BF16"],
]);

/** Types that have a name and are not read: programs disagree about the bytes of Q8_1, and no file has the others any more. */
const UNREAD: ReadonlyMap<number, string> = new Map([[4, "Q4_2"], [5, "Q4_3"], [9, "Q8_1"]]);

/** A number type of GGUF. */
export interface NumberType {
  readonly name: string;
  /** Numbers that stand together. */
  readonly count: number;
  /** Bytes of those; null where the type is not read. */
  readonly bytes: number | null;
}

/** The type of an id. */
export function typeOf(id: number): NumberType {
  const single = SINGLE.get(id);
  if (single !== undefined) return { name: single, count: 1, bytes: DTYPE_BYTES.get(single)! };
  return BLOCKS.get(id) ?? { name: UNREAD.get(id) ?? String(id), count: 1, bytes: null };
}

/**
 * Converts numbers of a type to float64.
 *
 * @param id of the type in the file
 * @param bytes whole blocks
 * @throws {RangeError} when the type is not read, or an integer is none that float64 holds exactly
 */
export function dequantized(id: number, bytes: Uint8Array): Float64Array {
  const single = SINGLE.get(id);
  if (single !== undefined) return toFloat64(single, bytes);
  const type = BLOCKS.get(id);
  if (type === undefined) throw new RangeError(`GGUF type ${show(typeOf(id).name)} is not read`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks = Math.floor(bytes.length / type.bytes);
  const out = new Float64Array(blocks * type.count);
  const block = new Float32Array(type.count);
  for (let i = 0; i < blocks; i++) {
    type.decode(view, i * type.bytes, block);
    out.set(block, i * type.count);
  }
  return out;
}
