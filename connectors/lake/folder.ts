/** A lake in a folder. */

import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, statSync, unlinkSync } from "node:fs";
import { copyFile, type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { codeOf, messageOf } from "../../src/model/errors.ts";
import { waitForLock } from "../../src/util/file-lock.ts";
import { readFully } from "../../src/util/read-fully.ts";
import { cannotWrite } from "../sinks/new-file.ts";
import { writeWhole } from "../whole-files.ts";
import { type LakeFile, type LakePlace, LARGEST_TEXT, PIECE } from "./place.ts";
import { TextChanges } from "./text-changes.ts";

/** A lock is held for as long as a small file takes to be replaced; an older one is left over from a machine that died. */
const STALE_LOCK_MS = 30_000;

/**
 * A lake in a folder, which is made when it is missing. What changes only names is done at once: a model takes some forty such calls,
 * and to send one to another thread and to wait for it takes three times its 17 microseconds.
 */
export function folderLake(folder: string): LakePlace {
  const root = resolve(folder);
  const at = (path: string) => join(root, path);
  const texts = new TextChanges((path, change) =>
    locked(at(path), async () => {
      await writeWhole([at(path), change(textOf(at(path)))]);
    })
  );
  return {
    name: folder,
    prepare: soon(() => {
      const probe = at(`.probe-${randomBytes(4).toString("hex")}`);
      try {
        mkdirSync(probe, { recursive: true });
        rmdirSync(probe);
      } catch (cause) {
        throw cannotWrite(root, cause);
      }
    }),
    async publish(from, path) {
      try {
        mkdirSync(dirname(at(path)), { recursive: true });
        if (!moved(from, at(path))) await moveByCopy(from, at(path));
      } catch (cause) {
        throw cannotWrite(at(path), cause);
      }
    },
    remove: soon((path: string) => removeFile(at(path))),
    list: soon((prefix: string) => {
      const entries = unlessMissing(() => readdirSync(at(prefix), { recursive: true, withFileTypes: true }));
      return (entries ?? []).filter((entry) => !entry.isDirectory())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1).replaceAll("\\", "/"))
        .sort();
    }),
    readText: soon((path: string) => textOf(at(path))),
    replaceText: (path, change) => texts.make(path, change),
    sizeOf: soon((path: string) => unlessMissing(() => statSync(at(path)))?.size ?? null),
    async open(path) {
      const handle = await open(at(path), "r").catch((cause: unknown) => {
        if (isMissing(cause)) return null;
        throw new Error(messageOf(cause), { cause });
      });
      return handle === null ? null : await fileOf(handle, at(path));
    },
  };
}

/** A promise of what is done at once. */
function soon<A extends readonly unknown[], T>(work: (...args: A) => T): (...args: A) => Promise<T> {
  return (...args) => new Promise((resolve) => resolve(work(...args)));
}

/** Renames. @returns false where a rename cannot go: to another file system */
function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (cause) {
    if (codeOf(cause) === "EXDEV") return false;
    throw cause;
  }
}

/** Moves to another file system, where a rename cannot go: as a copy under a hidden name, which becomes the final one. */
async function moveByCopy(from: string, to: string): Promise<void> {
  const beside = join(dirname(to), `.${basename(to)}.partial`);
  try {
    await copyFile(from, beside);
    const copy = await open(beside, "r+");
    await copy.sync().finally(() => copy.close());
    await rename(beside, to);
    await rm(from, { force: true });
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => undefined);
    throw cause;
  }
}

/** Does `work` while no other process replaces the file. */
async function locked(path: string, work: () => Promise<void>): Promise<void> {
  const lock = await waitForLock(join(dirname(path), `.${basename(path)}.lock`), STALE_LOCK_MS)
    .catch((cause: unknown) => {
      throw cannotWrite(path, cause);
    });
  try {
    await work();
  } finally {
    await lock.release();
  }
}

const contentOf = (path: string) => unlessMissing(() => readFileSync(path, "utf8"));

const removeFile = (path: string) => void unlessMissing(() => unlinkSync(path));

/** A text; null where there is none. @throws {SyntaxError} when it is too large */
function textOf(path: string): string | null {
  const size = unlessMissing(() => statSync(path).size);
  if (size !== null && size > LARGEST_TEXT) {
    throw new SyntaxError(`${path}: found ${size} bytes, required at most ${LARGEST_TEXT}`);
  }
  return contentOf(path);
}

async function fileOf(handle: FileHandle, path: string): Promise<LakeFile> {
  const { size } = await handle.stat();
  const slice = async (start: number, end: number) => {
    const bytes = new Uint8Array(end - start);
    if (await readFully(handle, bytes, start) === bytes.length) return bytes;
    throw new Error(`${path}: it has lost its end while it was read`);
  };
  return {
    bytes: size,
    slice,
    async *pieces() {
      for (let start = 0; start < size; start += PIECE) {
        yield await slice(start, Math.min(size, start + PIECE));
      }
    },
    close: () => handle.close(),
  };
}

/** null where there is no such file or folder. */
function unlessMissing<T>(work: () => T): T | null {
  try {
    return work();
  } catch (cause) {
    if (isMissing(cause)) return null;
    throw new Error(messageOf(cause), { cause });
  }
}

function isMissing(cause: unknown): boolean {
  return codeOf(cause) === "ENOENT" || codeOf(cause) === "ENOTDIR";
}
