/** New files of arrays, written through the page cache. */

import { type FileHandle, open } from "node:fs/promises";

/** Bytes of an array that are written at a time. */
const PIECE = 2 ** 26;

/** Writes a file that does not exist yet. @throws {Error} when it does, or there is no room for all */
export async function writeNew(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, "wx");
  try {
    await writeParts(file, parts);
  } finally {
    await file.close();
  }
}

/** Writes arrays one after another, in as few calls as can be. @throws {Error} when there is no room for all */
export async function writeParts(file: FileHandle, parts: readonly Uint8Array[]): Promise<void> {
  let left = parts.flatMap(piecesOf);
  while (left.length > 0) {
    const { bytesWritten } = await file.writev(left);
    if (bytesWritten === 0) throw new Error(`found room for no more, required ${left.length} more pieces`);
    left = after(left, bytesWritten);
  }
}

function piecesOf(part: Uint8Array): Uint8Array[] {
  return Array.from(
    { length: Math.ceil(part.length / PIECE) },
    (_, at) => part.subarray(at * PIECE, (at + 1) * PIECE),
  );
}

/** What is left of pieces once so many bytes of them are written. */
function after(pieces: readonly Uint8Array[], written: number): Uint8Array[] {
  let gone = written;
  return pieces.flatMap((piece) => {
    const here = Math.min(gone, piece.length);
    gone -= here;
    return here === piece.length ? [] : [piece.subarray(here)];
  });
}
