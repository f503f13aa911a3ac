/**
 * Inferred topologies of networks in which no two layers share channels: untrained ones, and parts of trained ones whose every port is relabelled. At most
 * one in a thousand may show anything, whatever it is that it shows. `test/bench/wiring.ts` counts three thousand.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { inferred } from "../../src/stages/topology/inference/inferred.ts";
import type { InferredFrom } from "../../src/stages/topology/inference/layer-reader.ts";
import { logBinomialSurvival } from "../../src/stats/binomial.ts";
import { KERNELS } from "../support/kernels.ts";
import { leastLogP, unconnectedMakers } from "./unconnected-models.ts";

/** Of each count below. */
const FALSE_ALARM = 1e-4;

let kernel: Kernel;
let makers: readonly ((seed: number) => InferredFrom)[] = [];
beforeAll(async () => {
  kernel = await KERNELS.get("wasm")!();
  makers = await unconnectedMakers();
});
afterAll(() => kernel.dispose());

describe("networks that share nothing", () => {
  it("show something no more often than the level says", async () => {
    const least: number[] = [];
    for (const [at, make] of makers.entries()) {
      for (let seed = 1; seed <= 6; seed++) {
        const { graph, tests } = await inferred(make(1000 * at + seed), kernel);
        expect(tests.length).toBeGreaterThan(3);
        expect(graph.connections.filter(({ evidence }) => evidence === "inferred")).toEqual([]);
        least.push(leastLogP(tests));
      }
    }
    for (const level of [0.3, 0.1, 0.01]) {
      const hits = least.filter((logP) => logP <= Math.log(level)).length;
      expect(logBinomialSurvival(hits, least.length, level), `${hits} at ${level}`).toBeGreaterThan(
        Math.log(FALSE_ALARM),
      );
    }
    // It is no empty test: a level of 0.3 is used to a good part.
    expect(least.filter((logP) => logP <= Math.log(0.3)).length).toBeGreaterThan(0.1 * least.length);
  });
});
