/** A text that is made in pieces, the first of them while something else is waited for. */

import { setTimeout as pause } from "node:timers/promises";

/** Milliseconds between two pieces. */
const PAUSE = 2;

/** Pieces, in their order. To be gone through once. */
export class EarlyText implements AsyncIterable<string> {
  readonly #pieces: AsyncIterator<string>;
  readonly #early: string[] = [];
  readonly #making: Promise<void>;
  #stopped = false;

  /**
   * @param pieces are begun to be made at once
   * @param most characters after which none is made before it is asked for
   */
  constructor(pieces: AsyncIterator<string>, most: number) {
    this.#pieces = pieces;
    this.#making = this.#make(most);
    // Told to whoever goes through the text.
    this.#making.catch(() => undefined);
  }

  /** Makes no further piece before it is asked for. */
  stop(): void {
    this.#stopped = true;
  }

  /** @throws what making a piece throws */
  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    this.stop();
    await this.#making;
    for (let piece = this.#early.shift(); piece !== undefined; piece = this.#early.shift()) yield piece;
    for (let next = await this.#pieces.next(); next.done !== true; next = await this.#pieces.next()) {
      yield next.value;
    }
  }

  async #make(most: number): Promise<void> {
    for (let made = 0; made < most && !this.#stopped;) {
      const next = await this.#pieces.next();
      if (next.done === true) return;
      this.#early.push(next.value);
      made += next.value.length;
      // Made without a pause they would keep this thread from what is waited for, which comes back to it many times.
      await pause(PAUSE);
    }
  }
}
