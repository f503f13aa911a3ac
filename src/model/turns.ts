/** Turns: so many go at a time, the others wait. */

/** Lets so many go at a time; of those that wait, the lowest rank first, and of one rank who came first. */
export class Turns {
  /** Below 0 where more go than may. */
  #free: number;
  readonly #waiting: { readonly rank: number; readonly go: () => void }[] = [];

  /** @param count at least 1 */
  constructor(count: number) {
    this.#free = count;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** @returns to be called when the turn is over; only the first call counts */
  async take(rank: number): Promise<() => void> {
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

  /** Lets the first that waits go although there is no turn for it; one that ends later is not followed by another then. */
  admit(): void {
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#free--;
    next.go();
  }

  #review(): void {
    while (this.#free > 0 && this.#waiting.length > 0) this.admit();
  }
}
