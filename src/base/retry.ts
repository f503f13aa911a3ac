/** Work that may succeed the next time. */

import { setTimeout as sleep } from "node:timers/promises";

/**
 * Makes attempts until one succeeds.
 *
 * @param pauseAfter milliseconds before the next attempt, from a failure and the number of attempts so far; null gives up
 * @throws the failure that it gave up at, what `pauseAfter` throws, or the signal's reason
 * @example
 * await retry(() => fetch(url), (_, attempts) => attempts < 5 ? backoff(attempts, 100, 2000) : null);
 */
export async function retry<T>(
  attempt: () => Promise<T>,
  pauseAfter: (failure: unknown, attempts: number) => number | null,
  signal?: AbortSignal,
): Promise<T> {
  for (let attempts = 1;; attempts++) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (failure) {
      signal?.throwIfAborted();
      const pause = pauseAfter(failure, attempts);
      if (pause === null) throw failure;
      if (pause > 0) {
        // Interrupted, it says so in words of its own.
        await sleep(pause, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
      }
    }
  }
}

/** Milliseconds that double from one attempt to the next up to `longest`, cut by up to half at random: callers do not return together. */
export function backoff(attempts: number, first: number, longest: number): number {
  return Math.min(longest, first * 2 ** (attempts - 1)) * (0.5 + Math.random() / 2);
}
