/** Blocks whose numbers are picked from a codebook, several at once: the IQ types. */

import { type BlockType, half } from "./block-type.ts";
import { type Codebook, IQ1_S, IQ2_S, IQ2_XS, IQ2_XXS, IQ3_S, IQ3_XXS } from "./codebooks.ts";

/** What the 4 bits of IQ4_NL and IQ4_XS stand for. */
const IQ4 = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/** The half of a byte that belongs to `index`, the lower one first. */
const nibble = (view: DataView, at: number, index: number) =>
  view.getUint8(at + (index >> 1)) >> (index & 1) * 4 & 15;

/** Eight signs out of seven bits: the eighth makes the number of minus signs even. */
const SIGNS = Uint8Array.from({ length: 128 }, (_, bits) => {
  let parity = bits;
  for (const shift of [4, 2, 1]) parity ^= parity >> shift;
  return bits | (parity & 1) << 7;
});

/**
 * Writes the numbers of one index, each times a scale.
 *
 * @param signs a bit for each number; 1 is minus
 * @param shift added to each number before it is scaled
 */
function pick(
  { width, numbers }: Codebook,
  index: number,
  out: Float32Array,
  at: number,
  scale: number,
  signs = 0,
  shift = 0,
): void {
  for (let j = 0; j < width; j++) {
    const value = scale * (numbers[index * width + j]! + shift);
    out[at + j] = (signs >> j & 1) === 1 ? -value : value;
  }
}

/** By the type's id in a file. */
export const CODEBOOK_BLOCKS: readonly (readonly [id: number, type: BlockType])[] = [
  [16, {
    name: "IQ2_XXS",
    count: 256,
    bytes: 66,
    decode(view, at, out) {
      const d = half(view, at);
      for (let k = 0; k < 32; k++) {
        const group = at + 2 + (k >> 2) * 8;
        const rest = view.getUint32(group + 4, true);
        const scale = d * (0.5 + (rest >>> 28)) * 0.25;
        const signs = SIGNS[rest >>> (k & 3) * 7 & 127]!;
        pick(IQ2_XXS, view.getUint8(group + (k & 3)), out, k * 8, scale, signs);
      }
    },
  }],
  [17, {
    name: "IQ2_XS",
    count: 256,
    bytes: 74,
    decode(view, at, out) {
      const d = half(view, at);
      for (let k = 0; k < 32; k++) {
        const code = view.getUint16(at + 2 + k * 2, true);
        const scale = d * (0.5 + nibble(view, at + 66, k >> 1)) * 0.25;
        pick(IQ2_XS, code & 511, out, k * 8, scale, SIGNS[code >> 9]);
      }
    },
  }],
  [18, {
    name: "IQ3_XXS",
    count: 256,
    bytes: 98,
    decode(view, at, out) {
      const d = half(view, at);
      for (let k = 0; k < 32; k++) {
        const rest = view.getUint32(at + 66 + (k >> 2) * 4, true);
        const scale = d * (0.5 + (rest >>> 28)) * 0.5;
        const signs = SIGNS[rest >>> (k & 3) * 7 & 127]!;
        pick(IQ3_XXS, view.getUint8(at + 2 + k * 2), out, k * 8, scale, signs);
        pick(IQ3_XXS, view.getUint8(at + 3 + k * 2), out, k * 8 + 4, scale, signs >> 4);
      }
    },
  }],
  [19, {
    name: "IQ1_S",
    count: 256,
    bytes: 50,
    decode(view, at, out) {
      const d = half(view, at);
      for (let k = 0; k < 32; k++) {
        const high = view.getUint16(at + 34 + (k >> 2) * 2, true);
        const index = view.getUint8(at + 2 + k) | (high >> (k & 3) * 3 & 7) << 8;
        const shift = (high & 0x8000) === 0 ? 0.125 : -0.125;
        pick(IQ1_S, index, out, k * 8, d * (2 * (high >> 12 & 7) + 1), 0, shift);
      }
    },
  }],
  [20, {
    name: "IQ4_NL",
    count: 32,
    bytes: 18,
    decode(view, at, out) {
      const d = half(view, at);
      for (let i = 0; i < 32; i++) out[i] = d * IQ4[view.getUint8(at + 2 + (i & 15)) >> (i >> 4) * 4 & 15]!;
    },
  }],
  [21, {
    name: "IQ3_S",
    count: 256,
    bytes: 110,
    decode(view, at, out) {
      const d = half(view, at);
      for (let n = 0; n < 64; n++) {
        const index = view.getUint8(at + 2 + n) | (view.getUint8(at + 66 + (n >> 3)) >> (n & 7) & 1) << 8;
        const scale = d * (1 + 2 * nibble(view, at + 106, n >> 3));
        const signs = view.getUint8(at + 74 + (n >> 1)) >> (n & 1) * 4;
        pick(IQ3_S, index, out, n * 4, scale, signs);
      }
    },
  }],
  [22, {
    name: "IQ2_S",
    count: 256,
    bytes: 82,
    decode(view, at, out) {
      const d = half(view, at);
      for (let k = 0; k < 32; k++) {
        const high = view.getUint8(at + 66 + (k >> 2)) >> (k & 3) * 2 & 3;
        const scale = d * (0.5 + nibble(view, at + 74, k >> 1)) * 0.25;
        pick(IQ2_S, view.getUint8(at + 2 + k) | high << 8, out, k * 8, scale, view.getUint8(at + 34 + k));
      }
    },
  }],
  [23, {
    name: "IQ4_XS",
    count: 256,
    bytes: 136,
    decode(view, at, out) {
      const [d, high] = [half(view, at), view.getUint16(at + 2, true)];
      for (let g = 0; g < 8; g++) {
        const scale = d * ((nibble(view, at + 4, g) | (high >> g * 2 & 3) << 4) - 32);
        for (let i = 0; i < 32; i++) {
          const byte = view.getUint8(at + 8 + g * 16 + (i & 15));
          out[g * 32 + i] = scale * IQ4[byte >> (i >> 4) * 4 & 15]!;
        }
      }
    },
  }],
  [29, {
    name: "IQ1_M",
    count: 256,
    bytes: 56,
    decode(view, at, out) {
      const word = (index: number) => view.getUint16(at + 48 + index * 2, true);
      // The scale of the block lies in the upper four bits of four words.
      const bits = new DataView(new ArrayBuffer(2));
      bits.setUint16(0, word(0) >> 12 | word(1) >> 8 & 0xf0 | word(2) >> 4 & 0xf00 | word(3) & 0xf000);
      const d = bits.getFloat16(0);
      for (let k = 0; k < 32; k++) {
        const high = nibble(view, at + 32, k);
        const scale = d * (2 * (word(k >> 3) >> (k >> 1 & 3) * 3 & 7) + 1);
        const index = view.getUint8(at + k) | (high & 7) << 8;
        pick(IQ1_S, index, out, k * 8, scale, 0, (high & 8) === 0 ? 0.125 : -0.125);
      }
    },
  }],
];
