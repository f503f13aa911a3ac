/** Reading by position. */

import type { FileHandle } from "node:fs/promises";

/** Bytes that are read at a time: between two pieces the signal is heard. */
const PIECE = 4 * 2 ** 20;

/**
 * Fills memory with a file's bytes.
 *
 * @param position of the first byte
 * @returns how many bytes came: fewer than asked for where the file ends
 */
export async function readFully(
  file: FileHandle,
  out: Uint8Array,
  position: number,
  signal?: AbortSignal,
): Promise<number> {
  let done = 0;
  while (done < out.length) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(out, done, Math.min(PIECE, out.length - done), position + done);
    if (bytesRead === 0) return done;
    done += bytesRead;
  }
  return done;
}
