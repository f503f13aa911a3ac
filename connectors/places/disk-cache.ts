/** The disk cache of all that was fetched: what is used least goes when it is full. */

import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LruFolder } from "../../src/base/lru-folder.ts";
import { BlockStore } from "./block-store.ts";
import type { Pin } from "./ranges.ts";
import { remoteSettings } from "./remote-settings.ts";

/** `<address>/pin.json` says what the address named last, `<address>/<version>/<start>-<end>` is a block. */
const NAMES = /^[0-9a-f]{40}\/(pin\.json|[0-9a-f]{40}\/\d+-\d+)$/;

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
  const text = await readFile(join(objectsIn(cache), pinOf(address)), "utf8").catch(() => null);
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
export async function openStore(address: string, { size, etag }: Pin): Promise<OpenStore> {
  const files = etag === undefined ? null : await openCache();
  if (files === null || etag === undefined) return await passing(size);
  const store = new BlockStore(files, `${digest(address)}/${digest(`${etag} ${size}`)}/`);
  await store.load();
  // A cache that cannot be written to is a slow one, no error.
  await files.put(pinOf(address), [Buffer.from(JSON.stringify({ size, etag }))]).catch(() => undefined);
  return { store, close: () => Promise.resolve() };
}

/** As much as stores keep in memory. */
const IN_MEMORY = 256 * 1024;

async function passing(size: number): Promise<OpenStore> {
  if (size <= IN_MEMORY) return { store: new BlockStore(null), close: () => Promise.resolve() };
  const folder = await mkdtemp(join(tmpdir(), "svrflow-fetched-"));
  const files = await LruFolder.open({ folder, limit: Infinity, alone: true }, /^\d+-\d+$/);
  return { store: new BlockStore(files), close: () => rm(folder, { recursive: true, force: true }) };
}

/** The cache of this process, as the settings were when it was opened. */
let opened: { readonly folder: string; readonly limit: number; readonly files: Promise<LruFolder> } | null =
  null;

/** The cache; null where it is off or cannot be read. */
async function openCache(): Promise<LruFolder | null> {
  const { cache, cacheBytes: limit } = remoteSettings();
  if (cache === null) return null;
  const folder = objectsIn(cache);
  if (opened?.folder !== folder || opened.limit !== limit) {
    opened = { folder, limit, files: LruFolder.open({ folder, limit, alone: false, mode: 0o700 }, NAMES) };
  }
  return await opened.files.catch(() => null);
}

const objectsIn = (cache: string): string => join(cache, "objects");
const pinOf = (address: string): string => `${digest(address)}/pin.json`;

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 40);
}
