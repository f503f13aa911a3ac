/**
 * Whether a planted chain is found, edge by edge, and how often one is reported where there is none.
 *
 * Null control: 1000 models per kind and level, each with one verdict, so that the number of reports is binomial. Its rate is at most alpha:
 * along a chain each edge tests another, independent vector, Fisher's p is exact and Bonferroni over all chains errs on the safe side (far,
 * since chains share their edges). Three standard errors above alpha are exceeded by chance once in 740 times at the most; the seeds
 * are fixed, so the outcome is too.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openEngine } from "../../src/run/open-engine.ts";
import { THREE_SIGMA } from "../support/three-sigma.ts";
import { type ChainKind, chainsOf, specOf } from "./chain-models.ts";

type Open = Awaited<ReturnType<typeof openEngine>>;
let fast: Open;
let small: Open;
beforeAll(async () => {
  fast = await openEngine({ kernel: "wasm", memory: 2 ** 29 });
  small = await openEngine({ kernel: "reference", memory: 2 ** 28 });
});
afterAll(async () => {
  await fast.dispose();
  await small.dispose();
});

const DEPTH = 8;

const same = (channels: number, more: object = {}) =>
  Array.from({ length: DEPTH }, () => ({ out: channels, in: channels, ...more }));

const CONV = { kernel: [3, 3] };

const WIDE_32: ChainKind = { name: "32 wide", unfolding: "svr", layers: same(32) };

/** Two convolutions, a layer that reads their flattened map, and a tail that narrows. */
const NARROWING: ChainKind["layers"] = [
  { out: 32, in: 16, ...CONV },
  { out: 64, in: 32, ...CONV },
  { out: 48, in: 64, positions: 4 },
  { out: 96, in: 48 },
  { out: 64, in: 96 },
  { out: 32, in: 64 },
];

/**
 * Strengths as cosines between what one leading neuron writes and the next one reads. The weakest of each kind is the least at
 * which every link is expected to pass its own test: `z N cosine^2` some times the mean of the null.
 */
const PLANTED: readonly (readonly [ChainKind, readonly number[], readonly (readonly [number, number])[]])[] =
  [
    [WIDE_32, [0.75, 0.95], [[0, 7], [2, 6]]],
    // Two edges against all chains of up to seven must be strong.
    [WIDE_32, [0.95], [[5, 7]]],
    [{ name: "128 wide", unfolding: "svr", layers: same(128) }, [0.5, 0.8], [[1, 6]]],
    [{ name: "convolutions, 32 wide", unfolding: "svr", layers: same(32, CONV) }, [0.45, 0.6, 0.9], [[2, 6], [
      0,
      3,
    ]]],
    [{ name: "convolutions, 64 wide", unfolding: "svr", layers: same(64, CONV) }, [0.35, 0.7], [[3, 7]]],
    [{ name: "a network that narrows", unfolding: "svr", layers: NARROWING }, [0.8, 0.95], [[0, 5], [1, 4]]],
    [
      {
        name: "residual, 48 wide",
        unfolding: "svr",
        layers: same(48),
        residual: [[0, 2], [2, 4], [1, 5], [4, 7]],
      },
      [0.7, 0.95],
      [[2, 6]],
    ],
  ];

const CASES = PLANTED.flatMap(([kind, cosines, spans]) =>
  cosines.flatMap((cosine) => spans.map(([from, to]) => ({ kind, name: kind.name, cosine, from, to })))
);

describe("a chain planted in a model", () => {
  it.each(CASES)(
    "is the dominant connection, exactly: $name, cosine $cosine, layers $from to $to",
    async ({ kind, cosine, from, to }) => {
      for (const seed of [1, 2, 3, 4, 5]) {
        const spec = specOf(kind, seed, { from, to, cosine });
        const [chain] = await chainsOf(spec, kind.unfolding, Math.log(THREE_SIGMA), fast);
        const found = chain!.edges.map((
          edge,
        ) => [edge.sourceLayer, edge.sourceNeuron, edge.targetLayer, edge.targetNeuron]);
        const planted = Array.from({ length: to - from }, (_, at) => [from + at, 0, from + at + 1, 0]);
        expect(found, `seed ${seed}`).toEqual(planted);
        expect(chain!.logP, `seed ${seed}`).toBeLessThan(Math.log(THREE_SIGMA));
      }
    },
  );

  it("is not made up where its neurons are strong and do not meet", async () => {
    const kind = WIDE_32;
    for (const seed of [1, 2, 3, 4, 5]) {
      const [chain] = await chainsOf(
        specOf(kind, seed, { from: 2, to: 6, cosine: 0 }),
        kind.unfolding,
        Math.log(THREE_SIGMA),
        fast,
      );
      expect(chain?.logP ?? 0).toBeGreaterThan(Math.log(THREE_SIGMA));
    }
  });
});

const few = (channels: number, depth: number, more: object = {}) =>
  Array.from({ length: depth }, () => ({ out: channels, in: channels, ...more }));

/** Small, so that chance gives chains at all: the fewer there are, the less is lost by Bonferroni. */
const NULL_KINDS: readonly ChainKind[] = [
  { name: "a chain of 5 layers", unfolding: "svr", layers: few(8, 5) },
  { name: "a chain of 3 narrow layers", unfolding: "svr", layers: few(4, 3) },
  {
    name: "residual connections",
    unfolding: "svr",
    layers: few(6, 6),
    residual: [[0, 2], [1, 3], [2, 4], [3, 5], [0, 4]],
  },
  { name: "convolutions, svr", unfolding: "svr", layers: few(6, 4, { kernel: [2, 2] }) },
  { name: "convolutions, cosvr", unfolding: "cosvr", layers: few(6, 4, { kernel: [2, 2] }) },
];

const RUNS = 1000;
const reports = new Map<number, number>();

describe.each([0.05, THREE_SIGMA])("models without any structure, at alpha %d", (alpha) => {
  it.each(NULL_KINDS)(
    "have a dominant connection in no more than that share of runs: $name",
    async (kind) => {
      let reported = 0;
      let any = 0;
      for (let seed = 1; seed <= RUNS; seed++) {
        const [chain] = await chainsOf(specOf(kind, seed), kind.unfolding, Math.log(alpha), small);
        if (chain !== undefined) any++;
        if (chain !== undefined && chain.logP <= Math.log(alpha)) reported++;
      }
      reports.set(alpha, (reports.get(alpha) ?? 0) + reported);
      expect(reported / RUNS).toBeLessThanOrEqual(alpha + 3 * Math.sqrt(alpha * (1 - alpha) / RUNS));
      // Candidates there are: by chance two links meet in some of the models.
      if (alpha === 0.05) expect(any).toBeGreaterThanOrEqual(RUNS / 100);
    },
  );
});

describe("the null control", () => {
  it("reports something at 0.05, so that it could report too much", () => {
    expect(reports.get(0.05)).toBeGreaterThan(0);
  });
});
