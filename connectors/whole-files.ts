/** Small files that appear whole or not at all. */

import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { cannotWrite } from "./sinks/new-file.ts";

/**
 * Replaces small files: all are written aside before the first appears, so that a disk that is full leaves those that were there.
 *
 * @param files paths and texts, in the order in which they appear
 * @throws {Error} that names the file and the reason
 */
export async function writeWhole(
  ...files: readonly (readonly [path: string, text: string])[]
): Promise<void> {
  const staged: string[] = [];
  try {
    for (const [path, text] of files) {
      const beside = join(dirname(path), `.${basename(path)}.partial`);
      staged.push(beside);
      await writeDown(beside, text).catch((cause: unknown) => {
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

async function writeDown(path: string, text: string): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
