/** A semaphore: so many go at a time, the others wait. */

/**
 * Lets so many go at a time; of those that wait, the lowest rank first, and of one rank who came first.
 *
 * @example
 * const release = await semaphore.acquire();
 * try { await work(); } finally { release(); }
 */
export class Semaphore {
  #free: number;
  readonly #waiting: { readonly rank: number; readonly go: () => void }[] = [];

  /** @param count at least 1 */
  constructor(count: number) {
    this.#free = count;
  }

  /** @returns to be called when the work is over; only the first call counts */
  async acquire(rank = 0): Promise<() => void> {
    await new Promise<void>((go) => {
      const after = this.#waiting.findIndex((each) => each.rank > rank);
      this.#waiting.splice(after === -1 ? this.#waiting.length : after, 0, { rank, go });
      this.#review();
    });
    let over = false;
    return () => {
      if (over) return;
      over = true;
      this.#free++;
      this.#review();
    };
  }

  /** Does work when its turn has come. */
  async run<T>(work: () => Promise<T>, rank = 0): Promise<T> {
    const release = await this.acquire(rank);
    try {
      return await work();
    } finally {
      release();
    }
  }

  #review(): void {
    for (; this.#free > 0 && this.#waiting.length > 0; this.#free--) this.#waiting.shift()!.go();
  }
}
