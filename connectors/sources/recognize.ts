/** What a file is by its content, for extensions that several formats share. */

import type { ByteSource } from "../bytes.ts";
import { openPlace } from "../places/open.ts";
import { isNpy } from "./numpy/npy-header.ts";
import { isLegacyTorch, pickleEntry } from "./pytorch/containers.ts";
import { isZip, openZip } from "./zip/zip.ts";

/** Enough for every magic number here, and the beginning of a JSON header. */
const HEAD = 512;

/** What was found at a file's beginning. */
export interface Recognized {
  /** A key of the registry's extensions, such as `.pt`; null where nothing was recognized. */
  readonly extension: string | null;
  readonly head: Uint8Array;
}

/**
 * Looks into a file: at its first bytes, and a zip archive's directory.
 *
 * @throws {RangeError} when there is no such file
 */
export async function recognize(path: string, signal?: AbortSignal): Promise<Recognized> {
  const source = await openPlace(path, signal);
  try {
    const head = await source.slice(0, Math.min(HEAD, source.size), signal);
    return { extension: await extensionFor(path, source, head, signal), head };
  } finally {
    await source.close();
  }
}

async function extensionFor(
  path: string,
  source: ByteSource,
  head: Uint8Array,
  signal?: AbortSignal,
): Promise<string | null> {
  if (isLegacyTorch(head)) return ".pt";
  if (isNpy(head)) return ".npy";
  if (head[0] === 0x47 && head[1] === 0x47 && head[2] === 0x55 && head[3] === 0x46) return ".gguf";
  // The length of a JSON header below 2^32, and the header's brace.
  if (head[4] === 0 && head[5] === 0 && head[6] === 0 && head[7] === 0 && head[8] === 0x7b) {
    return ".safetensors";
  }
  if (!isZip(head)) return null;
  const archive = await openZip(path, source, signal);
  if (pickleEntry(archive) !== undefined) return ".pt";
  const names = [...archive.entries.keys()];
  if (names.some((name) => /\.(pt|pth|th|ckpt)$/i.test(name))) return ".zip";
  return names.some((name) => name.endsWith(".npy")) ? ".npz" : null;
}
