import { describe, expect, it } from "vitest";
// @ts-types="../stats/jstat.d.ts"
import jstat from "jstat";
import { logChainCount, MOST_EDGES } from "../../src/analysis/chain-count.ts";
import { LinkStore } from "../../src/analysis/chain-links.ts";
import { dominantConnections } from "../../src/analysis/dominant-connection.ts";
import { measureModel } from "../../src/analysis/model-measures.ts";
import type { Chain } from "../../src/model/measures.ts";
import { connectionOf } from "../support/layer-fixture.ts";
import {
  chainTotal,
  columnsOf,
  everyChain,
  type Link,
  measured,
  randomFlow,
  uniform,
} from "../support/random-flow.ts";

const SEEDS = Array.from({ length: 60 }, (_, at) => at + 1);

/** `ln P(chi2 with 2k degrees of freedom >= 2x) = -x + ln sum_{i<k} x^i / i!`. */
function logFisher(links: readonly Pick<Link, "logP">[]): number {
  const x = -links.reduce((sum, { logP }) => sum + logP, 0);
  let term = 1;
  let sum = 1;
  for (let i = 1; i < links.length; i++) sum += term *= x / i;
  return -x + Math.log(sum);
}

const linksOf = (chain: Pick<Chain, "edges">) =>
  chain.edges.map((edge) =>
    [edge.sourceLayer, edge.sourceNeuron, edge.targetLayer, edge.targetNeuron, edge.part].join(" ")
  );

const named = (links: readonly Link[]) =>
  links.map(({ connection, source, target }) =>
    [connection.source, source, connection.target, target, connection.part].join(" ")
  );

const neuronsOf = (links: readonly Link[]) =>
  new Set(
    links.flatMap((
      { connection, source, target },
    ) => [`${connection.source} ${source}`, `${connection.target} ${target}`]),
  );

describe("the dominant connection", () => {
  it.each(SEEDS)("is the best of all chains, listed one by one, seed %i", (seed) => {
    const flow = randomFlow(seed);
    const chains = everyChain(flow).sort((a, b) => logFisher(a) - logFisher(b));
    const { chains: found } = measured(measureModel, flow).measures;
    expect(found).toHaveLength(Math.min(1, chains.length));
    const [best] = chains;
    const [chain] = found;
    if (best === undefined || chain === undefined) return;
    expect(linksOf(chain)).toEqual(named(best));
    expect(chain.logFisher).toBeCloseTo(logFisher(best), 9);
    expect(chain.logChains).toBeCloseTo(Math.log(chainTotal(flow)), 9);
    expect(chain.logP).toBe(Math.min(0, chain.logFisher + chain.logChains));
    expect(chain.edges.map(({ overlap }) => overlap)).toEqual(best.map(({ overlap }) => overlap));
  });

  it.each(SEEDS.slice(0, 20))("and the next ones share no neuron with a better one, seed %i", (seed) => {
    const flow = randomFlow(seed);
    const expected: Link[][] = [];
    for (let left = everyChain(flow); left.length > 0 && expected.length < 4;) {
      const best = left.reduce((a, b) => logFisher(b) < logFisher(a) ? b : a);
      const taken = neuronsOf(best);
      expected.push(best);
      left = left.filter((chain) => ![...neuronsOf(chain)].some((neuron) => taken.has(neuron)));
    }
    const { chains } = measured(measureModel, flow, 4).measures;
    expect(chains.map(linksOf)).toEqual(expected.map(named));
  });

  it("says which of its edges were not written, if it is more than chance", () => {
    let some = 0;
    for (const seed of SEEDS.slice(0, 10)) {
      const flow = randomFlow(seed);
      const { measures, unwritten } = measured(measureModel, flow, 1, 0);
      const edges = measures.chains.flatMap(({ edges }) => edges).filter((edge) =>
        edge.targetNeuron % 2 === 1
      );
      const found = unwritten.flatMap(({ connection, edges }) =>
        Array.from(
          edges.sourceNeuron,
          (source, at) =>
            [connection.source, source, connection.target, edges.targetNeuron[at], connection.part].join(" "),
        )
      );
      expect(found.sort()).toEqual(linksOf({ edges }).sort());
      for (const { edges } of unwritten) {
        expect(edges.weight).toEqual(edges.overlap.map((overlap) => overlap / 2));
        expect(edges.logQ).toEqual(edges.logP);
      }
      expect(measured(measureModel, flow, 1, -1e9).unwritten).toEqual([]);
      some += found.length;
    }
    expect(some).toBeGreaterThan(5);
  });

  it("has the p of Fisher's method: jStat's chi-squared", () => {
    const next = uniform(7);
    for (const edges of [2, 3, 5, 9]) {
      const links = Array.from({ length: edges }, (_, at): Link => ({
        connection: connectionOf(at, at + 1, []),
        source: 0,
        target: 0,
        overlap: 0.5,
        logP: -3 * next(),
      }));
      const [found] = dominantConnections(
        links.map((link) => ({ connection: link.connection, links: columnsOf([link]) })),
        0,
        1,
      );
      // The longest is not always the best: of the chosen one the p must be right.
      const score = found!.chain.edges.reduce((sum, { logP }) => sum - logP, 0);
      const k = found!.chain.edges.length;
      expect(Math.exp(found!.chain.logFisher)).toBeCloseTo(
        1 - jstat.jStat.chisquare.cdf(2 * score, 2 * k),
        10,
      );
    }
  });

  it("ends at 256 edges, in a model of any depth", () => {
    const links = Array.from({ length: 400 }, (_, at) => ({
      connection: connectionOf(at, at + 1, []),
      links: columnsOf([{
        connection: connectionOf(at, at + 1, []),
        source: 0,
        target: 0,
        overlap: 0.5,
        logP: at === 50 ? -2 : -30,
      }]),
    }));
    const found = dominantConnections(links, 0, 3);
    expect(found[0]!.chain.edges).toHaveLength(MOST_EDGES);
    expect(found[0]!.chain.edges[0]!.sourceLayer).toBeGreaterThan(50);
    expect(found.map(({ chain }) => chain.edges.length)).toEqual([
      256,
      expect.any(Number),
      expect.any(Number),
    ]);
  });
});

