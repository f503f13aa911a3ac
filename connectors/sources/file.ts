/** Local files, read by position: never more in memory than was asked for. */

import type { BigIntStats, Stats } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { codeOf, messageOf } from "../../src/model/errors.ts";
import { readFully } from "../../src/base/read-fully.ts";
import type { ByteSource } from "../bytes.ts";

/**
 * Milliseconds for which a change may hide: one that follows another within a tick of the file system's clock (2 s on FAT) has the same time.
 */
const RECENT = 3000;

/**
 * Opens a file for reading by position.
 *
 * @throws {TypeError} when the path is a folder
 * @throws {RangeError} when there is no such file, or it may not be read; names the path
 */
export async function openFile(path: string): Promise<ByteSource> {
  // Before opening: to open a pipe is to wait for its writer.
  await checked(path);
  const handle = await open(path, "r").catch((cause: unknown) => refuse(path, cause));
  const stats = await handle.stat({ bigint: true }).catch(async (cause: unknown) => {
    await handle.close();
    return refuse(path, cause);
  });
  const size = Number(stats.size);
  const content = contentOf(stats);
  return {
    size,
    ...content === null ? {} : { content },
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

/**
 * Whoever writes to a file changes its inode or the time of its last change, which no program can set on a Unix. (Only what is written again to
 * a page in memory that has not gone to the disk yet does not show.)
 */
function contentOf(
  { dev, ino, size, mtimeNs, ctimeNs, mtimeMs, ctimeMs }: BigIntStats,
): string | null {
  const now = Date.now();
  if (now - Number(ctimeMs) < RECENT || now - Number(mtimeMs) < RECENT) return null;
  return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
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
  const count = await readFully(handle, out, start, signal);
  if (count === out.length) return out;
  throw new RangeError(
    `${path}: found its end at byte ${start + count}, required ${size} bytes as when it was opened`,
  );
}
