/** Spectra of earlier runs. */

import type { BareSpectrum } from "../../model/spectrum.ts";
import type { Matrix } from "../../model/tensor.ts";
import { ArchiveCache, type CacheOptions } from "./archive-cache.ts";

/** What a layer's spectrum must have. */
export interface SpectrumShape {
  /** At most. */
  readonly rank: number;
  readonly leftCols: number;
  readonly rightCols: number;
}

/** A cache of spectra. Its calls may overlap. */
export class SpectrumCache {
  readonly #cache: ArchiveCache<BareSpectrum>;
  readonly #underWay = new Map<string, Promise<void>>();

  private constructor(cache: ArchiveCache<BareSpectrum>) {
    this.#cache = cache;
  }

  /** Opens a cache as `ArchiveCache.open` does. */
  static async open(options: CacheOptions): Promise<SpectrumCache> {
    return new SpectrumCache(await ArchiveCache.open(options, { extension: ".spectrum", version: 2 }));
  }

  /** Bytes of all files. */
  get bytes(): number {
    return this.#cache.bytes;
  }

  /** The spectrum of this key, else `compute` makes it and it is kept. Who asks for what another is just computing waits for that one. */
  async take(
    key: string,
    shape: SpectrumShape,
    compute: () => Promise<BareSpectrum>,
  ): Promise<{ readonly spectrum: BareSpectrum; readonly from: "kernel" | "cache" }> {
    for (let other = this.#underWay.get(key); other !== undefined; other = this.#underWay.get(key)) {
      await other;
    }
    const { promise, resolve: end } = Promise.withResolvers<void>();
    this.#underWay.set(key, promise);
    try {
      const known = await this.#cache.find(key, (spectrum) => fits(spectrum, shape));
      if (known !== null) return { spectrum: known, from: "cache" };
      const spectrum = await compute();
      await this.#cache.put(key, spectrum);
      return { spectrum, from: "kernel" };
    } finally {
      this.#underWay.delete(key);
      end();
    }
  }
}

function fits(
  { left, right, singularValues, group, residuals, converged }: BareSpectrum,
  shape: SpectrumShape,
): boolean {
  const rank = singularValues.length;
  if ([residuals, converged].some((each) => each !== undefined && each.length !== rank)) return false;
  const isMatrix = ({ rows, cols, data }: Matrix, required: number) =>
    rows === rank && cols === required && data instanceof Float64Array && data.length === rows * cols;
  return rank >= 1 && rank <= shape.rank && group.length === rank && isMatrix(left, shape.leftCols) &&
    isMatrix(right, shape.rightCols);
}
