/** Spectra of earlier runs, a file each, within a limit of bytes: those that were not asked for longest go first. */

import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { codeOf, messageOf } from "../model/errors.ts";
import { type BareSpectrum, fileBytes, readSpectrumFile, writeSpectrumFile } from "./spectrum-file.ts";

const EXTENSION = ".spectrum";

/** In a folder that runs share, another may be writing a file; one that it has not touched for so long (ms) is nobody's. */
const ABANDONED = 3600 * 1000;

/** How a cache is kept. */
export interface CacheOptions {
  /** Made when the first spectrum is written. */
  readonly folder: string;
  /** Bytes of files, above 0. */
  readonly limit: number;
  /** Whether no other process writes to the folder, so that whatever is not whole may go at once. */
  readonly alone: boolean;
  /** Told once, when the folder takes no more: the run goes on without. */
  readonly full?: (reason: string) => void;
}

/** A cache of spectra. Its calls may overlap. */
export class SpectrumCache {
  readonly #folder: string;
  readonly #limit: number;
  readonly #full: (reason: string) => void;
  /** Files by key, the one that was asked for longest ago first. */
  readonly #files: Map<string, number>;
  #bytes: number;
  #broken = false;
  readonly #underWay = new Map<string, Promise<void>>();

  private constructor({ folder, limit, full = () => undefined }: CacheOptions, files: Map<string, number>) {
    this.#folder = folder;
    this.#limit = limit;
    this.#full = full;
    this.#files = files;
    this.#bytes = [...files.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Opens a cache, and removes what was never finished and what is beyond the limit. */
  static async open(options: CacheOptions): Promise<SpectrumCache> {
    const found: { key: string; bytes: number; used: number }[] = [];
    for (const name of await readdir(options.folder).catch(noneThere)) {
      const path = join(options.folder, name);
      const about = await stat(path).catch(() => null);
      if (about?.isFile() !== true) continue;
      if (/^[0-9a-f]{64}\.spectrum$/.test(name)) {
        found.push({ key: name.slice(0, -EXTENSION.length), bytes: about.size, used: about.mtimeMs });
      } else if (
        name.endsWith(".partial") && (options.alone || Date.now() - about.mtimeMs > ABANDONED)
      ) await rm(path, { force: true });
    }
    found.sort((a, b) => a.used - b.used);
    const cache = new SpectrumCache(options, new Map(found.map(({ key, bytes }) => [key, bytes])));
    await cache.#evict();
    return cache;
  }

  /** Bytes of all files. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The spectrum of this key, else `compute` makes it and it is kept. Who asks for what another is just computing waits for that one.
   *
   * @param shape see `readSpectrumFile`
   */
  async take(
    key: string,
    shape: Parameters<typeof readSpectrumFile>[2],
    compute: () => Promise<BareSpectrum>,
  ): Promise<{ readonly spectrum: BareSpectrum; readonly from: "kernel" | "cache" }> {
    for (let other = this.#underWay.get(key); other !== undefined; other = this.#underWay.get(key)) {
      await other;
    }
    let ended = () => {};
    this.#underWay.set(key, new Promise((resolve) => ended = resolve));
    try {
      const known = await this.#read(key, shape);
      if (known !== null) return { spectrum: known, from: "cache" };
      const spectrum = await compute();
      await this.#write(key, spectrum);
      return { spectrum, from: "kernel" };
    } finally {
      this.#underWay.delete(key);
      ended();
      // What was spared while it was in hand.
      await this.#evict().catch(() => undefined);
    }
  }

  async #read(key: string, shape: Parameters<typeof readSpectrumFile>[2]): Promise<BareSpectrum | null> {
    const bytes = this.#files.get(key);
    if (bytes === undefined) return null;
    const path = this.#path(key);
    try {
      const file = await open(path, "r");
      let found: BareSpectrum | null;
      try {
        found = await readSpectrumFile(file, key, shape);
      } finally {
        await file.close();
      }
      if (found === null) {
        // Damaged: computed again, and written anew.
        await this.#remove(key);
        return null;
      }
      // To the end of the row, here and for runs to come.
      this.#files.delete(key);
      this.#files.set(key, bytes);
      const now = new Date();
      await utimes(path, now, now).catch(() => undefined); // in a folder that may only be read the order is that of writing
      return found;
    } catch {
      this.#forget(key);
      return null;
    }
  }

  async #write(key: string, spectrum: BareSpectrum): Promise<void> {
    const bytes = fileBytes(spectrum);
    if (this.#broken || bytes > this.#limit) return;
    const beside = join(this.#folder, `.${key}.${randomBytes(6).toString("hex")}.partial`);
    try {
      await mkdir(this.#folder, { recursive: true });
      // Room first: but for what others have in hand, the limit holds at any moment.
      this.#bytes += bytes;
      this.#files.set(key, bytes);
      await this.#evict(key);
      const file = await open(beside, "wx");
      try {
        await writeSpectrumFile(file, key, spectrum);
      } finally {
        await file.close();
      }
      await rename(beside, this.#path(key));
    } catch (failure) {
      this.#forget(key);
      await rm(beside, { force: true }).catch(() => undefined);
      if (!this.#broken) this.#full(messageOf(failure));
      this.#broken = true;
    }
  }

  async #evict(spared?: string): Promise<void> {
    for (const key of [...this.#files.keys()]) {
      if (this.#bytes <= this.#limit) return;
      // What another has in hand is not taken from it.
      if (key !== spared && !this.#underWay.has(key)) await this.#remove(key);
    }
  }

  async #remove(key: string): Promise<void> {
    this.#forget(key);
    await rm(this.#path(key), { force: true });
  }

  #forget(key: string): void {
    this.#bytes -= this.#files.get(key) ?? 0;
    this.#files.delete(key);
  }

  #path(key: string): string {
    return join(this.#folder, key + EXTENSION);
  }
}

function noneThere(cause: unknown): readonly string[] {
  if (codeOf(cause) === "ENOENT") return [];
  throw cause;
}
