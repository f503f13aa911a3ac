/** Work that may run side by side where it touches different things, and must not where it touches the same. */

/** A piece of work, and what it touches. */
export interface Lane {
  readonly touches: readonly number[];
  /** What nobody else may touch meanwhile; holds `touches`. Where A shuns what B touches, B must shun what A touches. */
  readonly shuns: ReadonlySet<number>;
  readonly work: (worker: number) => Promise<void>;
}

/**
 * Runs every lane, at most `workers` at a time and never one beside another that touches what it shuns: what one of them locks, no other
 * waits for, so they cannot lock each other out. Lanes start in their order, as far as that allows.
 *
 * @throws what the first lane that failed threw, once those that were running have ended; no further lane is started
 */
export async function runLanes(lanes: readonly Lane[], workers: number): Promise<void> {
  const waiting = [...lanes];
  const busy = new Set<number>();
  const free = Array.from({ length: workers }, (_, worker) => worker);
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const start = (lane: Lane, worker: number) => {
    for (const each of lane.touches) busy.add(each);
    const ended: Promise<void> = lane.work(worker).catch((failure: unknown) => void failures.push(failure))
      .then(() => {
        for (const each of lane.touches) busy.delete(each);
        free.push(worker);
        running.delete(ended);
      });
    running.add(ended);
  };
  for (;;) {
    while (failures.length === 0 && free.length > 0) {
      const at = waiting.findIndex(({ shuns }) => ![...busy].some((each) => shuns.has(each)));
      const lane = at < 0 ? undefined : waiting.splice(at, 1)[0];
      const worker = lane === undefined ? undefined : free.pop();
      if (lane === undefined || worker === undefined) break;
      start(lane, worker);
    }
    if (running.size === 0) break;
    await Promise.race(running);
  }
  if (failures.length > 0) throw failures[0];
}
