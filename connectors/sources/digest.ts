/** What a run has read of a file, as a digest. */

import { createHash } from "node:crypto";
import type { InputFile } from "../../src/model/ports.ts";
import { type ByteRange, type ByteSource, giveBack } from "../bytes.ts";
import { openPlace } from "../places/open.ts";

/** Pieces in which a file is digested; of one that is fetched larger ones, whose blocks are fetched side by side. */
const PIECE = 4 * 2 ** 20, FETCHED_PIECE = 16 * 2 ** 20;

/** Of a file that is fetched, so much is digested whole: what is left out of it (norms, biases) costs less than another digest is worth. */
const NEARLY_ALL = 0.97;

/**
 * Digests a file, piece by piece.
 *
 * @param needed what matters of it, in order and apart; where that is less than half of the file, only that is digested. Default: all.
 * A file that is fetched is digested where it is needed, and where it has been read already, unless that is nearly all of it.
 */
export async function digestFile(
  path: string,
  source: ByteSource,
  signal?: AbortSignal,
  needed?: readonly ByteRange[],
): Promise<InputFile> {
  const { remote, size } = source;
  const all = [{ start: 0, end: size }];
  const parts = needed ?? remote?.touched() ?? all;
  const digested = parts.reduce((sum, { start, end }) => sum + end - start, 0);
  const whole = digested >= size * (remote === undefined ? 0.5 : NEARLY_ALL);
  const piece = remote === undefined ? PIECE : FETCHED_PIECE;
  const hash = createHash("sha256");
  for (const { start, end } of whole ? all : parts) {
    for (let at = start; at < end; at += piece) {
      const bytes = await source.slice(at, Math.min(end, at + piece), signal);
      hash.update(bytes);
      giveBack(bytes);
    }
  }
  return {
    path,
    bytes: size,
    sha256: hash.digest("hex"),
    ...whole ? {} : { digested },
    ...remote?.etag === undefined ? {} : { etag: remote.etag },
    ...remote?.revision === undefined ? {} : { revision: remote.revision },
  };
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
    const { sha256 } = await digestFile(place, source, signal, [{ start: 0, end: source.size }]);
    if (sha256 === required.toLowerCase()) return;
    throw new RangeError(`${place}: found sha256 ${sha256}, required ${required.toLowerCase()}`);
  } finally {
    await source.close();
  }
}
