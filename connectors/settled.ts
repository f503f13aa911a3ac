/** Waits for all, even when one fails: none goes on unseen. @throws what the first that failed threw */
export async function settled(work: readonly Promise<unknown>[]): Promise<void> {
  for (const each of await Promise.allSettled(work)) if (each.status === "rejected") throw each.reason;
}
