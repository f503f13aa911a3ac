/**
 * HDF5 files with given tensors. Nothing but h5py writes them: `write` looks its case up among committed files and, with
 * `SVRFLOW_RECORD=<file>`, notes it there for `test/golden/files/keras/make.py` instead.
 */

import { createHash } from "node:crypto";
import { appendFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { env } from "node:process";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { encoded, type WrittenTensor } from "./written-tensor.ts";

const FOLDER = new URL("../../golden/files/keras/", import.meta.url);

/** A committed file, uncompressed. */
export async function kerasFile(name: string): Promise<Uint8Array> {
  const bytes = await readFile(fileURLToPath(new URL(name, FOLDER)));
  return Uint8Array.from(name.endsWith(".gz") ? gunzipSync(bytes) : bytes);
}

/** The HDF5 file that h5py made of these tensors. */
export async function h5Of(tensors: readonly WrittenTensor[]): Promise<Uint8Array> {
  const lines = tensors.map((tensor) => {
    const { name, dtype, shape } = tensor;
    return JSON.stringify({ name, dtype, shape, data: Buffer.from(encoded(tensor)).toString("base64") });
  });
  const key = createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 16);
  const record = env["SVRFLOW_RECORD"];
  if (record !== undefined) appendFileSync(record, `${JSON.stringify({ key, tensors: lines })}\n`);
  return await kerasFile(`contract/${key}.h5.gz`);
}

/** Writes it. */
export async function writeH5(path: string, tensors: readonly WrittenTensor[]): Promise<void> {
  await writeFile(path, await h5Of(tensors));
}
