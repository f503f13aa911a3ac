/** The output folder of a run: made where it is not there, held by one run at a time, without what dead runs left. */

import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm, rmdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { messageOf } from "../model/errors.ts";
import { type FileLock, LockHeldError, takeLock } from "../base/file-lock.ts";

/** The lock's name in an output folder. */
export const LOCK_FILE = ".lock";

/** An output folder that belongs to this run. */
export interface OutputFolder {
  /** Lets others in. */
  release(): Promise<void>;
  /** The same, and a folder that was made for the run and holds nothing is removed. */
  abandon(): Promise<void>;
}

/**
 * Makes a folder, locks it, and removes what runs that were killed left unfinished.
 *
 * @throws {Error} when another run is at work in it, or it cannot be made or written to
 */
export async function openFolder(out: string): Promise<OutputFolder> {
  const created = await makeFolder(out);
  let lock: FileLock;
  try {
    lock = await takeLock(join(out, LOCK_FILE), `output folder ${out}`);
  } catch (failure) {
    if (created !== undefined) await removeEmpty(out, created);
    throw failure;
  }
  await removeLeftovers(out);
  return {
    release: () => lock.release(),
    async abandon() {
      await lock.release();
      if (created !== undefined) await removeEmpty(out, created);
    },
  };
}

/** @returns the first folder that had to be made, or undefined when all were there */
async function makeFolder(out: string): Promise<string | undefined> {
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

/** What the names of the folders of workers begin with; each locks its own. */
export const WORKER_FOLDER = ".worker-";

/** What a run makes aside: its staging, files that are not whole, a probe, the lock by which a dead one's was taken. */
const ASIDE = /^\.staging-|^\.probe-|^\..*\.partial$|^\.lock-next/;

/** Only under the folder's lock: what is there is nobody's. */
async function removeLeftovers(out: string): Promise<void> {
  for (const name of await readdir(out)) {
    if (ASIDE.test(name)) await rm(join(out, name), { recursive: true, force: true });
  }
}

/** Removes a folder and those above it, up to the topmost that was made, as far as they are empty. */
async function removeEmpty(folder: string, topmost: string): Promise<void> {
  for (let at = folder; at.startsWith(topmost); at = resolve(at, "..")) {
    const removed = await rmdir(at).then(() => true, () => false);
    if (!removed) return;
  }
}

/** A worker locks its folder as soon as it has made it: one of this age (ms) without a lock is a dead one's. */
const LOCKED_AFTER = 60_000;

/** Removes what workers of this machine have left that were killed. @param out the output folder that theirs are in */
export async function removeDeadWorkers(out: string): Promise<void> {
  for (const name of await readdir(out).catch(() => [])) {
    const path = join(out, name);
    const made = name.startsWith(WORKER_FOLDER) ? await stat(path).catch(() => null) : null;
    if (made === null || Date.now() - made.mtimeMs < LOCKED_AFTER) continue;
    try {
      await (await openFolder(path)).release();
      await rm(path, { recursive: true, force: true });
    } catch (failure) {
      if (!(failure instanceof LockHeldError)) throw failure;
    }
  }
}
