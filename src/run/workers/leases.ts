/**
 * Leases of models: who works on which. A lease is a small text in the lake that its holder writes anew all the time. One that has not
 * changed for a while is a dead worker's and may be taken over. No clock of another machine is trusted: everybody measures how long a text
 * has stayed the same for himself. A lease saves work and no more: two that do one model at once write the same tables.
 */

import { setInterval } from "node:timers";
import type { LakePlace } from "../../../connectors/lake/place.ts";
import { encodeModelId } from "../../../connectors/sinks/staging.ts";
import { STATE_FOLDER } from "../records/completed-models.ts";

/** A holder writes so often before its lease is another's. */
const BEATS = 5;

/** The leases of a worker. */
export class Leases {
  readonly #place: LakePlace;
  readonly #worker: string;
  readonly #patience: number;
  /** By the ids of models: what this worker has written last. */
  readonly #held = new Map<string, string>();
  /** Of leases of others: the text, and since when it has been so. */
  readonly #seen = new Map<string, { readonly text: string; readonly since: number }>();
  readonly #timer: NodeJS.Timeout;
  #beat = 0;
  #beating: Promise<unknown> = Promise.resolve();

  /**
   * @param worker told from all others by this
   * @param patience milliseconds after which a lease that has not changed is a dead worker's
   */
  constructor(place: LakePlace, worker: string, patience: number) {
    this.#place = place;
    this.#worker = worker;
    this.#patience = patience;
    this.#timer = setInterval(() => {
      this.#beating = this.#beating.then(() => this.#renew());
    }, patience / BEATS);
    this.#timer.unref();
  }

  /** Takes the lease of a model. @returns whether it is this worker's now: not where another has it who may be alive */
  async take(id: string): Promise<boolean> {
    const mine = this.#text();
    const isMine = await this.#replace(id, mine, (before) => before === null || this.#isDead(id, before));
    if (!isMine) return false;
    this.#held.set(id, mine);
    this.#seen.delete(id);
    return true;
  }

  /** Gives a lease back. */
  async release(id: string): Promise<void> {
    // A renewal under way would put it there again.
    await this.#beating;
    const mine = this.#held.get(id);
    this.#held.delete(id);
    if (mine !== undefined && await this.#place.readText(pathOf(id)) === mine) {
      await this.#place.remove(pathOf(id));
    }
  }

  /** Ends the renewals, and gives all leases back. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const id of [...this.#held.keys()]) await this.release(id);
  }

  /** Whether a lease has stayed the same for long enough. */
  #isDead(id: string, text: string): boolean {
    const seen = this.#seen.get(id);
    const now = performance.now();
    if (seen?.text === text) return now - seen.since > this.#patience;
    this.#seen.set(id, { text, since: now });
    return false;
  }

  async #renew(): Promise<void> {
    for (const [id, before] of this.#held) {
      const mine = this.#text();
      // Where the lake cannot be reached the next beat tries again. Another's lease is not taken back: both go on, and one is too many.
      const isMine = await this.#replace(id, mine, (now) => now === before).catch(() => false);
      if (isMine && this.#held.has(id)) this.#held.set(id, mine);
    }
  }

  async #replace(id: string, mine: string, may: (before: string | null) => boolean): Promise<boolean> {
    let refused = false;
    try {
      await this.#place.replaceText(pathOf(id), (before) => {
        refused = !may(before);
        if (refused) throw new Error(`${pathOf(id)}: another's lease`);
        return mine;
      });
      return true;
    } catch (failure) {
      if (refused) return false;
      throw failure;
    }
  }

  #text(): string {
    return JSON.stringify({ worker: this.#worker, beat: this.#beat++ });
  }
}

const pathOf = (id: string) => `${STATE_FOLDER}/lease=${encodeModelId(id)}.json`;
