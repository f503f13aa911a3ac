/** The disk cache of all that was fetched: what is used least goes when it is full. */

import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlockStore, UNFINISHED } from "./block-store.ts";
import type { Pin } from "./ranges.ts";
import { remoteSettings } from "./remote-settings.ts";

/** How full the cache is left when it was too full. */
const AFTERWARDS = 0.9;

/** Milliseconds after which a file that is being written belongs to a process that died. */
const ABANDONED = 3_600_000;

/** The file that says what the address named last. */
const PIN_FILE = "pin.json";

/** A place for the blocks of one version of one file. */
export interface OpenStore {
  readonly store: BlockStore;
  /** Forgets what is not to outlive the run. */
  close(): Promise<void>;
}

/** What an address named the last time; null where that is not known. */
export async function lastPin(address: string): Promise<Pin | null> {
  const { cache } = remoteSettings();
  if (cache === null) return null;
  const text = await readFile(join(folderOf(cache, address), PIN_FILE), "utf8").catch(() => null);
  try {
    const value: unknown = text === null ? null : JSON.parse(text);
    if (typeof value !== "object" || value === null || !("size" in value && "etag" in value)) return null;
    const { size, etag } = value;
    if (typeof size !== "number" || typeof etag !== "string" || !Number.isSafeInteger(size)) return null;
    // Goes into a header as it is.
    return size >= 0 && /^(W\/)?"[\x21\x23-\x7e]{0,512}"$/.test(etag) ? { size, etag } : null;
  } catch {
    return null;
  }
}

/**
 * Opens the store for a file's blocks. Where the cache is off, or the server has no name for the content, it is a folder that goes
 * when the file is closed, so that nothing is fetched twice within a run.
 *
 * @param address says what the file is, and may be secret: only its digest is written down
 */
export async function openStore(address: string, pin: Pin): Promise<OpenStore> {
  const { cache } = remoteSettings();
  if (cache === null || pin.etag === undefined) return await passing(pin);
  const folder = folderOf(cache, address);
  const store = new BlockStore(join(folder, digest(`${pin.etag} ${pin.size}`)), grown);
  await store.load();
  await rememberPin(folder, pin);
  return { store, close: () => Promise.resolve() };
}

/** As much as stores keep in memory. */
const IN_MEMORY = 256 * 1024;

async function passing({ size }: Pin): Promise<OpenStore> {
  if (size <= IN_MEMORY) {
    return { store: new BlockStore(null, () => Promise.resolve()), close: () => Promise.resolve() };
  }
  const folder = await mkdtemp(join(tmpdir(), "svrflow-fetched-"));
  const close = () => rm(folder, { recursive: true, force: true });
  return { store: new BlockStore(folder, () => Promise.resolve()), close };
}

async function rememberPin(folder: string, { size, etag }: Pin): Promise<void> {
  const unfinished = join(folder, `${UNFINISHED}${randomBytes(8).toString("hex")}`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(unfinished, JSON.stringify({ size, etag }), { mode: 0o600, flag: "wx" });
    await rename(unfinished, join(folder, PIN_FILE));
  } catch {
    // A cache that cannot be written to is a slow one, no error.
    await rm(unfinished, { force: true }).catch(() => {});
  }
}

function folderOf(cache: string, address: string): string {
  return join(cache, "objects", digest(address));
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 40);
}

/** What the cache held when it was last looked through by this process, and what came since. */
let known: { readonly folder: string; bytes: number } | null = null;
let sweeping: Promise<void> | null = null;
/** Bytes that came since the last look through it began: it may have seen them, or not. */
let arrived = 0;

async function grown(bytes: number): Promise<void> {
  const { cache, cacheBytes } = remoteSettings();
  if (cache === null) return;
  arrived += bytes;
  if (known?.folder === cache) known.bytes += bytes;
  // Again where so much came meanwhile that it is too large as soon as it has been made small.
  while (known?.folder !== cache || known.bytes > cacheBytes) {
    sweeping ??= sweep(cache, cacheBytes).finally(() => sweeping = null);
    await sweeping;
  }
}

/** Counts the cache, and removes what was used least where it is too large. */
async function sweep(folder: string, most: number): Promise<void> {
  const files: { readonly path: string; readonly bytes: number; readonly used: number }[] = [];
  const root = join(folder, "objects");
  arrived = 0;
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile() || entry.name === PIN_FILE) continue;
    const path = join(entry.parentPath, entry.name);
    const found = await stat(path).catch(() => null);
    if (found === null) continue;
    if (entry.name.startsWith(UNFINISHED)) {
      if (Date.now() - found.mtimeMs > ABANDONED) await rm(path, { force: true }).catch(() => {});
      continue;
    }
    files.push({ path, bytes: found.size, used: found.mtimeMs });
  }
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes > most) {
    for (const file of files.sort((a, b) => a.used - b.used)) {
      if (bytes <= most * AFTERWARDS) break;
      await rm(file.path, { force: true }).catch(() => {});
      // Goes where it is empty.
      await rmdir(join(file.path, "..")).catch(() => {});
      bytes -= file.bytes;
    }
  }
  known = { folder, bytes: bytes + arrived };
}
