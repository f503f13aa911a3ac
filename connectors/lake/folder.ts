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
  writeFile,
} from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { kill, pid } from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { codeOf, messageOf } from "../../src/model/errors.ts";
import { cannotWrite } from "../sinks/new-file.ts";
import { writeWhole } from "../whole-files.ts";
import { type LakeFile, type LakePlace, LARGEST_TEXT, PIECE } from "./place.ts";
import { TextChanges } from "./text-changes.ts";

/** A lock is held for as long as a small file takes to be replaced; an older one is left over from a machine that died. */
const STALE_LOCK_MS = 30_000;

/** A lake in a folder, which is made when it is missing. */
export function folderLake(folder: string): LakePlace {
  const root = resolve(folder);
  const at = (path: string) => join(root, path);
  const texts = new TextChanges((path, change) =>
    locked(at(path), async () => await writeWhole([at(path), change(await textOf(at(path)))]))
  );
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
          await copyBeside(from, at(path));
        });
      } catch (cause) {
        throw cannotWrite(at(path), cause);
      }
    },
    remove: (path) => rm(at(path), { force: true }),
    async list(prefix) {
      const entries = await unlessMissing(readdir(at(prefix), { recursive: true, withFileTypes: true })) ??
        [];
      return entries.filter((entry) => !entry.isDirectory())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1).replaceAll("\\", "/"))
        .sort();
    },
    readText: (path) => textOf(at(path)),
    replaceText: (path, change) => texts.make(path, change),
    sizeOf: async (path) => (await unlessMissing(stat(at(path))))?.size ?? null,
    async open(path) {
      const handle = await unlessMissing(open(at(path), "r"));
      return handle === null ? null : await fileOf(handle, at(path));
    },
  };
}

/** Copies to another file system, where a rename cannot go: under a hidden name, which becomes the final one. */
async function copyBeside(from: string, to: string): Promise<void> {
  const beside = join(dirname(to), `.${to.slice(dirname(to).length + 1)}.partial`);
  try {
    await copyFile(from, beside);
    const copy = await open(beside, "r+");
    await copy.sync().finally(() => copy.close());
    await rename(beside, to);
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => undefined);
    throw cause;
  }
}

/** Does `work` while no other process replaces the file. */
async function locked(path: string, work: () => Promise<void>): Promise<void> {
  const lock = `${dirname(path)}/.${path.slice(dirname(path).length + 1)}.lock`;
  for (;;) {
    try {
      await writeFile(lock, `${pid} ${hostname()}`, { flag: "wx" });
      break;
    } catch (cause) {
      if (codeOf(cause) !== "EEXIST") throw cannotWrite(path, cause);
      if (await isStale(lock)) await rm(lock, { force: true });
      else await delay(5 + 20 * Math.random());
    }
  }
  try {
    await work();
  } finally {
    await rm(lock, { force: true });
  }
}

async function isStale(lock: string): Promise<boolean> {
  const held = await unlessMissing(stat(lock));
  const [holder, host] = (await unlessMissing(readFile(lock, "utf8")) ?? "").split(" ");
  if (held === null) return false;
  if (host === hostname()) {
    try {
      kill(Number(holder), 0);
    } catch (cause) {
      return codeOf(cause) === "ESRCH";
    }
  }
  return Date.now() - held.mtimeMs > STALE_LOCK_MS;
}

async function textOf(path: string): Promise<string | null> {
  const found = await unlessMissing(stat(path));
  if (found !== null && found.size > LARGEST_TEXT) {
    throw new SyntaxError(`${path}: found ${found.size} bytes, required at most ${LARGEST_TEXT}`);
  }
  return await unlessMissing(readFile(path, "utf8"));
}

async function fileOf(handle: FileHandle, path: string): Promise<LakeFile> {
  const { size } = await handle.stat();
  const slice = async (start: number, end: number) => {
    const bytes = new Uint8Array(end - start);
    for (let done = 0; done < bytes.length;) {
      const { bytesRead } = await handle.read(bytes, done, bytes.length - done, start + done);
      if (bytesRead === 0) throw new Error(`${path}: it has lost its end while it was read`);
      done += bytesRead;
    }
    return bytes;
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
  try {
    return await found;
  } catch (cause) {
    if (codeOf(cause) === "ENOENT" || codeOf(cause) === "ENOTDIR") return null;
    throw new Error(messageOf(cause), { cause });
  }
}
