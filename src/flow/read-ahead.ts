/** How far a run reads ahead of its kernel, all its models together. */

import { Turns } from "../model/turns.ts";

/** Layers beyond those that are being decomposed: one is ready when a thread is, and one is being read. */
const BEYOND = 2;

/** A layer that needs less takes no turn: a thousand of them may come from afar at once, and weigh nothing. */
const SMALL_BYTES = 2 ** 20;

/** Milliseconds for which a thread goes without work before one layer more is admitted. */
const PATIENCE = 50;

/** A layer's turn. */
export interface Turn {
  /** Its weight is there. */
  read(): void;
  /** Its weight is let go. Only the first call counts. */
  over(): void;
}

const NO_TURN: Turn = { read: () => undefined, over: () => undefined };

/**
 * Admits layers to be read and decomposed. The byte budget alone would admit as many as fit: what the kernel has no thread for then lies in
 * memory, and the more models run side by side, the more of it. Layers of the model that came first go first, so that its spectra are soon done with.
 * Where threads go without work all the same, since layers come from afar or wait for bytes, more are admitted, one after another.
 */
export class ReadAhead {
  readonly #threads: number;
  readonly #turns: Turns;
  readonly #ranks = new WeakMap<object, number>();
  #models = 0;
  /** Layers whose weights are there. */
  #ready = 0;
  #looking = false;
  /** Whether there have been fewer of them than threads since the last look. */
  #idle = false;

  /** @param threads of the kernel */
  constructor(threads: number) {
    this.#threads = threads;
    this.#turns = new Turns(threads + BEYOND);
  }

  /** Waits for a layer's turn. @param bytes that it needs */
  async turn(model: object, bytes: number): Promise<Turn> {
    if (bytes < SMALL_BYTES) return NO_TURN;
    const rank = this.#ranks.get(model) ?? this.#models++;
    this.#ranks.set(model, rank);
    const coming = this.#turns.take(rank);
    this.#look();
    const done = await coming;
    let ready = 0;
    return {
      read: () => {
        this.#ready += 1 - ready;
        ready = 1;
        if (this.#ready >= this.#threads) this.#idle = false;
      },
      over: () => {
        this.#ready -= ready;
        ready = 0;
        done();
      },
    };
  }

  /** Looks again and again, as long as a layer waits, whether threads have work. */
  #look(): void {
    if (this.#looking || this.#turns.waiting === 0) return;
    this.#looking = true;
    this.#idle = this.#ready < this.#threads;
    setTimeout(() => {
      this.#looking = false;
      if (this.#idle) this.#turns.admit();
      this.#look();
    }, PATIENCE);
  }
}
