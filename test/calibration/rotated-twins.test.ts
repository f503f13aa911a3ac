/**
 * Trained networks with the output channels of every layer rotated at random: the same singular values, the same spatial profiles, nothing
 * aligned. So there is nothing to find, and the rotation null finds nothing.
 *
 * False alarms: a rate per connection and twin at 1e-7, by Chernoff's bound (overlaps of one vector with an orthonormal set are negatively
 * associated); a chain at alpha in 40 draws has a chance of 0.05 each time it is drawn, so two are allowed: 2e-5 that there are more.
 */

import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Model } from "../../src/model/ports.ts";
import { loadTopology } from "../../config/load.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { openModel } from "../../src/run/collection/models.ts";
import { type OpenWorkshop, openWorkshop } from "../../src/run/open-workshop.ts";
import { describeWithShared, shared } from "../support/shared.ts";
import { rotated } from "../untrained/rotated.ts";
import { ALPHA, analysed, reported } from "./analysed.ts";
import { chernoffExponent, criticalExponent } from "./sampling-error.ts";

/** Two are in the project, two beside it. */
const TWINS = ["vgg16s-bn-wd", "vgg16s-wd"] as const;
const OTHERS = ["vgg16s", "vgg16s-bn"] as const;

/** Of each twin. */
const SEEDS = 20;

let folder = "";
let workshop: OpenWorkshop;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-rotated-"));
  workshop = await openWorkshop({
    ...{ kernel: "wasm", threads: 2, memory: 2 ** 29, spill: join(folder, "spill") },
    cache: { folder: join(folder, "cache"), limit: 2 ** 30, alone: true },
  });
});
afterAll(async () => {
  await workshop.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** The model with its layer graph: from the topology beside it, else from its names. */
async function opened(path: string): Promise<Model> {
  const model = await openModel(path);
  const beside = path.replace(/\.safetensors$/, ".topology.yaml");
  const settings = existsSync(beside) ? { topology: await loadTopology(beside) } : {};
  return { ...model, graph: layerGraph(model, settings) };
}

const sparsified = ({ findings }: ReturnType<typeof reported>) =>
  findings.filter(({ title }) => /sparsification/i.test(title)).map(({ title }) => title);

const pathOf = (name: string) => `pipelines/models/${name}/epoch-012.f16.safetensors`;
const sharedPath = (name: string) => `our-models/${name}/final.safetensors`;

/** Nothing is found in a twin. */
function nothingFound(path: string): void {
  it(
    "has edges as chance gives, no dominant connection and no sparsification, by rotated vectors",
    async () => {
      const model = await opened(path);
      const nominal = new Map<string, { hits: number; tests: number }>();
      let chains = 0;
      for (let seed = 0; seed < SEEDS; seed++) {
        const result = await analysed(model, workshop, seed);
        const { connections, measures } = result.control!;
        for (const row of connections) {
          const key = `${String(row["source_layer"])} -> ${String(row["target_layer"])}`;
          const sum = nominal.get(key) ?? { hits: 0, tests: 0 };
          sum.hits += Number(row["nominal"]);
          sum.tests += Number(row["tests"]);
          nominal.set(key, sum);
        }
        chains += measures.chains.some(({ logP }) => logP <= Math.log(0.001)) ? 1 : 0;
        expect(sparsified(reported(model, result, true)), `seed ${seed}`).toEqual([]);
      }
      for (const [key, { hits, tests }] of nominal) {
        const what = `${key}: ${(hits / (ALPHA * tests)).toFixed(3)} x nominal`;
        expect(chernoffExponent(hits, tests, ALPHA), what).toBeLessThan(criticalExponent(1e-7));
      }
      expect(nominal.size).toBe(14);
      expect(chains).toBe(0);
    },
    300_000,
  );

  it("has the same when the weights themselves are rotated, and decomposed again", async () => {
    const model = await opened(path);
    const turned = rotated(model, model.graph!, 7, workshop.kernel);
    const result = await analysed(turned, workshop);
    for (const row of result.connections) {
      const [hits, tests] = [Number(row["nominal"]), Number(row["tests"])];
      const what = `${String(row["source_layer"])}: ${(hits / (ALPHA * tests)).toFixed(3)} x nominal`;
      expect(chernoffExponent(hits, tests, ALPHA), what).toBeLessThan(criticalExponent(1e-7));
    }
    expect(result.measures.chains.filter(({ logP }) => logP <= Math.log(0.001))).toEqual([]);
    expect(sparsified(reported(turned, result))).toEqual([]);
  }, 120_000);
}

for (const name of TWINS) {
  describe(`${name} with rotated channels`, () => nothingFound(pathOf(name)));
}
for (const name of OTHERS) {
  describeWithShared(
    `${name} with rotated channels`,
    [sharedPath(name)],
    () => nothingFound(shared(sharedPath(name))),
  );
}
