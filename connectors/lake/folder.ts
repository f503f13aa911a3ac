/** A lake in a folder. */

import { randomBytes } from "node:crypto";
import {
  copyFile,
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
} from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { codeOf, messageOf } from "../../src/model/errors.ts";
import { waitForLock } from "../../src/base/file-lock.ts";
import { readFully } from "../../src/base/read-fully.ts";
import { Semaphore } from "../../src/base/semaphore.ts";
import { cannotWrite } from "../sinks/new-file.ts";
import { writeWhole } from "../whole-files.ts";
import { type LakeFile, type LakePlace, LARGEST_TEXT, PIECE } from "./place.ts";

/** A lock is held for as long as a small file takes to be replaced; an older one is left over from a machine that died. */
const STALE_LOCK_MS = 30_000;

/** A lake in a folder, which is made when it is missing. */
export function folderLake(folder: string): LakePlace {
  const root = resolve(folder);
  const at = (path: string) => join(root, path);
  // Within the process nobody polls for the lock.
  const turn = new Semaphore(1);
  return {
    name: folder,
    async prepare() {
      const probe = at(`.probe-${randomBytes(4).toString("hex")}`);
      try {
        await mkdir(probe, { recursive: true });
        await rmdir(probe);
      } catch (cause) {
        throw cannotWrite(root, cause);
      }
    },
    async publish(from, path) {
      try {
        await mkdir(dirname(at(path)), { recursive: true });
        await rename(from, at(path)).catch(async (cause: unknown) => {
          if (codeOf(cause) !== "EXDEV") throw cause;
          await moveByCopy(from, at(path));
        });
      } catch (cause) {
        throw cannotWrite(at(path), cause);
      }
    },
    remove: async (path) => void await unlessMissing(rm(at(path))),
    async list(prefix) {
      const entries = await unlessMissing(readdir(at(prefix), { recursive: true, withFileTypes: true }));
      return (entries ?? []).filter((entry) => !entry.isDirectory())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1).replaceAll("\\", "/"))
        .sort();
    },
    readText: (path) => textOf(at(path)),
    replaceText: (path, change) =>
      turn.run(() =>
        locked(at(path), async () => await writeWhole([at(path), change(await textOf(at(path)))]))
      ),
    sizeOf: async (path) => (await unlessMissing(stat(at(path))))?.size ?? null,
    async open(path) {
      const handle = await unlessMissing(open(at(path), "r"));
      return handle === null ? null : await fileOf(handle, at(path));
    },
  };
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
  await mkdir(dirname(path), { recursive: true }).catch((cause: unknown) => {
    throw cannotWrite(path, cause);
  });
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

/** A text; null where there is none. @throws {SyntaxError} when it is too large */
async function textOf(path: string): Promise<string | null> {
  const size = (await unlessMissing(stat(path)))?.size ?? 0;
  if (size > LARGEST_TEXT) {
    throw new SyntaxError(`${path}: found ${size} bytes, required at most ${LARGEST_TEXT}`);
  }
  return await unlessMissing(readFile(path, "utf8"));
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
async function unlessMissing<T>(found: Promise<T>): Promise<T | null> {
  return await found.catch((cause: unknown) => {
    if (["ENOENT", "ENOTDIR"].includes(codeOf(cause) ?? "")) return null;
    throw new Error(messageOf(cause), { cause });
  });
}
