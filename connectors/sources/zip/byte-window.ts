/** A part of a file, or bytes that are in memory, as something that is read by position. */

import type { ByteSource } from "../../bytes.ts";

/**
 * The `size` bytes of `source` from `start` on. Closing it closes nothing: it is the source's owner who does.
 *
 * @param what what to call it in a message
 * @throws {SyntaxError} when the source is not that long
 */
export function windowOf(source: ByteSource, what: string, start: number, size: number): ByteSource {
  if (!(start >= 0 && size >= 0 && start + size <= source.size)) {
    throw new SyntaxError(`${what}: found bytes ${start} to ${start + size}, required within ${source.size}`);
  }
  return {
    size,
    async slice(from, to, signal) {
      checkRange(what, from, to, size);
      return await source.slice(start + from, start + to, signal);
    },
    close: () => Promise.resolve(),
  };
}

/** Bytes that are in memory already. Every slice is a copy. */
export function bytesInMemory(bytes: Uint8Array, what: string): ByteSource {
  return {
    size: bytes.length,
    slice(from, to, signal) {
      return new Promise((resolve) => {
        signal?.throwIfAborted();
        checkRange(what, from, to, bytes.length);
        // Not `slice`, which of a Node buffer is no copy.
        resolve(new Uint8Array(bytes.subarray(from, to)));
      });
    },
    close: () => Promise.resolve(),
  };
}

function checkRange(what: string, from: number, to: number, size: number): void {
  if (!(from >= 0 && from <= to && to <= size)) {
    throw new RangeError(`${what}: found bytes ${from} to ${to}, required within its ${size}`);
  }
}
