/** What a kind of place that is reached over the network can do. */

import type { ByteSource } from "../bytes.ts";

/** Files that a place stands for. */
export interface Listing {
  /** What their paths are relative to, for messages. */
  readonly root: string;
  /** What ids begin with where the files' own names say nothing: a folder's name. */
  readonly name: string;
  /** Each file: its place, and its path below the root, with `/`. */
  readonly files: readonly { readonly place: string; readonly inside: string }[];
  /** Whether the place was one file, and not all that is below it. */
  readonly single: boolean;
}

/** A kind of place. */
export interface RemotePlaces {
  /**
   * Opens a file; its first bytes are read, and it is pinned to what it was then.
   *
   * @returns null when there is none, where `missing` is null
   * @throws {RangeError} when it cannot be had; says what was tried
   */
  open(place: string, missing: "is an error" | "is null", signal?: AbortSignal): Promise<ByteSource | null>;
  /** The files that a place stands for: itself, or all below it. Where the scheme knows no folders, itself. */
  list(place: string, signal?: AbortSignal): Promise<Listing>;
}
