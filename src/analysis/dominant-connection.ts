/**
 * The dominant connection: the chain of edges through consecutive layers that is least likely by chance.
 *
 * Fisher's method joins the p-values of a chain of `k` edges: under the null `-2 sum ln p` is chi-squared with `2k` degrees of freedom
 * (each edge tests another vector). So of each length the chain with the largest `-sum ln p` is the best, which a dynamic programme
 * finds; the lengths are compared by their joint p, and Bonferroni over all chains of all lengths makes it the p of the best.
 */

import type { Chain, ChainEdge } from "../model/measures.ts";
import { logGammaSurvival } from "../stats/special-functions.ts";
import { MOST_EDGES } from "./chain-count.ts";
import type { ConnectionLinks } from "./chain-links.ts";

/**
 * The dynamic programme holds a number per linked neuron and length: 256 MB at most. With as many links as are kept (2^20) that is
 * enough for 31 lengths at the worst, for all that are admissible up to 130,000 neurons.
 */
const MOST_STATES = 2 ** 25;

/** The shortest chain: a single edge is in the edges table. */
const FEWEST_EDGES = 2;

/** Where a link is, and what it joins: positions of neurons among those that any link touches. */
interface Links {
  readonly neurons: number;
  readonly source: Int32Array;
  readonly target: Int32Array;
  readonly logP: Float64Array;
  /** Which of the connections it is of, and which of its links. */
  readonly connection: Int32Array;
  readonly place: Int32Array;
}

/** A chain as positions of links: the connection's, and the link's within it. */
export type ChainPlaces = readonly { readonly connection: number; readonly link: number }[];

/**
 * The best chains that share no neuron, best first: the dominant connection, then the dominant connection of what is left without its
 * neurons, and so on.
 *
 * A chain has 2 to 256 edges. Beyond that a model's layers repeat each other's work and single links lose their meaning; the bound
 * keeps the programme's time at `256 * links`.
 *
 * @param connections their links, no two connections forming a cycle
 * @param logChains `ln` of the number of chains among which each is chosen: see `logChainCount`
 * @param most how many chains are wanted
 */
export function dominantConnections(
  connections: readonly ConnectionLinks[],
  logChains: number,
  most: number,
): { readonly chain: Chain; readonly places: ChainPlaces }[] {
  const links = joined(connections);
  const alive = new Uint8Array(links.neurons).fill(1);
  const found: { chain: Chain; places: ChainPlaces }[] = [];
  while (found.length < most) {
    const best = bestChain(links, alive);
    if (best === null) break;
    for (const at of best) {
      alive[links.source[at]!] = 0;
      alive[links.target[at]!] = 0;
    }
    const places = best.map((at) => ({ connection: links.connection[at]!, link: links.place[at]! }));
    const edges = places.map(({ connection, link }) => edgeOf(connections[connection]!, link));
    const logFisher = logFisherOf(edges.length, -edges.reduce((sum, { logP }) => sum + logP, 0));
    found.push({
      chain: { edges, logFisher, logChains, logP: Math.min(0, logFisher + logChains) },
      places,
    });
  }
  return found;
}

/** `ln P(chi2 with 2k degrees of freedom >= 2 score)`, for a score of `-sum ln p`. */
function logFisherOf(edges: number, score: number): number {
  return logGammaSurvival(edges, score);
}

function edgeOf({ connection, links }: ConnectionLinks, at: number): ChainEdge {
  return {
    sourceLayer: connection.source,
    sourceNeuron: links.sourceNeuron[at]!,
    targetLayer: connection.target,
    targetNeuron: links.targetNeuron[at]!,
    part: connection.part,
    overlap: links.overlap[at]!,
    logP: links.logP[at]!,
  };
}

/** All links in one list; neurons are numbered as they are first met. */
function joined(connections: readonly ConnectionLinks[]): Links {
  const count = connections.reduce((sum, { links }) => sum + links.count, 0);
  const numbers = new Map<number, Int32Array>();
  let neurons = 0;
  const number = (layer: number, neuron: number) => {
    let known = numbers.get(layer) ?? new Int32Array(0);
    if (neuron >= known.length) {
      const longer = new Int32Array(Math.max(2 * known.length, neuron + 1)).fill(-1);
      longer.set(known);
      numbers.set(layer, known = longer);
    }
    if (known[neuron] === -1) known[neuron] = neurons++;
    return known[neuron]!;
  };
  const int32 = () => new Int32Array(count);
  const all = { source: int32(), target: int32(), connection: int32(), place: int32() };
  const logP = new Float64Array(count);
  let at = 0;
  connections.forEach(({ connection, links }, which) => {
    for (let i = 0; i < links.count; i++, at++) {
      all.source[at] = number(connection.source, links.sourceNeuron[i]!);
      all.target[at] = number(connection.target, links.targetNeuron[i]!);
      all.connection[at] = which;
      all.place[at] = i;
      logP[at] = links.logP[i]!;
    }
  });
  return { ...all, logP, neurons };
}

/** The links of the chain with the smallest joint p through neurons that are alive; the shorter, then the first, on a tie. */
function bestChain(links: Links, alive: Uint8Array): number[] | null {
  const { source, target, logP, neurons } = links;
  const lengths = Math.min(MOST_EDGES, Math.floor(MOST_STATES / Math.max(1, neurons)));
  // states[k][neuron]: the largest -sum ln p of a chain of k edges that ends there, -Infinity where there is none.
  const states = [Float64Array.from(alive, (yes) => yes === 1 ? 0 : -Infinity)];
  let best = { edges: 0, end: -1, logFisher: Infinity };
  for (let edges = 1; edges <= lengths; edges++) {
    const before = states[edges - 1]!;
    const now = new Float64Array(neurons).fill(-Infinity);
    let end = -1;
    for (let at = 0; at < logP.length; at++) {
      const to = target[at]!;
      const score = before[source[at]!]! - logP[at]!;
      if (!(score > now[to]!) || alive[to] === 0) continue;
      now[to] = score;
      if (end < 0 || score > now[end]!) end = to;
    }
    if (end < 0) break;
    states.push(now);
    const logFisher = logFisherOf(edges, now[end]!);
    if (edges >= FEWEST_EDGES && logFisher < best.logFisher) best = { edges, end, logFisher };
  }
  if (best.end < 0) return null;
  return traced(links, states, best.edges, best.end);
}

/** The links of the best chain of so many edges into a neuron. Sums are the same numbers again, so that equality is exact. */
function traced(
  { source, target, logP }: Links,
  states: readonly Float64Array[],
  edges: number,
  end: number,
): number[] {
  const chain: number[] = [];
  let to = end;
  for (let left = edges; left > 0; left--) {
    const [before, now] = [states[left - 1]!, states[left]!];
    const at = target.findIndex((each, i) => each === to && before[source[i]!]! - logP[i]! === now[to]);
    chain.unshift(at);
    to = source[at]!;
  }
  return chain;
}
