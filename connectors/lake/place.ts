/** Where a lake lies: a folder or a bucket, as far as its writer and its inspector need to know. Paths have `/` and start at its root. */

/** A file of a lake, opened to be verified. */
export interface LakeFile {
  readonly bytes: number;
  /** Bytes `start` to `end`, `end` exclusive. */
  slice(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  /** All of it, in pieces. */
  pieces(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** A place that files can be put into. */
export interface LakePlace {
  /** As the user wrote it. */
  readonly name: string;
  /** Makes the place ready. @throws {Error} when it cannot be written to */
  prepare(): Promise<void>;
  /**
   * Puts a complete local file under its final name, whole or not at all, in place of what stands there. The local file is gone then.
   */
  publish(from: string, path: string, bytes: number): Promise<void>;
  remove(path: string): Promise<void>;
  /** Paths of all files whose paths begin with `prefix`, a folder with `/` at its end; ascending. */
  list(prefix: string): Promise<readonly string[]>;
  /** A small text, or null where there is none. */
  readText(path: string): Promise<string | null>;
  /**
   * Replaces a small text by what `change` makes of it, atomically: whoever else replaces it meanwhile is not lost, and `change` may
   * be called again with what they left.
   */
  replaceText(path: string, change: (before: string | null) => string): Promise<void>;
  /** Whether of two who replace a text at once only one does so at a time: of a bucket it is tried, with a text that is removed again. */
  isExclusive(): Promise<boolean>;
  /** Bytes of a file, or null where there is none. */
  sizeOf(path: string): Promise<number | null>;
  /** Opens a file, or null where there is none. */
  open(path: string): Promise<LakeFile | null>;
}

/** A manifest of ten thousand models is 8 MB; a larger one than this is none, and would only fill the memory. */
export const LARGEST_TEXT = 2 ** 28;

/** Bytes that are read or sent at a time. */
export const PIECE = 8 * 2 ** 20;
