/**
 * The zip container, by its central directory: entries are found by position and read one at a time, stored or deflated.
 * Names are compared and shown, never used as paths.
 */

import { show } from "../../../src/model/errors.ts";
import type { ByteSource } from "../../bytes.ts";
import { readEntry, readHead, sourceOf, type ZipEntry } from "./entry.ts";

/** An archive whose directory has been read. */
export interface ZipArchive {
  /** In the order of the directory. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /**
   * A whole entry, uncompressed and checked against its CRC.
   *
   * @throws {SyntaxError} when it is damaged, or compressed by another method than deflate
   */
  read(entry: ZipEntry, signal?: AbortSignal): Promise<Uint8Array>;
  /** The first bytes of an entry, at most `length` of them, without reading the rest. No CRC is checked. */
  head(entry: ZipEntry, length: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** An entry to be read by position: in place where it is stored, in memory where it is deflated. */
  source(entry: ZipEntry, signal?: AbortSignal): Promise<ByteSource>;
}

const END = 0x06054b50, END64 = 0x06064b50, LOCATOR64 = 0x07064b50, CENTRAL = 0x02014b50;

/** Bytes of these records without their variable parts. */
const END_BYTES = 22, LOCATOR64_BYTES = 20, END64_BYTES = 56, CENTRAL_BYTES = 46, LOCAL_BYTES = 30;

/** The archive's comment, which follows the end record, has a length of 16 bits. */
const LONGEST_COMMENT = 0xffff;

/** A million tensors with names of sixty bytes. */
const LONGEST_DIRECTORY = 100_000_000;

/** Deflate's best: 258 bytes from two bits, 1032 to 1. Whoever declares more is a bomb. */
const BEST_RATIO = 1032;

/** Whether bytes begin as a zip archive does: with a local header, or with the end of an empty one. */
export function isZip(head: Uint8Array): boolean {
  return head[0] === 0x50 && head[1] === 0x4b &&
    (head[2] === 3 && head[3] === 4 || head[2] === 5 && head[3] === 6);
}

/**
 * Reads an archive's directory.
 *
 * @param what the archive in messages: its path, or path and entry
 * @throws {SyntaxError} when the directory is damaged, names an entry twice, or its entries overlap, are encrypted or
 * declare more than deflate can hold
 */
export async function openZip(what: string, source: ByteSource, signal?: AbortSignal): Promise<ZipArchive> {
  const { at, size, count } = await findDirectory(what, source, signal);
  const bytes = await source.slice(at, at + size, signal);
  const declared = parseDirectory(what, bytes, count, at);
  const entries = withLimits(what, declared, at);
  return {
    entries,
    read: (entry, signal) => readEntry(what, source, entry, signal),
    head: (entry, length, signal) => readHead(what, source, entry, length, signal),
    source: (entry, signal) => sourceOf(what, source, entry, signal),
  };
}

interface Directory {
  readonly at: number;
  readonly size: number;
  readonly count: number;
}

async function findDirectory(what: string, source: ByteSource, signal?: AbortSignal): Promise<Directory> {
  const length = Math.min(source.size, END_BYTES + LONGEST_COMMENT);
  const start = source.size - length;
  const tail = viewOf(await source.slice(start, source.size, signal));
  let end = length - END_BYTES;
  // The last record whose comment reaches to the end of the file: a comment may hold the signature too.
  while (
    end >= 0 &&
    !(tail.getUint32(end, true) === END && end + END_BYTES + tail.getUint16(end + 20, true) === length)
  ) end--;
  if (end < 0) {
    throw new SyntaxError(
      `${what}: found no end of a zip archive in its last ${length} bytes, required one (cut short?)`,
    );
  }
  const disks = tail.getUint16(end + 4, true) + tail.getUint16(end + 6, true);
  if (disks !== 0 && disks !== 2 * 0xffff) {
    throw new SyntaxError(`${what}: found a zip archive in several parts, required one file`);
  }
  const small = {
    count: tail.getUint16(end + 10, true),
    size: tail.getUint32(end + 12, true),
    at: tail.getUint32(end + 16, true),
  };
  const large = small.count === 0xffff || small.size === 0xffffffff || small.at === 0xffffffff;
  const found = large ? await directory64(what, source, start + end, signal) ?? small : small;
  const room = Math.min(LONGEST_DIRECTORY, start + end - found.at);
  if (found.size > room || found.count * CENTRAL_BYTES > found.size) {
    throw new SyntaxError(
      `${what}: zip directory: found ${found.count} entries in ${found.size} bytes at byte ${found.at}, required at most ${
        Math.max(room, 0)
      } bytes there, of at least ${CENTRAL_BYTES} each`,
    );
  }
  return found;
}

async function directory64(
  what: string,
  source: ByteSource,
  end: number,
  signal?: AbortSignal,
): Promise<Directory | null> {
  if (end < LOCATOR64_BYTES) return null;
  const locator = viewOf(await source.slice(end - LOCATOR64_BYTES, end, signal));
  if (locator.getUint32(0, true) !== LOCATOR64) return null;
  const at = safe(what, "zip64 end", locator.getBigUint64(8, true), end - LOCATOR64_BYTES - END64_BYTES);
  const record = viewOf(await source.slice(at, at + END64_BYTES, signal));
  if (record.getUint32(0, true) !== END64) {
    throw new SyntaxError(`${what}: found no zip64 end record at byte ${at}, required one`);
  }
  return {
    count: safe(what, "zip64 entries", record.getBigUint64(32, true), source.size),
    size: safe(what, "zip64 directory size", record.getBigUint64(40, true), source.size),
    at: safe(what, "zip64 directory", record.getBigUint64(48, true), source.size),
  };
}

type Declared = Omit<ZipEntry, "limit">;

function parseDirectory(what: string, bytes: Uint8Array, count: number, end: number): Declared[] {
  const view = viewOf(bytes);
  const entries: Declared[] = [];
  for (let at = 0; entries.length < count;) {
    const place = `${what}: zip directory entry ${entries.length + 1}`;
    if (at + CENTRAL_BYTES > bytes.length || view.getUint32(at, true) !== CENTRAL) {
      throw new SyntaxError(`${place}: found no header at its byte ${at}, required one`);
    }
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) =>
      view.getUint16(at + offset, true)
    ) as [number, number, number];
    const next = at + CENTRAL_BYTES + nameLength + extraLength + commentLength;
    if (next > bytes.length) {
      throw new SyntaxError(`${place}: found its end at byte ${next}, required within ${bytes.length}`);
    }
    const nameAt = at + CENTRAL_BYTES, extraAt = nameAt + nameLength;
    const extra = viewOf(bytes.subarray(extraAt, extraAt + extraLength));
    const [size, compressedSize, offset] = sizes(place, view, at, extra);
    const entry = {
      name: decodeName(bytes.subarray(nameAt, extraAt)),
      method: view.getUint16(at + 10, true),
      size,
      compressedSize,
      crc: view.getUint32(at + 16, true),
      at: offset,
    };
    checkEntry(what, entry, view.getUint16(at + 8, true), end);
    entries.push(entry);
    at = next;
  }
  return entries;
}

