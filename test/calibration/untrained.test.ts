/**
 * Untrained networks, with the names and shapes of well-known ones and every usual initialization: there is nothing to find in them.
 *
 * With `bh` at alpha a connection has any significant edge with a chance of at most alpha. Over the `C` connections of a network the number that
 * have one is bounded by a binomial; the bound below is exceeded with a chance of 1e-5.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OpenWorkshop, openWorkshop } from "../../src/run/open-workshop.ts";
import { logBinomialSurvival } from "../../src/stats/binomial.ts";
import { INITIALIZATIONS, kaimingNormal, zeroEnds } from "../untrained/initializations.ts";
import { NETWORKS, untrained } from "../untrained/networks.ts";
import { ALPHA, analysed, reported } from "./analysed.ts";

let workshop: OpenWorkshop;
beforeAll(async () => {
  workshop = await openWorkshop({ kernel: "wasm", threads: 2, memory: 2 ** 28 });
});
afterAll(() => workshop.dispose());

const HELD = INITIALIZATIONS.filter(({ holds }) => holds === "rotation");

/** The most connections with an edge that chance explains. */
function allowed(connections: number): number {
  let most = 0;
  while (logBinomialSurvival(most + 1, connections, ALPHA) > Math.log(1e-5)) most++;
  return most;
}

describe.each(NETWORKS)("an untrained %s", (network) => {
  it.each(HELD)("has nothing to find: $name", async (initialization) => {
    for (const exact of [false, true]) {
      const model = untrained(network, initialization, { seed: 3, width: 12, depth: 2, exact });
      const result = await analysed(model, workshop);
      // Tied embeddings are one tensor twice: they are aligned.
      const connections = result.connections.filter((row) => row["via"] !== "tied");
      const found = connections.filter((row) => Number(row["significant"]) > 0);
      expect(found.length).toBeLessThanOrEqual(allowed(connections.length));
      expect(result.measures.chains.filter(({ logP }) => logP <= Math.log(ALPHA))).toEqual([]);
      const { findings } = reported(model, result);
      const surprising = findings.filter(({ surprise }) => surprise !== null && surprise < Math.log(1e-6));
      expect(surprising.map(({ title }) => title)).toEqual([]);
      for (const { title } of findings) expect(title).not.toMatch(/sparsification/i);
    }
  });
});

describe("an untrained GPT-2 with tied embeddings", () => {
  it("has the identity edges of the tie, and no other", async () => {
    const model = untrained("gpt2", kaimingNormal, { seed: 5, width: 16, depth: 2 });
    const result = await analysed(model, workshop);
    const tied = result.connections.filter((row) => row["via"] === "tied");
    for (const row of tied) expect(Number(row["significant"])).toBe(16);
    expect(
      result.strongest.filter(({ overlap }) => overlap > 0.99).every((edge) =>
        edge.sourceNeuron === edge.targetNeuron
      ),
    ).toBe(true);
  });
});

describe("an untrained ResNet with residual ends of zeros", () => {
  it("says so, and has no edges there", async () => {
    const model = untrained("resnet18", zeroEnds("zeros", kaimingNormal), { seed: 5, width: 12, depth: 2 });
    const result = await analysed(model, workshop);
    const zeros = result.layers.filter((row) => row["null_neurons"] === row["rank"]);
    expect(zeros.length).toBeGreaterThan(0);
    const indices = zeros.map((row) => row["layer_index"]);
    for (const row of result.connections) {
      if (!indices.includes(row["source_layer"]) && !indices.includes(row["target_layer"])) continue;
      expect(row).toMatchObject({ tests: 0, significant: 0, nominal: 0 });
    }
    const [said] = reported(model, result).remarks.filter((remark) => remark.includes("zero"));
    expect(said).toMatch(new RegExp(`^${zeros.length} layers? (is|are) zero \\(`));
  });
});
