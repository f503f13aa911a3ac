/**
 * `shared_log_p` of untrained networks: the channels of their layers have nothing to do with each other, so at most a share `p` of all
 * connections has a p-value of `p`. Relabelling is all that the test supposes: it holds for sparse weights and dead channels too.
 *
 * Connections share layers. Two of them, even of a common layer, are relabelled independently; three or more need not be. So counts have the
 * variance of a binomial, and not its tail (shared-channels.test.ts).
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OpenEngine, openEngine } from "../../src/run/open-engine.ts";
import { INITIALIZATIONS } from "../untrained/initializations.ts";
import { NETWORKS, untrained } from "../untrained/networks.ts";
import { analysed } from "./analysed.ts";

const SEEDS = 2;

/** Dirac's kernels are aligned: all of them are the identity. */
const RELABELLED = INITIALIZATIONS.filter(({ holds }) => holds !== "neither");

let engine: OpenEngine;
beforeAll(async () => {
  engine = await openEngine({ kernel: "wasm", threads: 2, memory: 2 ** 28 });
});
afterAll(() => engine.dispose());

const found: { readonly name: string; readonly logP: number }[] = [];

describe("the test of shared channels, in untrained networks", () => {
  it.each(RELABELLED)("is made: $name", async (initialization) => {
    const before = found.length;
    for (const network of NETWORKS) {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { connections } = await analysed(
          untrained(network, initialization, { seed: 100 + seed, width: 16, depth: 2 }),
          engine,
        );
        // Tied embeddings are one tensor twice.
        for (const { via, shared_log_p: logP } of connections) {
          if (via !== "tied" && typeof logP === "number") found.push({ name: initialization.name, logP });
        }
      }
    }
    expect(found.length - before).toBeGreaterThan(40);
  });

  it.each([0.05, 1e-3, 1e-5])("has a p of at most %f in no more connections than that", (level) => {
    const hits = found.filter(({ logP }) => logP <= Math.log(level)).length;
    expect(found.length).toBeGreaterThan(3000);
    const mean = level * found.length;
    expect(hits, `${hits} of ${found.length}`).toBeLessThan(mean + 5 * Math.sqrt(mean));
  });

  it("is no empty test: a level of 0.05 is all but used", () => {
    const hits = found.filter(({ logP }) => logP <= Math.log(0.05)).length;
    expect(hits).toBeGreaterThan(0.04 * found.length);
  });
});
