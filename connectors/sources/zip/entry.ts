/** One entry of a zip archive: its data found, inflated within what was declared, and checked. */

import { constants, crc32, inflateRaw, inflateRawSync } from "node:zlib";
import { messageOf, show } from "../../../src/model/errors.ts";
import type { ByteSource } from "../../bytes.ts";
import { bytesInMemory, windowOf } from "./byte-window.ts";

/** A file in an archive, as the central directory declares it. */
export interface ZipEntry {
  /** As the archive spells it; untrusted. */
  readonly name: string;
  /** 0 is stored, 8 is deflate; nothing else can be read. */
  readonly method: number;
  /** Bytes, uncompressed. */
  readonly size: number;
  readonly compressedSize: number;
  readonly crc: number;
  /** Where its local header stands. */
  readonly at: number;
  /** Where the next entry, or the directory, begins: its data must end there. */
  readonly limit: number;
}

const LOCAL = 0x04034b50, LOCAL_BYTES = 30;

/** Deflate spends at most this beside incompressible data: five bytes per block of 64 KiB, and a table. */
const SPARE = 512;

/** A whole entry, uncompressed. See `ZipArchive.read`. */
export async function readEntry(
  what: string,
  source: ByteSource,
  entry: ZipEntry,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const at = await locate(what, source, entry, signal);
  const bytes = await source.slice(at, at + entry.compressedSize, signal);
  const whole = entry.method === 0 ? bytes : await inflate(what, entry, bytes);
  checkCrc(what, entry, whole);
  return whole;
}

/** The first bytes of an entry. See `ZipArchive.head`. */
export async function readHead(
  what: string,
  source: ByteSource,
  entry: ZipEntry,
  length: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const at = await locate(what, source, entry, signal);
  const wanted = Math.min(length, entry.size);
  if (entry.method === 0) return await source.slice(at, at + wanted, signal);
  const bytes = await source.slice(at, at + Math.min(entry.compressedSize, wanted + SPARE), signal);
  try {
    // What is given is bounded, so what comes out is, at 1032 to 1.
    return inflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, wanted);
  } catch (cause) {
    throw damaged(what, entry, cause);
  }
}

/** An entry by position. See `ZipArchive.source`. */
export async function sourceOf(
  what: string,
  source: ByteSource,
  entry: ZipEntry,
  signal?: AbortSignal,
): Promise<ByteSource> {
  const place = `${what}: ${show(entry.name)}`;
  if (entry.method !== 0) return bytesInMemory(await readEntry(what, source, entry, signal), place);
  const at = await locate(what, source, entry, signal);
  const inPlace = windowOf(source, place, at, entry.size);
  return {
    ...inPlace,
    async slice(start, end, signal) {
      const bytes = await inPlace.slice(start, end, signal);
      // Only the whole can be checked; whoever reads a part of a large entry shall not pay for all of it. torch writes 0 where it
      // reserves a record and fills it later.
      if (start === 0 && end === entry.size && entry.crc !== 0) checkCrc(what, entry, bytes);
      return bytes;
    },
  };
}

/** Where an entry's data begins, by its local header, which must agree with the directory. */
async function locate(
  what: string,
  source: ByteSource,
  entry: ZipEntry,
  signal?: AbortSignal,
): Promise<number> {
  const place = `${what}: zip entry ${show(entry.name)}`;
  if (entry.method !== 0 && entry.method !== 8) {
    throw new SyntaxError(
      `${place}: found compression method ${entry.method}, required 0 or 8 (zip it again by deflate)`,
    );
  }
  const header = await source.slice(entry.at, entry.at + LOCAL_BYTES, signal);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (view.getUint32(0, true) !== LOCAL || view.getUint16(8, true) !== entry.method) {
    throw new SyntaxError(
      `${place}: found no local header of its kind at byte ${entry.at}, required one as in the directory`,
    );
  }
  const at = entry.at + LOCAL_BYTES + view.getUint16(26, true) + view.getUint16(28, true);
  if (at + entry.compressedSize > entry.limit) {
    throw new SyntaxError(
      `${place}: found ${entry.compressedSize} bytes at byte ${at}, required to end before byte ${entry.limit}`,
    );
  }
  return at;
}

function inflate(what: string, entry: ZipEntry, bytes: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // One byte more than declared, so that a longer one is noticed.
    inflateRaw(bytes, { maxOutputLength: entry.size + 1 }, (cause, whole) => {
      if (cause !== null) reject(damaged(what, entry, cause));
      else if (whole.length === entry.size) resolve(whole);
      else reject(damaged(what, entry, `${whole.length} bytes`));
    });
  });
}

function damaged(what: string, entry: ZipEntry, cause: unknown): SyntaxError {
  return new SyntaxError(
    `${what}: zip entry ${show(entry.name)}: found ${
      messageOf(cause)
    }, required ${entry.size} bytes, deflated (damaged?)`,
    { cause },
  );
}

function checkCrc(what: string, entry: ZipEntry, bytes: Uint8Array): void {
  const crc = crc32(bytes);
  if (crc !== entry.crc) {
    throw new SyntaxError(
      `${what}: zip entry ${show(entry.name)}: found CRC ${crc.toString(16)}, required ${
        entry.crc.toString(16)
      } (damaged, or saved by torch with its CRC off: save it again)`,
    );
  }
}
