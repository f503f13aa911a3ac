/** Bytes by position, wherever they lie. */

/** A readable run of bytes. Its size does not change while it is open. */
export interface ByteSource {
  /** In bytes. */
  readonly size: number;
  /**
   * Reads `[start, end)`.
   *
   * @returns exactly `end - start` bytes
   * @throws {RangeError} when the range leaves the source, or the source has become shorter
   */
  slice(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>;
  close(): Promise<void>;
}
