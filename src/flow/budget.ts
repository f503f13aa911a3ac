/** The byte budget that admits jobs: nothing large is read or computed before its bytes are granted. */

/** Bytes that were granted. */
export interface Grant {
  /** Gives back all but `bytes`, once the larger need is over. */
  shrink(bytes: number): void;
  /** Gives everything back. Only the first call counts. */
  release(): void;
}

interface Waiter {
  readonly bytes: number;
  readonly urgent: boolean;
  readonly grant: (grant: Grant) => void;
  readonly refuse: (reason: unknown) => void;
}

/** A budget of bytes shared by the jobs of a run. */
export class ByteBudget {
  readonly total: number;
  #used = 0;
  #waiting: Waiter[] = [];
  #reclaim: ((bytes: number) => Promise<number>) | null = null;
  #reclaiming = false;
  /** Whether something became reclaimable while others were being reclaimed. */
  #missed = false;

  /** @param total bytes, above 0 */
  constructor(total: number) {
    if (!(total > 0)) throw new RangeError(`memory: found ${total} bytes, required more than 0`);
    this.total = total;
  }

  /** Bytes granted and not given back. */
  get used(): number {
    return this.#used;
  }

  /** Names who can free bytes that nobody is working with (by spilling them to disk); it resolves to the bytes freed. */
  reclaimWith(reclaim: (bytes: number) => Promise<number>): void {
    this.#reclaim = reclaim;
  }

  /**
   * Waits until `bytes` are free and takes them.
   *
   * Whoever fits goes first, urgent ones before others: a job that finishes work (a connection) must never wait behind one
   * that starts new work and is itself waiting for the first to give its bytes back. While an urgent one waits no other is
   * admitted: those of several models would take the bytes that it waits for again and again.
   *
   * @param what named in the message when it can never fit
   * @throws {RangeError} when `bytes` is more than the whole budget; says which budget would do
   * @throws the signal's reason when it is aborted while waiting
   */
  async acquire(
    bytes: number,
    what: string,
    { urgent = false, signal }: { urgent?: boolean; signal?: AbortSignal } = {},
  ): Promise<Grant> {
    if (bytes > this.total) {
      throw new RangeError(
        `memory: found a budget of ${this.total} bytes, required at least ${bytes} bytes for ${what}`,
      );
    }
    signal?.throwIfAborted();
    let stop = () => {};
    try {
      return await new Promise<Grant>((resolve, reject) => {
        const waiter: Waiter = { bytes, urgent, grant: resolve, refuse: reject };
        this.#waiting.push(waiter);
        stop = () => {
          this.#waiting = this.#waiting.filter((each) => each !== waiter);
          reject(signal?.reason as Error);
        };
        signal?.addEventListener("abort", stop, { once: true });
        this.review();
      });
    } finally {
      // A run has one signal and thousands of grants.
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Admits whoever fits; to be called when something became reclaimable. */
  review(): void {
    const ordered = [...this.#waiting].sort((a, b) => Number(b.urgent) - Number(a.urgent));
    let next: Waiter | undefined;
    for (const waiter of ordered) {
      if (this.#used + waiter.bytes > this.total) {
        next ??= waiter;
        if (waiter.urgent) break;
        continue;
      }
      this.#waiting = this.#waiting.filter((each) => each !== waiter);
      waiter.grant(this.#grant(waiter.bytes));
    }
    if (next === undefined || this.#reclaim === null) return;
    if (this.#reclaiming) {
      this.#missed = true;
      return;
    }
    this.#reclaiming = true;
    this.#missed = false;
    void this.#reclaim(this.#used + next.bytes - this.total).then((freed) => {
      this.#reclaiming = false;
      if (freed > 0 || this.#missed) this.review();
    }, (reason: unknown) => {
      // Whoever waits learns why no more bytes can be had (a full disk).
      this.#reclaiming = false;
      for (const waiter of this.#waiting.splice(0)) waiter.refuse(reason);
    });
  }

  #grant(bytes: number): Grant {
    this.#used += bytes;
    let held = bytes;
    const shrink = (to: number) => {
      if (to >= held) return;
      this.#used -= held - to;
      held = to;
      this.review();
    };
    return { shrink, release: () => shrink(0) };
  }
}