/** Size, compressed size and offset: of 32 bits, or of 64 in the extra field where those are all ones. */
function sizes(place: string, view: DataView, at: number, extra: DataView): [number, number, number] {
  const small = [24, 20, 42].map((offset) => view.getUint32(at + offset, true));
  if (!small.includes(0xffffffff)) return small as [number, number, number];
  for (let field = 0; field + 4 <= extra.byteLength;) {
    const length = extra.getUint16(field + 2, true);
    if (extra.getUint16(field, true) === 1 && field + 4 + length <= extra.byteLength) {
      let next = field + 4;
      return small.map((value, index) => {
        if (value !== 0xffffffff) return value;
        if (next + 8 > field + 4 + length) {
          throw new SyntaxError(`${place}: found a zip64 field of ${length} bytes, required more`);
        }
        next += 8;
        return safe(
          place,
          ["size", "compressed size", "offset"][index]!,
          extra.getBigUint64(next - 8, true),
          Infinity,
        );
      }) as [number, number, number];
    }
    field += 4 + length;
  }
  return small as [number, number, number];
}

function checkEntry(what: string, entry: Declared, flags: number, end: number): void {
  const place = `${what}: zip entry ${show(entry.name)}`;
  // Bits 0, 6 and 13: encrypted, strongly encrypted, encrypted directory.
  if ((flags & 0x2041) !== 0) {
    throw new SyntaxError(`${place}: found it encrypted, required plain (unzip it with its password first)`);
  }
  if (entry.at + LOCAL_BYTES + entry.compressedSize > end) {
    throw new SyntaxError(
      `${place}: found ${entry.compressedSize} bytes at byte ${entry.at}, required to end before byte ${end}`,
    );
  }
  if (entry.method === 0 && entry.size !== entry.compressedSize) {
    throw new SyntaxError(
      `${place}: found ${entry.size} bytes stored in ${entry.compressedSize}, required as many`,
    );
  }
  if (entry.method === 8 && entry.size > entry.compressedSize * BEST_RATIO) {
    throw new SyntaxError(
      `${place}: found ${entry.size} bytes deflated to ${entry.compressedSize}, required at most ${BEST_RATIO} to 1`,
    );
  }
}

function withLimits(what: string, declared: readonly Declared[], end: number): Map<string, ZipEntry> {
  const order = [...declared].sort((a, b) => a.at - b.at);
  const limits = new Map<Declared, number>();
  order.forEach((entry, index) => {
    const limit = order[index + 1]?.at ?? end;
    if (entry.at + LOCAL_BYTES + entry.compressedSize > limit) {
      throw new SyntaxError(
        `${what}: zip entry ${show(entry.name)}: found an overlap with ${
          show(order[index + 1]?.name)
        }, required apart`,
      );
    }
    limits.set(entry, limit);
  });
  const entries = new Map<string, ZipEntry>();
  for (const entry of declared) {
    if (entries.has(entry.name)) {
      throw new SyntaxError(`${what}: zip entry ${show(entry.name)}: found twice, required once`);
    }
    entries.set(entry.name, { ...entry, limit: limits.get(entry) ?? end });
  }
  return entries;
}

/** UTF-8, as every writer of models has it; else bytes as they are, so that no two names become one. */
function decodeName(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
}

function safe(place: string, name: string, value: bigint, most: number): number {
  if (value > BigInt(Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, most)))) {
    throw new SyntaxError(`${place}: ${name}: found ${value}, required at most ${most}`);
  }
  return Number(value);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
