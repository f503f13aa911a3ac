/** Spaces of channels that the weights show and no connection says. */

import type { LayerGraph } from "../../../model/layer.ts";
import type { Copies } from "../inference/copies.ts";
import type { PairTest } from "../inference/pair-tests.ts";
import type { Agreement } from "./agreement.ts";
import type { Contradiction } from "./contradictions.ts";
import type { DeclaredChannels } from "./declared-channels.ts";
import { type ChannelPart, partKey } from "./parts.ts";
import { Union } from "../../../model/union.ts";

/** Several spaces by the connections, one by the weights. */
export interface UndeclaredSpace {
  readonly width: number;
  /** The parts of layers of each of them, those that were looked at. */
  readonly spaces: readonly (readonly ChannelPart[])[];
  /** The most telling pair of parts of two of them. */
  readonly first: ChannelPart;
  readonly second: ChannelPart;
  /** `ln p` of its own test, not corrected for the number of pairs. */
  readonly logP: number;
  /** How many pairs of parts show it. */
  readonly pairs: number;
}

/**
 * What the weights show to be one though no connection joins it. Left out is what has another reason:
 *
 * - a side of a contradicted connection agrees with what fits it better
 * - layers that are copies of each other agree with what the other agrees with
 * - sides that no connection reaches may share what the network reads, or what it gives: two that read it, two that give it, or the network's end and its
 *   beginning
 */
export function undeclaredSpaces(
  graph: LayerGraph,
  contradicted: readonly Contradiction[],
  agreement: Agreement,
  declared: DeclaredChannels,
  copies: Copies,
): UndeclaredSpace[] {
  const fitted = new Set(contradicted.flatMap(({ writer, reader }) => [partKey(writer), partKey(reader)]));
  const ends = new OuterEnds(graph);
  const copiesOf = (part: ChannelPart) =>
    [part.layer, ...copies.get(part.layer) ?? []].map((layer) => ({ ...part, layer }));
  const isExplained = (a: ChannelPart, b: ChannelPart) =>
    fitted.has(partKey(a)) || fitted.has(partKey(b)) || copies.get(a.layer)?.has(b.layer) === true ||
    copiesOf(a).some((one) =>
      copiesOf(b).some((other) => declared.share(one, other) || ends.areOuter(one, other))
    );
  const found = agreement.shown().filter(({ first, second }) =>
    !isExplained(agreement.part(first), agreement.part(second))
  );
  const spaces = new Union(found.length);
  const seen = new Map<number, number>();
  const spaceOf = (at: number) => declared.channelOf(agreement.part(at));
  for (const [number, { first, second }] of found.entries()) {
    for (const space of [spaceOf(first), spaceOf(second)]) {
      const before = seen.get(space);
      if (before === undefined) seen.set(space, number);
      else spaces.join(before, number);
    }
  }
  return [...Map.groupBy(found.keys(), (number) => spaces.find(number)).values()].map((numbers) =>
    undeclared(numbers.map((number) => found[number]!), agreement, spaceOf)
  );
}

function undeclared(
  pairs: readonly PairTest[],
  agreement: Agreement,
  spaceOf: (at: number) => number,
): UndeclaredSpace {
  const best = pairs.reduce((least, pair) => pair.logP < least.logP ? pair : least);
  const ends = [agreement.part(best.first), agreement.part(best.second)] as const;
  // Who writes stands before who reads.
  const [first, second] = ends[1].side === "out" ? [ends[1], ends[0]] : ends;
  const spaces = new Set(pairs.flatMap((pair) => [spaceOf(pair.first), spaceOf(pair.second)]));
  const members = agreement.numbers.filter((at) =>
    agreement.part(at).width === first.width && spaces.has(spaceOf(at))
  );
  return {
    width: first.width,
    spaces: [...Map.groupBy(members, spaceOf).values()].map((some) => some.map((at) => agreement.part(at))),
    first,
    second,
    logP: best.logP,
    pairs: pairs.length,
  };
}

/** Sides of layers that no connection reaches. */
class OuterEnds {
  readonly #targets = new Map<number, number[]>();
  readonly #fed = new Set<number>();

  constructor({ connections }: LayerGraph) {
    for (const { source, target } of connections) {
      this.#fed.add(target);
      const targets = this.#targets.get(source);
      if (targets === undefined) this.#targets.set(source, [target]);
      else targets.push(target);
    }
  }

  /** Whether two parts may share what the network reads, or what it gives. */
  areOuter(a: ChannelPart, b: ChannelPart): boolean {
    if (!this.#isOuter(a) || !this.#isOuter(b)) return false;
    const [writer, reader] = a.side === "out" ? [a, b] : [b, a];
    return (a.side === "out") === (b.side === "out") || this.#leads(reader.layer, writer.layer);
  }

  #isOuter({ side, layer }: ChannelPart): boolean {
    return side === "out" ? !this.#targets.has(layer) : !this.#fed.has(layer);
  }

  /** Whether a way of connections leads from one layer to another. */
  #leads(from: number, to: number): boolean {
    const reached = new Set([from]);
    for (const layer of reached) for (const target of this.#targets.get(layer) ?? []) reached.add(target);
    return reached.has(to);
  }
}
