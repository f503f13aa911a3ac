/** Spectra between their decomposition and the last connection that needs them: in memory, else on disk. */

import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Unfolding } from "../../model/layer.ts";
import { certificateOf, type Spectrum, spectrumBytes } from "../../model/spectrum.ts";
import { matrix } from "../../model/tensor.ts";
import type { ByteBudget, Grant } from "../budget.ts";
import { archiveParts, readArchive } from "./archive.ts";

interface Entry {
  /** Whose it is. */
  readonly owner: object;
  /** All but the vectors, which may be on disk. */
  readonly outline: Spectrum;
  readonly bytes: number;
  readonly path: string;
  spectrum: Spectrum | null;
  grant: Grant | null;
  onDisk: boolean;
  pins: number;
  uses: number;
}

/** Milliseconds between two connections in which their edges are written. */
const PATIENCE = 50;

const NOTHING = matrix(0, 0);

/**
 * Holds spectra within a byte budget. When a job waits for bytes, spectra that nobody works with are written to a spill
 * folder, oldest first, and read back when a connection asks for them: so memory follows the budget and not the width of
 * the layer graph.
 */
export class SpectrumStore {
  readonly #budget: ByteBudget;
  readonly #folder: string;
  readonly #entries = new Set<Entry>();
  #turn: Promise<unknown> = Promise.resolve();
  #spilling: Promise<unknown> = Promise.resolve();
  #count = 0;
  /** Whether there is a folder to remove. */
  #isMade = false;
  /** Connections whose two spectra are there and have not been worked with, by owner. */
  readonly #ready = new WeakMap<object, number>();
  /** Calls of `use` that have not ended, and who waits for the next to end. */
  #using = 0;
  #waiting: (() => void)[] = [];
  /** When a call of `use` ended last. */
  #lastUse = -Infinity;
  /** Spectra written to disk so far. */
  spilled = 0;

