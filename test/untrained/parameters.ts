/** The parameters of a network, one after the other, as its state dict has them. */

import type { ScaleShape, WeightShape } from "./initializations.ts";

/** A tensor of a network and what it holds. */
export type Parameter =
  & { readonly name: string; readonly shape: readonly number[] }
  & (
    | {
      readonly is: "weight";
      readonly weight: WeightShape;
      /** Stored as `[in, out]`: embeddings, and GPT-2's `Conv1D`. */
      readonly transposed: boolean;
    }
    | { readonly is: "scale"; readonly scale: ScaleShape }
    /** The same number everywhere. */
    | { readonly is: "constant"; readonly value: number }
    /** A count, kept as an integer. */
    | { readonly is: "counter" }
    /** Ones on and below the diagonal of the last two axes. */
    | { readonly is: "mask" }
  );

/** What may be said of a convolution. */
export interface Convolution {
  /** Extent of the kernel along either axis. */
  readonly k: number;
  readonly groups?: number;
  /** Whether it is the last of a residual branch. */
  readonly end?: boolean;
  readonly bias?: boolean;
}

/** Puts a network's parameters together in PyTorch's words. */
export class Parameters {
  readonly #list: Parameter[] = [];
  /** Of the scales of batch normalizations, by their places: the places of the weights in front of them. */
  readonly #behind = new Map<number, number>();

  conv(
    name: string,
    out: number,
    inChannels: number,
    { k, groups = 1, end = false, bias = false }: Convolution,
  ): void {
    const weight = { out, in: inChannels / groups, kernel: [k, k], groups, end, middle: false };
    const shape = [out, inChannels / groups, k, k];
    this.#list.push({ name: `${name}.weight`, shape, is: "weight", weight, transposed: false });
    if (bias) this.#constant(`${name}.bias`, [out], 0);
  }

  /** @param map extents of the map that it reads flattened */
  linear(name: string, out: number, inChannels: number, map: readonly number[] = []): void {
    const weight = { out, in: inChannels, kernel: map, groups: 1, end: false, middle: false };
    const shape = [out, map.reduce((product, extent) => product * extent, inChannels)];
    this.#list.push({ name: `${name}.weight`, shape, is: "weight", weight, transposed: false });
    this.#constant(`${name}.bias`, [out], 0);
  }

  /** GPT-2's: a linear map whose weight is `[in, out]`. */
  conv1d(name: string, out: number, inChannels: number, end = false): void {
    const weight = { out, in: inChannels, kernel: [], groups: 1, end, middle: false };
    this.#list.push({
      name: `${name}.weight`,
      shape: [inChannels, out],
      is: "weight",
      weight,
      transposed: true,
    });
    this.#constant(`${name}.bias`, [out], 0);
  }

  /** A table of vectors: `entries` in channels, stored one vector after the other. */
  embedding(name: string, entries: number, width: number): void {
    const weight = { out: width, in: entries, kernel: [], groups: 1, end: false, middle: false };
    this.#list.push({
      name: `${name}.weight`,
      shape: [entries, width],
      is: "weight",
      weight,
      transposed: true,
    });
  }

  /** Right behind the weight that was added last. */
  batchNorm(name: string, channels: number): void {
    this.#behind.set(this.#list.length, this.#list.findLastIndex(({ is }) => is === "weight"));
    this.#scale(name, channels);
    this.#constant(`${name}.running_mean`, [channels], 0);
    this.#constant(`${name}.running_var`, [channels], 1);
    this.#list.push({ name: `${name}.num_batches_tracked`, shape: [], is: "counter" });
  }

  layerNorm(name: string, channels: number): void {
    this.#scale(name, channels);
  }

  /** A causal mask over so many positions. */
  mask(name: string, positions: number): void {
    this.#list.push({ name, shape: [1, 1, positions, positions], is: "mask" });
  }

  /** All of them; the weight in the middle is marked so, and batch normalizations as the weights in front of them. */
  finish(): readonly Parameter[] {
    const weights = this.#list.flatMap(({ is }, at) => is === "weight" ? [at] : []);
    const middle = weights[Math.floor(weights.length / 2)]!;
    return this.#list.map((each, at): Parameter => {
      if (each.is === "weight") return { ...each, weight: { ...each.weight, middle: at === middle } };
      const before = this.#behind.get(at) ?? -1;
      const weight = this.#list[before];
      if (each.is !== "scale" || weight?.is !== "weight") return each;
      return { ...each, scale: { end: weight.weight.end, middle: before === middle } };
    });
  }

  #scale(name: string, channels: number): void {
    const scale = { end: false, middle: false };
    this.#list.push({ name: `${name}.weight`, shape: [channels], is: "scale", scale });
    this.#constant(`${name}.bias`, [channels], 0);
  }

  #constant(name: string, shape: readonly number[], value: number): void {
    this.#list.push({ name, shape, is: "constant", value });
  }
}
