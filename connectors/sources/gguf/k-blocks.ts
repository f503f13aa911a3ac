/** Blocks of 256 numbers, whose scales are integers themselves: the K types. */

import { type BlockType, half } from "./block-type.ts";

/** Two bits of number `i`: halves of 32 bytes, each byte with four numbers that are 32 apart. */
const twoBits = (view: DataView, at: number, i: number) =>
  view.getUint8(at + (i >> 7) * 32 + (i & 31)) >> (i >> 5 & 3) * 2 & 3;

/** One bit of number `i`: 32 bytes, each with eight numbers that are 32 apart. */
const oneBit = (view: DataView, at: number, i: number) => view.getUint8(at + (i & 31)) >> (i >> 5) & 1;

/** Four bits of number `i`: 32 bytes for each 64 numbers. */
const fourBits = (view: DataView, at: number, i: number) =>
  view.getUint8(at + (i >> 6) * 32 + (i & 31)) >> (i >> 5 & 1) * 4 & 15;

/** Scale and offset of group `g` of eight, 6 bits each: 12 bytes of Q4_K and Q5_K. */
function scaleAndOffset(view: DataView, at: number, g: number): readonly [number, number] {
  const byte = (index: number) => view.getUint8(at + index);
  if (g < 4) return [byte(g) & 63, byte(g + 4) & 63];
  return [
    byte(g + 4) & 15 | byte(g - 4) >> 2 & 0x30,
    byte(g + 4) >> 4 | byte(g) >> 2 & 0x30,
  ];
}

/** Numbers of 4 or 5 bits in eight groups with scale and offset. @param code of number `i` */
function grouped(view: DataView, at: number, code: (i: number) => number, out: Float32Array): void {
  const [d, least] = [half(view, at), half(view, at + 2)];
  for (let g = 0; g < 8; g++) {
    const [scale, offset] = scaleAndOffset(view, at + 4, g);
    const [by, minus] = [d * scale, least * offset];
    for (let i = g * 32; i < g * 32 + 32; i++) out[i] = by * code(i) - minus;
  }
}

/** By the type's id in a file. */
export const K_BLOCKS: readonly (readonly [id: number, type: BlockType])[] = [
  [10, {
    name: "Q2_K",
    count: 256,
    bytes: 84,
    decode(view, at, out) {
      const [d, least] = [half(view, at + 80), half(view, at + 82)];
      for (let i = 0; i < 256; i++) {
        const scale = view.getUint8(at + (i >> 4));
        out[i] = d * (scale & 15) * twoBits(view, at + 16, i) - least * (scale >> 4);
      }
    },
  }],
  [11, {
    name: "Q3_K",
    count: 256,
    bytes: 110,
    decode(view, at, out) {
      const d = half(view, at + 108);
      const scales = at + 96;
      for (let g = 0; g < 16; g++) {
        const low = view.getUint8(scales + (g & 7)) >> (g >> 3) * 4 & 15;
        const high = view.getUint8(scales + 8 + (g & 3)) >> (g >> 2) * 2 & 3;
        const by = d * ((low | high << 4) - 32);
        for (let i = g * 16; i < g * 16 + 16; i++) {
          // The third bit is stored inverted.
          out[i] = by * (twoBits(view, at + 32, i) - (oneBit(view, at, i) === 1 ? 0 : 4));
        }
      }
    },
  }],
  [12, {
    name: "Q4_K",
    count: 256,
    bytes: 144,
    decode: (view, at, out) => grouped(view, at, (i) => fourBits(view, at + 16, i), out),
  }],
  [13, {
    name: "Q5_K",
    count: 256,
    bytes: 176,
    decode: (view, at, out) =>
      grouped(view, at, (i) => fourBits(view, at + 48, i) | oneBit(view, at + 16, i) << 4, out),
  }],
  [14, {
    name: "Q6_K",
    count: 256,
    bytes: 210,
    decode(view, at, out) {
      const d = half(view, at + 208);
      for (let i = 0; i < 256; i++) {
        const low = view.getUint8(at + (i >> 7) * 64 + (i & 63)) >> (i >> 6 & 1) * 4 & 15;
        const code = low | twoBits(view, at + 128, i) << 4;
        out[i] = d * view.getInt8(at + 192 + (i >> 4)) * (code - 32);
      }
    },
  }],
  [15, {
    name: "Q8_K",
    count: 256,
    bytes: 292,
    decode(view, at, out) {
      const d = view.getFloat32(at, true);
      for (let i = 0; i < 256; i++) out[i] = d * view.getInt8(at + 4 + i);
    },
  }],
];
