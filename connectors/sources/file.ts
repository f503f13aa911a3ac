/** Local files, read by position: never more in memory than was asked for. */

import { createHash } from "node:crypto";
import type { Stats } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { codeOf, messageOf } from "../../src/model/errors.ts";
import type { InputFile } from "../../src/model/ports.ts";
import type { ByteSource } from "../bytes.ts";

/** Pieces in which a file is digested. */
const PIECE = 4 * 2 ** 20;

/**
 * Opens a file for reading by position.
 *
 * @throws {TypeError} when the path is a folder
 * @throws {RangeError} when there is no such file, or it may not be read; names the path
 */
export async function openFile(path: string): Promise<ByteSource> {
  // Before opening: to open a pipe is to wait for its writer.
  const { size } = await checked(path);
  const handle = await open(path, "r").catch((cause: unknown) => refuse(path, cause));
  return {
    size,
    slice: (start, end, signal) => read(handle, path, size, start, end, signal),
    close: () => handle.close(),
  };
}

async function checked(path: string): Promise<Stats> {
  const found = await stat(path).catch((cause: unknown) => refuse(path, cause));
  if (found.isFile()) return found;
  throw new TypeError(
    `${path}: found ${found.isDirectory() ? "a folder" : "a device or pipe"}, required a file`,
  );
}

function refuse(path: string, cause: unknown): never {
  const found = codeOf(cause) === "ENOENT" ? "no such file" : messageOf(cause);
  throw new RangeError(`${path}: found ${found}, required a readable file`, { cause });
}

async function read(
  handle: FileHandle,
  path: string,
  size: number,
  start: number,
  end: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (!(start >= 0 && start <= end && end <= size)) {
    throw new RangeError(`${path}: bytes ${start} to ${end}: required within its ${size} bytes`);
  }
  const out = new Uint8Array(end - start);
  for (let done = 0; done < out.length;) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(out, done, Math.min(PIECE, out.length - done), start + done);
    if (bytesRead === 0) {
      throw new RangeError(
        `${path}: found its end at byte ${start + done}, required ${size} bytes as when it was opened`,
      );
    }
    done += bytesRead;
  }
  return out;
}

/** Bytes of a file, end exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Digests a file, piece by piece.
 *
 * @param needed what matters of it, in order and apart; where that is less than half of the file, only that is digested. Default: all
 */
export async function digestFile(
  path: string,
  source: ByteSource,
  signal?: AbortSignal,
  needed: readonly ByteRange[] = [{ start: 0, end: source.size }],
): Promise<InputFile> {
  const digested = needed.reduce((sum, { start, end }) => sum + end - start, 0);
  const whole = digested >= source.size / 2;
  const hash = createHash("sha256");
  for (const { start, end } of whole ? [{ start: 0, end: source.size }] : needed) {
    for (let at = start; at < end; at += PIECE) {
      hash.update(await source.slice(at, Math.min(end, at + PIECE), signal));
    }
  }
  return { path, bytes: source.size, sha256: hash.digest("hex"), ...whole ? {} : { digested } };
}

/**
 * Compares a file with its digest.
 *
 * @param required SHA-256 of the whole file, 64 hex digits
 * @throws {RangeError} when it is another file; names the path and both digests
 */
export async function checkDigest(path: string, required: string, signal?: AbortSignal): Promise<void> {
  const source = await openFile(path);
  try {
    const { sha256 } = await digestFile(path, source, signal);
    if (sha256 === required.toLowerCase()) return;
    throw new RangeError(`${path}: found sha256 ${sha256}, required ${required.toLowerCase()}`);
  } finally {
    await source.close();
  }
}
