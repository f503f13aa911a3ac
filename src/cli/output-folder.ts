/** The output folder of a run: made where it is not there, gone again where nothing is left in it. */

import { randomBytes } from "node:crypto";
import { mkdir, rmdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { messageOf } from "../model/errors.ts";

/**
 * Makes a folder, and tries whether it takes files.
 *
 * @returns the first folder that had to be made, or undefined when all were there
 * @throws {Error} when it cannot be made or written to
 */
export async function makeFolder(out: string): Promise<string | undefined> {
  try {
    const created = await mkdir(out, { recursive: true });
    // A folder that exists may still refuse files.
    const probe = join(out, `.probe-${randomBytes(4).toString("hex")}`);
    await mkdir(probe);
    await rmdir(probe);
    return created;
  } catch (cause) {
    throw new Error(
      `output folder ${out}: found ${messageOf(cause)}, required a folder that can be written to`,
      { cause },
    );
  }
}

/** Removes a folder and those above it, up to the topmost that was made, as far as they are empty. */
export async function removeEmpty(folder: string, topmost: string): Promise<void> {
  for (let at = folder; at.startsWith(topmost); at = resolve(at, "..")) {
    const removed = await rmdir(at).then(() => true, () => false);
    if (!removed) return;
  }
}
