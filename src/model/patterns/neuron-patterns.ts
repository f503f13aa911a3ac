/** What a spectral neuron looks like: its two vectors, ordered so that people can look at them. Plain data, as the page gets it. */

/** One channel of a vector, kernel positions and all. */
export interface ChannelTaps {
  readonly channel: number;
  /** The channel's part of the vector's energy, in [0, 1]. */
  readonly share: number;
  /** An entry per kernel position. */
  readonly values: readonly number[];
}

/** One entry of a vector. */
export interface ChannelEntry {
  readonly channel: number;
  readonly value: number;
}

/** The entry of a token. */
export interface TokenEntry extends ChannelEntry {
  /** As the tokenizer writes it, untrusted; null where it has none of that number. */
  readonly token: string | null;
}

/** What a vector is drawn as. */
export type PatternForm =
  /** All channels as one picture: `values` is channel-major. */
  | {
    readonly form: "image";
    readonly rows: number;
    readonly columns: number;
    readonly values: readonly number[];
  }
  /** The strongest channels, each with its kernel. */
  | {
    readonly form: "taps";
    readonly rows: number;
    readonly columns: number;
    readonly strongest: readonly ChannelTaps[];
  }
  /** The largest entries of both signs. */
  | {
    readonly form: "tokens";
    readonly largest: readonly TokenEntry[];
    readonly least: readonly TokenEntry[];
  }
  /** The entries of the largest magnitude. */
  | { readonly form: "channels"; readonly strongest: readonly ChannelEntry[] };

/** The energy of a vector in the channels of attention heads. */
export interface HeadShare {
  /** Several where they share their channels, as the keys and values of grouped queries do. */
  readonly heads: readonly number[];
  /** In [0, 1]. */
  readonly share: number;
}

/** A vector of a neuron: `v`, what it reads, or `u`, what it writes. Its length is 1. */
export interface VectorPattern {
  /** Channels that it runs over: those of the neuron's group. */
  readonly channels: number;
  /** Index of the first of them in the layer. */
  readonly first: number;
  readonly shown: PatternForm;
  /** None where no attention head is known of. */
  readonly heads: readonly HeadShare[];
}

/** Both vectors of a neuron. */
export interface NeuronPatterns {
  readonly input: VectorPattern;
  readonly output: VectorPattern;
  /**
   * Why the vectors are not the neuron's own: `null`, its singular value is rounding; `cluster`, it shares its singular value with others.
   * In both cases they are a choice within a subspace. Null where they are its own.
   */
  readonly choice: "null" | "cluster" | null;
}

/** The effective filter between two neurons: its squares sum up to their overlap. */
export interface ConnectionFilter {
  readonly rows: number;
  readonly columns: number;
  readonly values: readonly number[];
  /** In [0, 1]. */
  readonly overlap: number;
}
