/** Turns: so many go at a time, the others wait. */

/** Lets so many go at a time; of those that wait, the lowest rank first, and of one rank who came first. */
export class Turns {
  #free: number;
  #waiting: { readonly rank: number; readonly go: () => void }[] = [];

  /** @param count at least 1 */
  constructor(count: number) {
    this.#free = count;
  }

  /** @returns to be called when the turn is over; only the first call counts */
  async take(rank: number): Promise<() => void> {
    if (this.#free > 0) this.#free--;
    else {
      await new Promise<void>((go) => {
        const after = this.#waiting.findIndex((each) => each.rank > rank);
        this.#waiting.splice(after === -1 ? this.#waiting.length : after, 0, { rank, go });
      });
    }
    let over = false;
    return () => {
      if (over) return;
      over = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next.go();
    };
  }
}
