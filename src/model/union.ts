/** Sets of numbers that are joined, two at a time. */

/** At first each number is a set of its own. */
export class Union {
  readonly #parent: number[];

  constructor(size: number) {
    this.#parent = Array.from({ length: size }, (_, i) => i);
  }

  find(at: number): number {
    while (this.#parent[at] !== at) at = this.#parent[at] = this.#parent[this.#parent[at]!]!;
    return at;
  }

  /** Joins two sets; the second's root becomes the first's. */
  join(a: number, b: number): void {
    this.#parent[this.find(b)] = this.find(a);
  }

  roots(): number[] {
    return this.#parent.map((_, at) => this.find(at));
  }
}
