/** Digests of a model's files, kept from run to run: what has not changed is not read again to learn that. */

import type { KnownDigests } from "../../model/ports.ts";

/** As they are written down: SHA-256 in hex, by content as the file system tells it apart. */
export type DigestRecord = Readonly<Record<string, string>>;

const SHA256 = /^[0-9a-f]{64}$/;

/** The digests of one model's files: those of earlier runs, and those that this run has asked for. */
export class FileDigests implements KnownDigests {
  readonly #earlier: ReadonlyMap<string, string>;
  readonly #now = new Map<string, string>();

  /** @param earlier untrusted: what is no digest is left out */
  constructor(earlier?: DigestRecord | null) {
    this.#earlier = new Map(Object.entries(earlier ?? {}).filter(([, each]) => SHA256.test(each)));
  }

  find(content: string): string | undefined {
    return this.#earlier.get(content);
  }

  put(content: string, sha256: string): void {
    this.#now.set(content, sha256);
  }

  /** Whether the files are others than they were, or have changed. */
  get changed(): boolean {
    return this.#now.size !== this.#earlier.size ||
      [...this.#now.keys()].some((key) => !this.#earlier.has(key));
  }

  /** Of the files as they are now. */
  record(): DigestRecord {
    return Object.fromEntries(this.#now);
  }
}
