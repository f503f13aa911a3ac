/** A map with bounds. */

/**
 * Values by key, up to a limit. What was not asked for longest goes first; the newest stays, whatever its size.
 *
 * @example
 * const pages = new LruCache<number, Uint8Array>(4 * 2 ** 20, ({ length }) => length);
 */
export class LruCache<K, V> {
  readonly #limit: number;
  readonly #sizeOf: (value: V) => number;
  /** The one that was asked for longest ago first. */
  readonly #values = new Map<K, V>();
  #size = 0;

  /** @param sizeOf in the unit of `limit`. Default: 1 each, so that `limit` is a count. */
  constructor(limit: number, sizeOf: (value: V) => number = () => 1) {
    this.#limit = limit;
    this.#sizeOf = sizeOf;
  }

  get(key: K): V | undefined {
    const value = this.#values.get(key);
    if (value !== undefined) {
      this.#values.delete(key);
      this.#values.set(key, value);
    }
    return value;
  }

  set(key: K, value: V): void {
    this.#delete(key);
    this.#values.set(key, value);
    this.#size += this.#sizeOf(value);
    for (const oldest of this.#values.keys()) {
      if (this.#size <= this.#limit || oldest === key) return;
      this.#delete(oldest);
    }
  }

  #delete(key: K): void {
    const value = this.#values.get(key);
    if (value === undefined) return;
    this.#size -= this.#sizeOf(value);
    this.#values.delete(key);
  }
}