  /** @param folder made when first needed; removed by `dispose` */
  constructor(budget: ByteBudget, folder: string) {
    this.#budget = budget;
    this.#folder = folder;
    budget.reclaimWith((bytes) => this.#spilling = this.#spill(bytes));
  }

  /**
   * Takes a spectrum over.
   *
   * @param grant what pays for it; shrunk to `spectrumBytes(spectrum)`, and given back in the end
   * @param uses how often it will be used; with 0 only its singular values are kept
   * @param owner see `forget`
   */
  put(spectrum: Spectrum, grant: Grant, uses: number, owner: object): SpectrumHandle {
    const entry: Entry = {
      owner,
      outline: { ...spectrum, left: NOTHING, right: NOTHING },
      bytes: spectrumBytes(spectrum),
      path: join(this.#folder, `${this.#count++}.vectors`),
      spectrum,
      grant,
      onDisk: false,
      pins: 0,
      uses,
    };
    this.#entries.add(entry);
    grant.shrink(entry.bytes);
    if (uses === 0) this.#forget(entry);
    this.#budget.review();
    return { ...valuesOf(spectrum), unfolding: spectrum.unfolding, entry };
  }

  /**
   * Works with the spectra of a connection's two ends; they are in memory meanwhile. Connections get their bytes one
   * after another, all that they will need, so that two can never wait for each other's. Afterwards each spectrum counts one use less, and after
   * its last it is forgotten.
   *
   * @param workspace bytes that the work itself needs
   * @throws {RangeError} when both spectra and the workspace exceed the whole budget; says which budget would do
   */
  async use<T>(
    source: SpectrumHandle,
    target: SpectrumHandle,
    workspace: number,
    work: (source: Spectrum, target: Spectrum) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const turn = this.#turn.then(() => this.#admit(source.entry, target.entry, workspace, signal));
    this.#turn = turn.catch(() => undefined); // the caller sees the failure; the next in line must not
    this.#using++;
    try {
      const { spectra, end } = await turn;
      try {
        return await work(...spectra);
      } finally {
        end();
      }
    } finally {
      this.#using--;
      this.#lastUse = performance.now();
      this.#add(source.entry.owner, -1);
      for (const go of this.#waiting.splice(0)) go();
    }
  }

  /** Notes that the spectra of one more connection are there. */
  announce({ entry }: SpectrumHandle): void {
    this.#add(entry.owner, 1);
  }

  /**
   * Waits while more than `most` connections of an owner are ready and somebody works on them, one after another: so that new
   * spectra do not gather faster than connections use them up. Where nobody has worked for a while, nobody is waited for.
   */
  async caughtUp(owner: object, most: number): Promise<void> {
    while ((this.#ready.get(owner) ?? 0) > most) {
      if (this.#using === 0 && performance.now() - this.#lastUse > PATIENCE) return;
      const ended = new Promise<void>((resolve) => this.#waiting.push(resolve));
      await Promise.race([ended, pause(PATIENCE + 1)]);
    }
  }

  #add(owner: object, count: number): void {
    this.#ready.set(owner, (this.#ready.get(owner) ?? 0) + count);
  }

  /** Counts one use less without any work: the other end of a connection could not be decomposed. */
  skipUse({ entry }: SpectrumHandle): void {
    if (--entry.uses <= 0) this.#forget(entry);
  }

  /** Notes that a spectrum will be used so often beside what `put` was told; before its first use. */
  useMore({ entry }: SpectrumHandle, times: number): void {
    entry.uses += times;
  }

  /** Forgets all that belongs to an owner, used or not: its model has come to an end, good or bad. */
  forget(owner: object): void {
    this.#ready.delete(owner);
    for (const entry of this.#entries) if (entry.owner === owner) this.#forget(entry);
  }

  /** Forgets every spectrum and removes the spill folder. */
  async dispose(): Promise<void> {
    for (const entry of this.#entries) this.#forget(entry);
    await this.#spilling.catch(() => undefined); // whoever waited for the bytes knows
    // Who may not write on Deno may not remove what is not there.
    if (this.#isMade) await rm(this.#folder, { recursive: true, force: true });
  }

  /** Waits for a connection's bytes and brings its spectra into memory. `end` is to be called when they are not needed any more. */
  async #admit(
    source: Entry,
    target: Entry,
    workspace: number,
    signal?: AbortSignal,
  ): Promise<{ readonly spectra: readonly [Spectrum, Spectrum]; readonly end: () => void }> {
    const entries = source === target ? [source] : [source, target];
    const whole = entries.reduce((sum, entry) => sum + entry.bytes, workspace);
    const what = `the connection from ${source.outline.layer.name} to ${target.outline.layer.name}`;
    if (whole > this.#budget.total) {
      throw new RangeError(
        `memory: found a budget of ${this.#budget.total} bytes, required at least ${whole} bytes for ${what}`,
      );
    }
    if (entries.some((entry) => !this.#entries.has(entry))) {
      throw new Error(`${what}: a spectrum was forgotten; its uses are over, or its model has ended`);
    }
    for (const entry of entries) entry.pins++;
    let grant: Grant | null = null;
    const end = () => {
      for (const entry of entries) {
        entry.pins--;
        if (--entry.uses <= 0) this.#forget(entry);
      }
      grant?.release();
      this.#budget.review();
    };
    const options = { urgent: true, ...(signal === undefined ? {} : { signal }) };
    try {
      for (const entry of entries) {
        if (entry.spectrum !== null) continue;
        entry.grant = await this.#budget.acquire(entry.bytes, what, options);
        entry.spectrum = { ...entry.outline, ...await readVectors(entry) };
      }
      grant = await this.#budget.acquire(workspace, what, options);
      return { spectra: [source.spectrum!, target.spectrum!], end };
    } catch (failure) {
      end();
      throw failure;
    }
  }

  #forget(entry: Entry): void {
    this.#entries.delete(entry);
    // What a job still works with goes when it is done.
    entry.spectrum = null;
    entry.grant?.release();
    entry.grant = null;
    if (entry.onDisk) void rm(entry.path, { force: true });
  }

  async #spill(bytes: number): Promise<number> {
    let freed = 0;
    for (const entry of [...this.#entries]) {
      if (freed >= bytes) return freed;
      if (entry.pins > 0 || entry.spectrum === null) continue;
      if (!entry.onDisk) {
        const { left, right } = entry.spectrum;
        this.#isMade = true;
        await mkdir(this.#folder, { recursive: true });
        await writeFile(entry.path, archiveParts({ left, right } satisfies Vectors));
        entry.onDisk = true;
        this.spilled++;
        // Forgotten while it was being written.
        if (!this.#entries.has(entry)) this.#forget(entry);
      }
      // A connection may have asked for it meanwhile, and may even be done with it.
      if (entry.pins > 0 || entry.spectrum === null) continue;
      entry.spectrum = null;
      const grant = entry.grant;
      entry.grant = null;
      grant?.release();
      freed += entry.bytes;
    }
    return freed;
  }
}

/** What goes to the disk. */
type Vectors = Pick<Spectrum, "left" | "right">;

async function readVectors({ path }: Entry): Promise<Vectors> {
  const vectors = await readArchive(path) as Vectors | null;
  if (vectors === null) {
    throw new RangeError(`${path}: found a damaged file, required the vectors that were spilled to it`);
  }
  return vectors;
}

/** All of a spectrum but its vectors. */
export type SpectrumValues = Omit<Spectrum, "layer" | "unfolding" | "left" | "right">;

/** What stays of a spectrum when its vectors are gone. */
export function valuesOf(
  { singularValues, group, nullNeurons, clustered, sparse, norm, ...found }: SpectrumValues,
): SpectrumValues {
  return { singularValues, group, nullNeurons, clustered, sparse, norm, ...certificateOf(found) };
}

/** A spectrum in a store: what is always known of it. */
export interface SpectrumHandle extends SpectrumValues {
  readonly unfolding: Unfolding;
  /** The store's own. */
  readonly entry: Entry;
}
