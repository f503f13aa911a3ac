/** Threads must not be ended while they load a library: counted by all threads of a pool in memory that they share. */

import { setTimeout } from "node:timers/promises";

/** How many threads are opening their kernel; and whether none may begin to any more. */
export type Opening = Int32Array<SharedArrayBuffer>;

const COUNT = 0, CLOSED = 1;

/** Milliseconds between two looks, and of all of them. */
const AGAIN = 2, LONGEST = 5000;

/** For a new pool. */
export function newOpening(): Opening {
  return new Int32Array(new SharedArrayBuffer(8));
}

/** Opens what loads a library, in a thread. @throws {Error} where the pool is being ended; what `open` throws */
export async function opens<T>(opening: Opening, open: () => Promise<T>): Promise<T> {
  // Counted first and looked at second, so that either this thread sees the end, or the end sees this thread.
  Atomics.add(opening, COUNT, 1);
  try {
    if (Atomics.load(opening, CLOSED) !== 0) throw new Error("the kernel's threads are being ended");
    return await open();
  } finally {
    Atomics.sub(opening, COUNT, 1);
  }
}

/**
 * Returns when no thread is opening its kernel any more, and none will.
 *
 * @param longest milliseconds: a library is there in a tenth of a second, a thread that died meanwhile is counted for ever
 */
export async function noneOpens(opening: Opening, longest = LONGEST): Promise<void> {
  Atomics.store(opening, CLOSED, 1);
  await noneIsOpening(opening, longest);
}

/** Returns when no thread is opening its kernel. @param longest as for `noneOpens` */
export async function noneIsOpening(opening: Opening, longest = LONGEST): Promise<void> {
  const last = performance.now() + longest;
  while (Atomics.load(opening, COUNT) > 0 && performance.now() < last) await setTimeout(AGAIN);
}
