/** Writes safetensors files for tests, well formed or with the header that a test wants. */

import { writeFile } from "node:fs/promises";

/** A file with any header text and any data. */
export async function writeRaw(
  path: string,
  header: string,
  data: Uint8Array,
  headerLength = Buffer.byteLength(header),
): Promise<void> {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(headerLength));
  await writeFile(path, Buffer.concat([prefix, Buffer.from(header), data]));
}

/** Float32 tensors by name. Names go into the header as they are, `__proto__` too. */
export async function writeTensors(
  path: string,
  tensors: readonly (readonly [name: string, shape: readonly number[], values: ArrayLike<number>])[],
): Promise<void> {
  let at = 0;
  const entries = tensors.map(([name, shape, values]) => {
    const begin = at;
    at += values.length * 4;
    return `${JSON.stringify(name)}: ${JSON.stringify({ dtype: "F32", shape, data_offsets: [begin, at] })}`;
  });
  const data = Buffer.concat(tensors.map(([, , values]) => Buffer.from(Float32Array.from(values).buffer)));
  await writeRaw(path, `{${entries.join(", ")}}`, data);
}

/** Numbers without a pattern that an SVD could see: a fixed linear congruence, in [-1, 1). */
export function noise(count: number, seed = 1): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
