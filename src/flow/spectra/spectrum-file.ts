/**
 * A spectrum as a file: a head of fixed length, then singular values, left and right vectors (float64) and groups (int32), all little-endian.
 *
 *     0 "SVRSPEC1"   8 r, columns of left, columns of right, flags (u32 each)   24 norm, residual (f64)   40 zero   48 SHA-256
 *
 * The digest is of the key, the first 48 bytes and all that follows the head: a file that was cut, altered or renamed is none.
 */

import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { endianness } from "node:os";
import type { Spectrum } from "../../model/spectrum.ts";
import { matrix } from "../../model/tensor.ts";

/** A spectrum without the layer that it belongs to, and without what follows from its singular values or weights: equal weights have equal ones. */
export type BareSpectrum = Omit<Spectrum, "layer" | "unfolding" | "nullNeurons" | "clustered" | "sparse">;

/** A spectrum, and its digest where it has been taken already. */
export interface DigestedSpectrum extends BareSpectrum {
  /** As `spectrumDigest` returns it. */
  readonly digest?: Uint8Array;
}

const MAGIC = "SVRSPEC1";
const HEAD = 80;
const DIGESTED = 48;

/** Typed arrays are written as they lie in memory. */
const LITTLE = endianness() === "LE";

/** Bytes of a spectrum's file. */
export function fileBytes({ left, singularValues, right }: BareSpectrum): number {
  return HEAD + left.data.byteLength + right.data.byteLength + 12 * singularValues.length;
}

/** The bytes of a spectrum's file, in its own memory. @throws {Error} on a big-endian machine */
export function spectrumParts(key: string, { digest, ...spectrum }: DigestedSpectrum): readonly Uint8Array[] {
  if (!LITTLE) {
    throw new Error("writing a spectrum: found a big-endian machine, required a little-endian one");
  }
  const head = headOf(spectrum);
  head.set(digest ?? spectrumDigest(key, spectrum), DIGESTED);
  return [head, ...partsOf(spectrum)];
}

/** The SHA-256 that stands in a spectrum's file. */
export function spectrumDigest(key: string, spectrum: BareSpectrum): Uint8Array {
  return digestOf(key, headOf(spectrum), partsOf(spectrum));
}

/** A head without its digest. */
function headOf({ left, right, singularValues, norm, residual }: BareSpectrum): Buffer {
  const head = Buffer.alloc(HEAD);
  head.write(MAGIC, 0, "latin1");
  [singularValues.length, left.cols, right.cols, residual === undefined ? 0 : 1].forEach((value, at) =>
    head.writeUInt32LE(value, 8 + 4 * at)
  );
  head.writeDoubleLE(norm, 24);
  head.writeDoubleLE(residual ?? 0, 32);
  return head;
}

const partsOf = ({ singularValues, left, right, group }: BareSpectrum): readonly Uint8Array[] =>
  [singularValues, left.data, right.data, group].map(bytesOf);

/**
 * Reads a spectrum.
 *
 * @param shape what the layer's spectrum must have: no more memory is taken than the layer itself would need
 * @returns null where the file is not whole, or not this spectrum
 */
export async function readSpectrumFile(
  file: FileHandle,
  key: string,
  shape: { readonly rank: number; readonly leftCols: number; readonly rightCols: number },
): Promise<BareSpectrum | null> {
  if (!LITTLE) return null;
  const head = Buffer.alloc(HEAD);
  if (!await fill(file, head, 0)) return null;
  const [rank = 0, leftCols, rightCols, flags] = [0, 1, 2, 3].map((at) => head.readUInt32LE(8 + 4 * at));
  const fits = rank >= 1 && rank <= shape.rank && leftCols === shape.leftCols &&
    rightCols === shape.rightCols;
  if (head.toString("latin1", 0, 8) !== MAGIC || !fits) return null;
  const size = HEAD + rank * (8 * (1 + shape.leftCols + shape.rightCols) + 4);
  if ((await file.stat()).size !== size) return null;
  const singularValues = new Float64Array(rank);
  const left = matrix(rank, shape.leftCols);
  const right = matrix(rank, shape.rightCols);
  const group = new Int32Array(rank);
  const bare = { singularValues, left, right, group, norm: head.readDoubleLE(24) };
  const parts = partsOf(bare);
  let at = HEAD;
  for (const part of parts) {
    if (!await fill(file, part, at)) return null;
    at += part.length;
  }
  if (!digestOf(key, head, parts).equals(head.subarray(DIGESTED))) return null;
  const residual = flags === 1 ? { residual: head.readDoubleLE(32) } : {};
  return { ...bare, ...residual };
}

function digestOf(key: string, head: Uint8Array, parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256").update(key).update(head.subarray(0, DIGESTED));
  for (const part of parts) hash.update(part);
  return hash.digest();
}

async function fill(file: FileHandle, bytes: Uint8Array, at: number): Promise<boolean> {
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, at + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}

function bytesOf(data: Float64Array | Int32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
