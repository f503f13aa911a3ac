/** The links of a model's chains, kept compactly until the last connection has been seen. */

import type { EdgeColumns } from "../model/graph.ts";
import type { Connection } from "../model/layer.ts";
import type { ChainLinks } from "../model/ports.ts";

/**
 * As many links as are kept: 64 MB. By chance a connection of `r` x `r'` pairs has `alpha * min(r, r')` of them, so that even the largest
 * models come near this only where much more than chance is in them.
 */
const MOST_LINKS = 2 ** 20;

/** Links of one connection. */
export interface ConnectionLinks {
  readonly connection: Connection;
  readonly links: ChainLinks;
}

/** Gathers links; beyond a bound the weakest of every connection go. */
export class LinkStore {
  readonly #most: number;
  readonly #kept: ConnectionLinks[] = [];
  #count = 0;
  #dropped = 0;
  /** So many of a connection's links are kept. */
  #each = Infinity;

  /** @param most how many links are kept, at least 2 */
  constructor(most: number = MOST_LINKS) {
    this.#most = most;
  }

  add(connection: Connection, links: ChainLinks): void {
    if (links.count === 0) return;
    const kept = strongest(links, this.#each);
    this.#kept.push({ connection, links: kept });
    this.#count += kept.count;
    this.#dropped += links.count - kept.count;
    if (this.#count > this.#most) this.#shrink();
  }

  /** All that is kept, in the order in which it came. */
  get all(): readonly ConnectionLinks[] {
    return this.#kept;
  }

  /** A line that says what was left out, or none. */
  get approximations(): string[] {
    return this.#dropped === 0 ? [] : [
      `dominant connection: more than ${this.#most} pairs of neurons could be its links; the ${this.#dropped} weakest, ` +
      `all of them beyond the ${this.#each} strongest of their connection, are left out`,
    ];
  }

  /** Makes room for as much again, so that this is rare: the limit per connection falls until half of the bound is free. */
  #shrink(): void {
    const total = (each: number) =>
      this.#kept.reduce((sum, { links }) => sum + Math.min(each, links.count), 0);
    let each = Math.max(...this.#kept.map(({ links }) => links.count));
    while (each > 1 && total(each) > this.#most / 2) each = Math.floor(each / 2);
    this.#each = each;
    this.#kept.forEach(({ connection, links }, at) => {
      this.#kept[at] = { connection, links: strongest(links, each) };
    });
    const now = this.#kept.reduce((sum, { links }) => sum + links.count, 0);
    this.#dropped += this.#count - now;
    this.#count = now;
  }
}

/** The `most` links with the smallest p, in their order. */
function strongest(links: ChainLinks, most: number): ChainLinks {
  if (links.count <= most) return links;
  const at = Uint32Array.from(links.logP, (_, i) => i)
    .sort((a, b) => links.logP[a]! - links.logP[b]! || a - b).slice(0, most).sort();
  return { ...edgesAt(links, at), written: Uint8Array.from(at, (i) => links.written[i]!) };
}

/** Some of the edges. */
export function edgesAt(edges: EdgeColumns, at: Uint32Array): EdgeColumns {
  const pick = (values: Float64Array) => Float64Array.from(at, (i) => values[i]!);
  return {
    count: at.length,
    sourceNeuron: Int32Array.from(at, (i) => edges.sourceNeuron[i]!),
    targetNeuron: Int32Array.from(at, (i) => edges.targetNeuron[i]!),
    overlap: pick(edges.overlap),
    cosine: edges.cosine === null ? null : pick(edges.cosine),
    logP: pick(edges.logP),
    logQ: pick(edges.logQ),
    sigma: pick(edges.sigma),
    weight: pick(edges.weight),
    significant: Uint8Array.from(at, (i) => edges.significant[i]!),
  };
}
