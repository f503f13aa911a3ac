/** Bytes by position, wherever they lie. */

/** Bytes of a file, end exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What is known of a file that is not on this machine. */
export interface RemoteFile {
  /** The server's name for this content, to which the source is pinned; absent where it gives none. */
  readonly etag?: string;
  /** The commit, where the place has such a thing. */
  readonly revision?: string;
  /** All that was asked of it so far: in order, apart, none of it read ahead. */
  touched(): readonly ByteRange[];
}

/** A readable run of bytes. Its size does not change while it is open. */
export interface ByteSource {
  /** In bytes. */
  readonly size: number;
  /** Where every byte costs: present for files that are fetched. */
  readonly remote?: RemoteFile;
  /** Another text for any other content of the file; absent where the place cannot tell without reading it. */
  readonly content?: string;
  /**
   * Reads `[start, end)`.
   *
   * @returns exactly `end - start` bytes, in memory of their own: the caller may change it
   * @throws {RangeError} when the range leaves the source, or the source has become shorter
   */
  slice(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>;
  close(): Promise<void>;
}
