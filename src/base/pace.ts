/** Long work on the main thread that lets timers and signals have their turn. */

import { setImmediate as macrotask } from "node:timers/promises";

/** Nobody waits longer for a turn, in ms. */
const MOST_WAIT = 30;

/** Work in small steps, between which others may have the thread. */
export class Pace {
  readonly #signal: AbortSignal | undefined;
  #since = performance.now();

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** To be awaited after each step. @throws the signal's reason once it is aborted */
  async step(): Promise<void> {
    if (performance.now() - this.#since < MOST_WAIT) return;
    await macrotask();
    this.#signal?.throwIfAborted();
    this.#since = performance.now();
  }
}
