/**
 * Spaces of channels: which ports index the same channels.
 *
 * Sharing channels is an equivalence: who shares with one member of a space shares with all. So pairs whose p is small enough after correction for all
 * pairs that were looked at join ports to *shown* spaces, by the weights alone.
 *
 * Weaker evidence is weighed with what the order of layers makes likely: the likelihood ratio of p times the odds that two ports share a space by their
 * places. What adds up to more than even odds joins shown spaces to *supposed* ones.
 */

import { Pace } from "../../../base/pace.ts";
import type { PairTest } from "./pair-tests.ts";
import type { Port } from "./ports.ts";
import { Union } from "../../../model/union.ts";

/** Spaces of a model, by numbers of ports. */
export interface ChannelSpaces {
  /** Of each port, the number of a port that stands for its shown space. */
  readonly shown: readonly number[];
  /** Likewise of supposed spaces, each of which is one shown space or several. */
  readonly supposed: readonly number[];
}

/**
 * How likely two ports share a space by their places: chosen, as decision 160 says. It decides which connections are supposed, never
 * which are shown.
 */
const PRIOR = {
  next: 0.8,
  both: 0.6,
  last: 0.35,
  first: 0.3,
  before: 0.06,
  after: 0.02,
  same: 0.06,
} as const;

/** Evidence of one pair that counts at most: 60 is certainty by any prior. */
const MOST_EVIDENCE = 60;

/**
 * The spaces of a model. Others have the thread in between.
 *
 * @param isShown whether a pair alone shows that its ports share channels
 * @param joins pairs of ports whose spaces have been shown to be one
 * @throws the signal's reason once it is aborted
 */
export async function channelSpaces(
  ports: readonly Port[],
  tests: readonly PairTest[],
  isShown: (test: PairTest) => boolean,
  joins: readonly { readonly first: number; readonly second: number }[] = [],
  signal?: AbortSignal,
): Promise<ChannelSpaces> {
  const shown = new Union(ports.length);
  for (const [a, b] of depthwisePairs(ports)) shown.join(a, b);
  for (const test of tests) if (isShown(test)) shown.join(test.first, test.second);
  for (const { first, second } of joins) shown.join(first, second);
  return { shown: shown.roots(), supposed: await supposedSpaces(ports, tests, shown, new Pace(signal)) };
}

function depthwisePairs(ports: readonly Port[]): (readonly [number, number])[] {
  return ports.flatMap(({ layer, side }, at) => {
    const out = side === "depthwise"
      ? ports.findIndex((each) => each.layer === layer && each.side === "out")
      : -1;
    return out < 0 ? [] : [[at, out] as const];
  });
}

/** What speaks for two sets of ports being one: evidence adds up, the prior counts once. */
interface Link {
  evidence: number;
  prior: number;
}

async function supposedSpaces(
  ports: readonly Port[],
  tests: readonly PairTest[],
  shown: Union,
  pace: Pace,
): Promise<number[]> {
  const spaces = new Union(ports.length);
  // Its first port stands for a space.
  for (const members of Map.groupBy(ports.keys(), (at) => shown.find(at)).values()) {
    for (const at of members) spaces.join(members[0]!, at);
  }
  const links = new Map<number, Map<number, Link>>();
  const linkOf = (a: number, b: number, evidence: number, prior: number) => {
    for (const [x, y] of [[a, b], [b, a]] as const) {
      const of = links.get(x) ?? new Map<number, Link>();
      links.set(x, of);
      const before = of.get(y);
      of.set(y, {
        evidence: (before?.evidence ?? 0) + evidence,
        prior: Math.max(before?.prior ?? -Infinity, prior),
      });
    }
  };
  const places = new Places(ports);
  for (const { first, second, logP } of tests) {
    const [a, b] = [spaces.find(first), spaces.find(second)];
    if (a === b) continue;
    const evidence = Math.min(MOST_EVIDENCE, logRatio(logP, ports[first]!.view.size));
    linkOf(a, b, evidence, logOdds(PRIOR[places.kindOf(first, second)]));
  }
  for (;;) {
    await pace.step();
    const best = strongest(links);
    if (best === null) return spaces.roots();
    const [a, b] = best;
    spaces.join(a, b);
    const gone = links.get(b)!;
    links.delete(b);
    links.get(a)!.delete(b);
    for (const [other, { evidence, prior }] of gone) {
      if (other === a) continue;
      links.get(other)!.delete(b);
      linkOf(a, other, evidence, prior);
    }
  }
}

function strongest(links: ReadonlyMap<number, ReadonlyMap<number, Link>>): readonly [number, number] | null {
  let [most, found]: [number, readonly [number, number] | null] = [0, null];
  for (const [a, of] of links) {
    for (const [b, { evidence, prior }] of of) {
      if (a < b && evidence + prior > most) [most, found] = [evidence + prior, [a, b]];
    }
  }
  return found;
}

const logOdds = (p: number) => Math.log(p / (1 - p));

/** Of a pair that shares a space and shows it, p has the density `power p^(power - 1)`: this over the number of channels, at most so much. */
const MOST_POWER = 0.3;
const POWER_CHANNELS = 1.5;

/** The share of such pairs that show nothing, whose p are uniform: of many channels, and what is added for few, up to a bound. */
const NOTHING = 0.03;
const NOTHING_CHANNELS = 4;
const MOST_NOTHING = 0.3;

/** `ln` of the least p that counts: 1e-40. */
const LEAST_LOG_P = -92;

/** `ln` of how much likelier p is where ports share a space: of `n` channels few true pairs show nothing. All its numbers are chosen, not measured. */
export function logRatio(logP: number, n: number): number {
  const power = Math.min(MOST_POWER, POWER_CHANNELS / n);
  const nothing = Math.min(MOST_NOTHING, NOTHING_CHANNELS / n) + NOTHING;
  return Math.log(nothing + (1 - nothing) * power * Math.exp((power - 1) * Math.max(logP, LEAST_LOG_P)));
}

/** What the order of layers says of two ports. */
class Places {
  readonly #ports: readonly Port[];
  /** Of each reader the last writer of its width before it; of each writer the first reader behind it. */
  readonly #last = new Map<number, number>();
  readonly #first = new Map<number, number>();

  constructor(ports: readonly Port[]) {
    this.#ports = ports;
    const before = (a: number, b: number) =>
      ports[a]!.layer < ports[b]!.layer && ports[a]!.width === ports[b]!.width;
    for (const reader of ports.keys()) {
      if (ports[reader]!.side === "out") continue;
      for (const writer of ports.keys()) {
        if (ports[writer]!.side !== "out" || !before(writer, reader)) continue;
        const last = this.#last.get(reader);
        if (last === undefined || ports[last]!.layer < ports[writer]!.layer) this.#last.set(reader, writer);
        const first = this.#first.get(writer);
        if (first === undefined || ports[first]!.layer > ports[reader]!.layer) {
          this.#first.set(writer, reader);
        }
      }
    }
  }

  kindOf(a: number, b: number): keyof typeof PRIOR {
    const [x, y] = [this.#ports[a]!, this.#ports[b]!];
    if ((x.side === "out") === (y.side === "out")) return "same";
    const [writer, reader] = x.side === "out" ? [a, b] : [b, a];
    const isLast = this.#last.get(reader) === writer;
    const isFirst = this.#first.get(writer) === reader;
    const [from, to] = [this.#ports[writer]!.layer, this.#ports[reader]!.layer];
    if (isLast && isFirst) return to === from + 1 ? "next" : "both";
    if (isLast) return "last";
    if (isFirst) return "first";
    return from < to ? "before" : "after";
  }
}