describe("the number of chains", () => {
  it("is that of all products along all ways; ln of it where it leaves the range of numbers", () => {
    const chain = (layers: number, neurons: number) =>
      Array.from({ length: layers - 1 }, (_, at) => ({
        source: at,
        target: at + 1,
        sources: neurons,
        targets: neurons,
      }));
    // Of L layers with r neurons: sum over k of (L - k) r^(k+1).
    expect(logChainCount(chain(4, 3))).toBeCloseTo(Math.log(2 * 27 + 81), 12);
    expect(logChainCount(chain(3, 5))).toBeCloseTo(Math.log(125), 12);
    expect(logChainCount(chain(200, 4096))).toBeCloseTo(200 * Math.log(4096) + Math.log1p(2 / 4096), 5);
    expect(logChainCount(chain(4, 3), 2)).toBeCloseTo(Math.log(2 * 27), 12);
  });

  it("is none where no two connections follow one another", () => {
    expect(logChainCount([])).toBe(-Infinity);
    expect(logChainCount([{ source: 0, target: 1, sources: 3, targets: 3 }])).toBe(-Infinity);
  });
});

describe("the store of links", () => {
  const some = (count: number, seed: number) => {
    const next = uniform(seed);
    return columnsOf(Array.from({ length: count }, (_, at): Link => ({
      connection: connectionOf(0, 1, []),
      source: at,
      target: at,
      overlap: 0.5,
      logP: -100 * next(),
    })));
  };

  it("keeps all up to its bound, and says nothing", () => {
    const store = new LinkStore(100);
    for (let at = 0; at < 10; at++) store.add(connectionOf(at, at + 1, []), some(10, at));
    expect(store.all.map(({ links }) => links.count)).toEqual(new Array(10).fill(10));
    expect(store.approximations).toEqual([]);
  });

  it("beyond it lets the weakest of every connection go, and says so", () => {
    const store = new LinkStore(100);
    for (let at = 0; at < 40; at++) store.add(connectionOf(at, at + 1, []), some(5 + at, at));
    const kept = store.all.reduce((sum, { links }) => sum + links.count, 0);
    expect(kept).toBeLessThanOrEqual(100);
    expect(kept).toBeGreaterThanOrEqual(40);
    expect(store.all).toHaveLength(40);
    for (const [at, { links }] of store.all.entries()) {
      const best = [...some(5 + at, at).logP].sort((a, b) => a - b).slice(0, links.count);
      expect([...links.logP].sort((a, b) => a - b)).toEqual(best);
      expect([...links.sourceNeuron]).toEqual([...links.sourceNeuron].sort((a, b) => a - b));
    }
    const dropped = 40 * 5 + 39 * 40 / 2 - kept;
    expect(store.approximations).toEqual([expect.stringContaining(`the ${dropped} weakest`)]);
  });
});
