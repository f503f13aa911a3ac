import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { toFloat64 } from "../../../connectors/sources/floats.ts";
import { safetensors } from "../../../connectors/sources/safetensors.ts";
import {
  encoded,
  EXACT_FLOATS,
  EXACT_INTEGERS,
  type WrittenTensor,
} from "../../support/files/written-tensor.ts";
import { sourceContract } from "./contract.ts";

async function write(path: string, tensors: readonly WrittenTensor[]): Promise<void> {
  let at = 0;
  const parts = tensors.map((tensor) => encoded(tensor));
  const entries = tensors.map(({ name, dtype, shape }, i) => {
    const begin = at;
    at += parts[i]!.length;
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, at] })}`;
  });
  const header = Buffer.from(`{"__metadata__":{"format":"pt"},${entries.join(",")}}`);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await writeFile(path, Buffer.concat([length, header, ...parts]));
}

sourceContract(safetensors, {
  write,
  unreadable: "C64",
  exact: { ...EXACT_FLOATS, ...EXACT_INTEGERS },
});

describe("floating point formats", () => {
  it("F16 is right for every one of its 65536 patterns, beside the runtime's own", () => {
    const view = new DataView(new ArrayBuffer(2 * 65536));
    for (let bits = 0; bits < 65536; bits++) view.setUint16(2 * bits, bits, true);
    const values = toFloat64("F16", new Uint8Array(view.buffer));
    const wrong = Array.from(values, (_, bits) => bits).filter((bits) =>
      !Object.is(values[bits], view.getFloat16(2 * bits, true))
    );
    expect(wrong).toEqual([]);
  });

  it("BF16 is right for every one of its 65536 patterns: sign, exponent less 127, seven bits of fraction", () => {
    const view = new DataView(new ArrayBuffer(2 * 65536));
    for (let bits = 0; bits < 65536; bits++) view.setUint16(2 * bits, bits, true);
    const values = toFloat64("BF16", new Uint8Array(view.buffer));
    const byDefinition = (bits: number) => {
      const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 7) & 255, bits & 127];
      if (exponent === 255) return fraction === 0 ? sign * Infinity : NaN;
      return sign *
        (exponent === 0 ? fraction / 128 * 2 ** -126 : (1 + fraction / 128) * 2 ** (exponent - 127));
    };
    expect(
      Array.from(values, (_, bits) => bits).filter((bits) => !Object.is(values[bits], byDefinition(bits))),
    ).toEqual([]);
  });
});

describe("integers", () => {
  it("are refused where float64 would round them", () => {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigInt64(0, 2n ** 53n + 1n, true);
    expect(() => toFloat64("I64", new Uint8Array(view.buffer))).toThrow(
      /found 9007199254740993, required one/,
    );
  });
});
