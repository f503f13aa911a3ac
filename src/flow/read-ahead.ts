/** How far a run reads ahead of its kernel, all its models together. */

import { Turns } from "../model/turns.ts";

/** Layers beyond those that are being decomposed: one is ready when a thread is, and one is being read. */
const BEYOND = 2;

/** A layer that needs less takes no turn: a thousand of them may come from afar at once, and weigh nothing. */
const SMALL_BYTES = 2 ** 20;

/**
 * Admits layers to be read and decomposed. The byte budget alone would admit as many as fit: what the kernel has no thread for then lies in
 * memory, and the more models run side by side, the more of it. Layers of the model that came first go first, so that its spectra are soon done with.
 */
export class ReadAhead {
  readonly #turns: Turns;
  readonly #ranks = new WeakMap<object, number>();
  #models = 0;

  /** @param threads of the kernel */
  constructor(threads: number) {
    this.#turns = new Turns(threads + BEYOND);
  }

  /**
   * @param bytes that the layer needs
   * @returns to be called when its weight is let go
   */
  async turn(model: object, bytes: number): Promise<() => void> {
    if (bytes < SMALL_BYTES) return () => undefined;
    const rank = this.#ranks.get(model) ?? this.#models++;
    this.#ranks.set(model, rank);
    return await this.#turns.take(rank);
  }
}
