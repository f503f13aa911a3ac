/** Files that are made once in a lake: versions of tables, and what they are made of. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Semaphore } from "../../../src/base/semaphore.ts";
import type { LakePlace } from "../place.ts";

/** Files that are read at a time: each is open, and waits for the disk or the network. */
export const LANES = 16;

const turn = new Semaphore(LANES);

/** Somebody else has made the file. */
export class TakenError extends Error {
  /** @param path of the file */
  constructor(path: string) {
    super(`${path}: it is there already, required a new version`);
    this.name = "TakenError";
  }
}

/** Makes a small text under a name that nothing has. @throws {TakenError} when there is one */
export async function createText(place: LakePlace, path: string, text: string): Promise<void> {
  await place.replaceText(path, (before) => {
    if (before !== null) throw new TakenError(`${place.name}/${path}`);
    return text;
  });
}

/** Puts bytes under a name that nothing else will ever have. */
export async function createBytes(place: LakePlace, path: string, bytes: Uint8Array): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "svrflow-table-"));
  try {
    const from = join(folder, "bytes");
    await writeFile(from, bytes);
    await place.publish(from, path, bytes.length);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A small text, when its turn has come. @throws {Error} when there is none */
export async function readText(place: LakePlace, path: string): Promise<string> {
  return await turn.run(() => place.readText(path)) ?? refuseMissing(place, path);
}

/** All bytes of a small file, when its turn has come. @throws {Error} when there is none */
export function readBytes(place: LakePlace, path: string): Promise<Uint8Array> {
  return turn.run(async () => {
    const file = await place.open(path) ?? refuseMissing(place, path);
    try {
      return await file.slice(0, file.bytes);
    } finally {
      await file.close();
    }
  });
}

function refuseMissing(place: LakePlace, path: string): never {
  throw new Error(`${place.name}/${path}: found no such file, required the one that a version names`);
}

/** Whether a failure says that somebody else has made the file; places wrap what fails. */
export function isTaken(failure: unknown): boolean {
  return failure instanceof TakenError || failure instanceof Error && isTaken(failure.cause);
}
