/** Waiting for several pieces of work. */

/** Waits until all have ended, even when one fails. @throws what the first in order that failed threw */
export async function waitForAll(work: readonly Promise<unknown>[]): Promise<void> {
  for (const each of await Promise.allSettled(work)) if (each.status === "rejected") throw each.reason;
}
