/** Files that appear whole or not at all. */

import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { cannotWrite } from "./sinks/new-file.ts";

/** What a file is to hold: a text, bytes, or either in pieces that are made one after another. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<string>;

/** Files that are complete, beside their places. One of both is to be called, once. */
export interface FilesAside {
  /** Puts them in their places, one after another. @throws {Error} that names the file and the reason; those that have not appeared are gone */
  appear(): Promise<void>;
  /** Gives them up. */
  remove(): Promise<void>;
}

/**
 * Writes files aside; those that are in their places stay until they appear.
 *
 * @param files paths and contents, in the order in which they are to appear
 * @throws {Error} that names the file and the reason; nothing is left then
 */
export async function writeAside(
  ...files: readonly (readonly [path: string, content: FileContent])[]
): Promise<FilesAside> {
  const staged: string[] = [];
  const remove = async () => void await Promise.allSettled(staged.map((path) => rm(path, { force: true })));
  const orNone = async (path: string, work: Promise<void>) => {
    try {
      await work;
    } catch (cause) {
      await remove();
      throw cannotWrite(path, cause);
    }
  };
  for (const [path, content] of files) {
    const beside = join(dirname(path), `.${basename(path)}.partial`);
    staged.push(beside);
    await orNone(path, writeDown(beside, content));
  }
  return {
    async appear() {
      for (const [at, [path]] of files.entries()) await orNone(path, rename(staged[at] ?? "", path));
    },
    remove,
  };
}

/**
 * Replaces files: all are written aside before the first appears, so that a disk that is full leaves those that were there.
 *
 * @param files paths and contents, in the order in which they appear
 * @throws {Error} that names the file and the reason
 */
export async function writeWhole(
  ...files: readonly (readonly [path: string, content: FileContent])[]
): Promise<void> {
  await (await writeAside(...files)).appear();
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
