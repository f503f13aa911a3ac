/** Files that appear whole or not at all. */

import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { cannotWrite } from "./sinks/new-file.ts";

/** What a file is to hold: a text, bytes, or either in pieces that are made one after another. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<string | Uint8Array>;

/**
 * Replaces files: all are written aside before the first appears, so that a disk that is full leaves those that were there.
 *
 * @param files paths and contents, in the order in which they appear
 * @throws {Error} that names the file and the reason
 */
export async function writeWhole(
  ...files: readonly (readonly [path: string, content: FileContent])[]
): Promise<void> {
  const staged: string[] = [];
  try {
    for (const [path, content] of files) {
      const beside = join(dirname(path), `.${basename(path)}.partial`);
      staged.push(beside);
      await writeDown(beside, content).catch((cause: unknown) => {
        throw cannotWrite(path, cause);
      });
    }
    for (const [at, [path]] of files.entries()) {
      await rename(staged[at] ?? "", path).catch((cause: unknown) => {
        throw cannotWrite(path, cause);
      });
    }
  } catch (failure) {
    await Promise.allSettled(staged.map((path) => rm(path, { force: true })));
    throw failure;
  }
}

async function writeDown(path: string, content: FileContent): Promise<void> {
  const file = await open(path, "w");
  try {
    const pieces = typeof content === "string" || content instanceof Uint8Array ? [content] : content;
    for await (const piece of pieces) await file.writeFile(piece);
    await file.sync();
  } finally {
    await file.close();
  }
}
