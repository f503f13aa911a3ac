/** What a run has read of a file, as a digest. */

import { createHash } from "node:crypto";
import type { InputFile, KnownDigests } from "../../src/model/ports.ts";
import type { ByteRange, ByteSource } from "../bytes.ts";
import { openPlace } from "../places/open.ts";

/** Pieces in which a file is digested; of one that is fetched larger ones, whose blocks are fetched side by side. */
const PIECE = 4 * 2 ** 20, FETCHED_PIECE = 16 * 2 ** 20;

/** Of a file that is fetched, so much is digested whole: what is left out of it (norms, biases) costs less than another digest is worth. */
const NEARLY_ALL = 0.97;

/** Whether a file is digested whole where so many bytes of it matter. @param fetched whether it comes from afar */
export function isDigestedWhole(needed: number, size: number, fetched: boolean): boolean {
  return needed >= size * (fetched ? NEARLY_ALL : 0.5);
}

/** How a file is digested. */
export interface Digesting {
  readonly signal?: AbortSignal | undefined;
  /** What matters of the file, in order and apart. Default: all. */
  readonly needed?: readonly ByteRange[];
  /** Digests that need not be computed again; is told of those that were. */
  readonly known?: KnownDigests | undefined;
}

/**
 * Digests a file, piece by piece: whole, or only what is needed where that is less than half of it.
 * A file that is fetched is digested where it is needed, and where it has been read already, unless that is nearly all of it.
 *
 * @example
 * import { digestFile, openPlace } from "svrflow";
 *
 * const source = await openPlace("model.dense");
 * const { bytes, sha256 } = await digestFile("model.dense", source);
 * console.log(bytes, sha256);
 * await source.close();
 */
export async function digestFile(
  path: string,
  source: ByteSource,
  { signal, needed, known }: Digesting = {},
): Promise<InputFile> {
  const { remote, size } = source;
  const all = [{ start: 0, end: size }];
  const parts = needed ?? remote?.touched() ?? all;
  const digested = parts.reduce((sum, { start, end }) => sum + end - start, 0);
  const whole = isDigestedWhole(digested, size, remote !== undefined);
  const ranges = whole ? all : parts;
  const name = source.content === undefined ? null : `${source.content} ${whole ? "whole" : nameOf(parts)}`;
  const before = name === null ? undefined : known?.find(name);
  const sha256 = before ?? await digestOf(source, ranges, signal);
  if (name !== null) known?.put(name, sha256);
  return {
    path,
    bytes: size,
    sha256,
    ...whole ? {} : { digested },
    ...remote?.etag === undefined ? {} : { etag: remote.etag },
    ...remote?.revision === undefined ? {} : { revision: remote.revision },
  };
}

async function digestOf(
  source: ByteSource,
  ranges: readonly ByteRange[],
  signal?: AbortSignal,
): Promise<string> {
  const piece = source.remote === undefined ? PIECE : FETCHED_PIECE;
  const hash = createHash("sha256");
  for (const { start, end } of ranges) {
    for (let at = start; at < end; at += piece) {
      hash.update(await source.slice(at, Math.min(end, at + piece), signal));
    }
  }
  return hash.digest("hex");
}

/** A short name for parts of a file: a model has thousands. */
function nameOf(parts: readonly ByteRange[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}

/**
 * Compares a file with its digest.
 *
 * @param required SHA-256 of the whole file, 64 hex digits
 * @throws {RangeError} when it is another file; names the place and both digests
 */
export async function checkDigest(place: string, required: string, signal?: AbortSignal): Promise<void> {
  const source = await openPlace(place, signal);
  try {
    const { sha256 } = await digestFile(place, source, {
      signal,
      needed: [{ start: 0, end: source.size }],
    });
    if (sha256 === required.toLowerCase()) return;
    throw new RangeError(`${place}: found sha256 ${sha256}, required ${required.toLowerCase()}`);
  } finally {
    await source.close();
  }
}
