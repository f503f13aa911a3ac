/** Spectra of earlier runs, a file each, within a limit of bytes: those that were not asked for longest go first. */

import { open } from "node:fs/promises";
import { messageOf } from "../../model/errors.ts";
import { KeyedFiles, type KeyedFolder } from "./keyed-files.ts";
import { writeNew } from "./array-file.ts";
import {
  type BareSpectrum,
  type DigestedSpectrum,
  fileBytes,
  readSpectrumFile,
  spectrumParts,
} from "./spectrum-file.ts";

/** How a cache is kept. */
export interface CacheOptions extends KeyedFolder {
  /** Told once, when the folder takes no more: the run goes on without. */
  readonly full?: (reason: string) => void;
}

/** A cache of spectra. Its calls may overlap. */
export class SpectrumCache {
  readonly #files: KeyedFiles;
  readonly #full: (reason: string) => void;
  #broken = false;
  readonly #underWay = new Map<string, Promise<void>>();

  private constructor(files: KeyedFiles, full: (reason: string) => void) {
    this.#files = files;
    this.#full = full;
  }

  /** Opens a cache, and removes what was never finished and what is beyond the limit. */
  static async open(options: CacheOptions): Promise<SpectrumCache> {
    return new SpectrumCache(
      await KeyedFiles.open(options, ".spectrum"),
      options.full ?? (() => undefined),
    );
  }

  /** Bytes of all files. */
  get bytes(): number {
    return this.#files.bytes;
  }

  /**
   * The spectrum of this key, else `compute` makes it and it is kept. Who asks for what another is just computing waits for that one.
   *
   * @param shape see `readSpectrumFile`
   */
  async take(
    key: string,
    shape: Parameters<typeof readSpectrumFile>[2],
    compute: () => Promise<DigestedSpectrum>,
  ): Promise<{ readonly spectrum: BareSpectrum; readonly from: "kernel" | "cache" }> {
    for (let other = this.#underWay.get(key); other !== undefined; other = this.#underWay.get(key)) {
      await other;
    }
    let ended = () => {};
    this.#underWay.set(key, new Promise((resolve) => ended = resolve));
    try {
      const known = await this.#read(key, shape);
      if (known !== null) return { spectrum: known, from: "cache" };
      const computed = await compute();
      await this.#write(key, computed);
      const { digest: _, ...spectrum } = computed;
      return { spectrum, from: "kernel" };
    } finally {
      this.#underWay.delete(key);
      ended();
      // What was spared while it was in hand.
      await this.#files.evict(this.#inHand).catch(() => undefined);
    }
  }

  async #read(key: string, shape: Parameters<typeof readSpectrumFile>[2]): Promise<BareSpectrum | null> {
    if (this.#files.bytesOf(key) === undefined) return null;
    try {
      const file = await open(this.#files.path(key), "r");
      let found: BareSpectrum | null;
      try {
        found = await readSpectrumFile(file, key, shape);
      } finally {
        await file.close();
      }
      // Damaged: computed again, and written anew.
      if (found === null) await this.#files.remove(key);
      else await this.#files.touch(key);
      return found;
    } catch {
      this.#files.forget(key);
      return null;
    }
  }

  async #write(key: string, spectrum: DigestedSpectrum): Promise<void> {
    const bytes = fileBytes(spectrum);
    if (this.#broken || bytes > this.#files.limit) return;
    try {
      const parts = spectrumParts(key, spectrum);
      await this.#files.put(key, bytes, (path) => writeNew(path, parts), this.#inHand);
    } catch (failure) {
      if (!this.#broken) this.#full(messageOf(failure));
      this.#broken = true;
    }
  }

  /** What another has in hand is not taken from it. */
  readonly #inHand = (key: string) => this.#underWay.has(key);
}
