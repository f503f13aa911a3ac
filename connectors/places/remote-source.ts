/** A file that is fetched in ranges, as bytes by position. */

import type { ByteRange, ByteSource } from "../bytes.ts";
import { lastPin, type OpenStore, openStore } from "./disk-cache.ts";
import { RangeSet } from "./range-set.ts";
import { beginning, fetchRange, FIRST_BYTES, type Pin, type RemoteObject } from "./ranges.ts";
import { RemoteError } from "./remote-error.ts";
import { waitForAll } from "../../src/base/wait-for-all.ts";

/** Fetched in one request, and kept as one block. */
const BLOCK = 4 * 2 ** 20;

/** Blocks that are fetched side by side. */
const LANES = 3;

/** What is asked for in pieces below this is read ahead of. */
const SMALL = 2 ** 20;

/** Bytes that may have been fetched without need: so many, and so much of what was needed. */
const SPARE = FIRST_BYTES, SPARE_SHARE = 0.02;

/** How a file is to be opened. */
export interface Opening {
  /** What names it in the cache, its server included; may be secret. */
  readonly address: string;
  readonly missing: "is an error" | "is null";
  readonly revision?: string;
}

/**
 * Opens a file by its first bytes, and pins it to what it is.
 *
 * @returns null when there is none, where `missing` is null
 * @throws {RemoteError} when it cannot be had
 */
export async function openRemote(
  object: RemoteObject,
  { address, missing, revision }: Opening,
  signal?: AbortSignal,
): Promise<ByteSource | null> {
  const known = await lastPin(address);
  const found = await beginning(object, known, missing === "is null", signal);
  if (found.kind === "missing") {
    if (missing === "is null") return null;
    throw new RemoteError(`${object.place}: found ${found.why}, required a file that can be read`);
  }
  const pin = found.kind === "opened" ? found.pin : known!;
  const open = await openStore(address, pin);
  const fetched = found.kind === "opened" ? found.bytes : new Uint8Array(0);
  for (let at = 0; at < fetched.length; at += BLOCK) {
    if (open.store.at(at) === undefined) await open.store.write(at, fetched.subarray(at, at + BLOCK));
  }
  const reader = new Reader(object, pin, open, fetched.length);
  return {
    size: pin.size,
    remote: {
      ...pin.etag === undefined ? {} : { etag: pin.etag },
      ...revision === undefined ? {} : { revision },
      touched: () => reader.touched.ranges,
    },
    slice: (start, end, each) => reader.slice(start, end, each),
    close: () => open.close(),
  };
}

interface Pending extends ByteRange {
  readonly done: Promise<unknown>;
}

/** Reads from the store, and fetches what it lacks. */
class Reader {
  readonly touched = new RangeSet();
  readonly #object: RemoteObject;
  readonly #pin: Pin;
  readonly #open: OpenStore;
  readonly #pending = new Set<Pending>();
  #fetched: number;

  constructor(object: RemoteObject, pin: Pin, open: OpenStore, fetched: number) {
    this.#object = object;
    this.#pin = pin;
    this.#open = open;
    this.#fetched = fetched;
  }

  async slice(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    const { size } = this.#pin;
    if (!(start >= 0 && start <= end && end <= size)) {
      throw new RangeError(
        `${this.#object.place}: bytes ${start} to ${end}: required within its ${size} bytes`,
      );
    }
    this.touched.add(start, end);
    const out = new Uint8Array(end - start);
    const filled = new RangeSet();
    const put = (at: number, bytes: Uint8Array) => {
      const from = Math.max(at, start);
      const to = Math.min(at + bytes.length, end);
      if (from >= to) return;
      out.set(bytes.subarray(from - at, to - at), from - start);
      filled.add(from, to);
    };
    while (filled.total < out.length) {
      signal?.throwIfAborted();
      await waitForAll(this.#jobs(start, end, filled, put, signal));
    }
    return out;
  }

  /** The next few things to do for what is not filled yet, in order. */
  #jobs(
    start: number,
    end: number,
    filled: RangeSet,
    put: (at: number, bytes: Uint8Array) => void,
    signal?: AbortSignal,
  ): Promise<unknown>[] {
    const jobs: Promise<unknown>[] = [];
    const { store } = this.#open;
    for (let at = start; at < end && jobs.length < LANES;) {
      const done = filled.ranges.find((range) => range.start <= at && at < range.end);
      const block = done ?? store.at(at);
      const pending = block === undefined ? this.#pendingAt(at) : undefined;
      if (done !== undefined) at = done.end;
      else if (block !== undefined) {
        jobs.push(store.read(block).then((bytes) => bytes === null ? undefined : put(block.start, bytes)));
        at = block.end;
      } else if (pending !== undefined) {
        // Whoever fetches it may give up; then it is fetched here.
        jobs.push(pending.done.catch(() => {}));
        at = pending.end;
      } else {
        const from = at;
        const to = this.#endOfFetch(from, end);
        jobs.push(this.#fetch(from, to, signal).then((bytes) => put(from, bytes)));
        at = to;
      }
    }
    return jobs;
  }

  #pendingAt(position: number): Pending | undefined {
    for (const each of this.#pending) if (each.start <= position && position < each.end) return each;
    return undefined;
  }

  /** Up to where to fetch: a block at most, no byte twice, and ahead of small pieces as far as waste is bounded. */
  #endOfFetch(at: number, end: number): number {
    const spare = SPARE + SPARE_SHARE * this.touched.total - (this.#fetched - this.touched.total);
    const ahead = end - at < SMALL ? Math.max(0, Math.min(SPARE, Math.floor(spare) - (end - at))) : 0;
    let to = Math.min(end + ahead, at + BLOCK, this.#pin.size, this.#open.store.nextStart(at));
    for (const { start } of this.#pending) if (start > at) to = Math.min(to, start);
    return to;
  }

  async #fetch(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    this.#fetched += end - start;
    const fetching = async () => {
      const bytes = await fetchRange(this.#object, this.#pin, start, end, signal);
      await this.#open.store.write(start, bytes);
      return bytes;
    };
    const done = fetching();
    const pending = { start, end, done };
    this.#pending.add(pending);
    try {
      return await done;
    } finally {
      this.#pending.delete(pending);
    }
  }
}
