/**
 * Trained networks with the output channels of every layer rotated at random: the same singular values, the same spatial profiles, nothing
 * aligned. So there is nothing to find, and the rotation null finds nothing.
 *
 * Edges of a connection share vectors, so that their number varies more than a binomial one: how much, the seeds tell. Its mean over 20 seeds is
 * to be within 5 of its standard errors, of which Student's t with 19 degrees of freedom exceeds once in 12,000 times: over fresh seeds once
 * in 200 for 56 connections. A single draw is looked at over all its connections together. A chain at 0.001 would come about in 0.08 of 80
 * draws at the most.
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
import { type OpenEngine, openEngine } from "../../src/run/open-engine.ts";
import { describeWithShared, shared } from "../support/shared.ts";
import { rotated } from "../untrained/rotated.ts";
import { ALPHA, analysed, reported } from "./analysed.ts";

/** Two are in the project, two beside it. */
const TWINS = ["vgg16s-bn-wd", "vgg16s-wd"] as const;
const OTHERS = ["vgg16s", "vgg16s-bn"] as const;

/** Of each twin. */
const SEEDS = 20;

let folder = "";
let engine: OpenEngine;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-rotated-"));
  engine = await openEngine({
    kernel: "wasm",
    threads: 2,
    memory: 2 ** 29,
    spill: join(folder, "spill"),
    cache: { folder: join(folder, "cache"), limit: 2 ** 30, alone: true },
  });
});
afterAll(async () => {
  await engine.dispose();
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
      const ratios = new Map<string, { expected: number; values: number[] }>();
      let chains = 0;
      for (let seed = 0; seed < SEEDS; seed++) {
        const result = await analysed(model, engine, [seed]);
        const { connections, measures } = result.controls[0]!;
        for (const row of connections) {
          const key = `${String(row["source_layer"])} -> ${String(row["target_layer"])}`;
          const expected = ALPHA * Number(row["tests"]);
          const known = ratios.get(key) ?? { expected, values: [] };
          known.values.push(Number(row["nominal"]) / expected);
          ratios.set(key, known);
        }
        chains += measures.chains.some(({ logP }) => logP <= Math.log(0.001)) ? 1 : 0;
        expect(sparsified(reported(model, result, true)), `seed ${seed}`).toEqual([]);
      }
      for (const [key, { expected, values }] of ratios) {
        const mean = values.reduce((sum, value) => sum + value, 0) / SEEDS;
        const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
        // No less than that of a Poisson count: a few seeds may be alike by chance.
        const error = Math.max(Math.sqrt(squares / (SEEDS - 1) / SEEDS), 1 / Math.sqrt(SEEDS * expected));
        expect(Math.abs(mean - 1), `${key}: ${mean} +- ${error} x nominal`).toBeLessThan(5 * error);
      }
      expect(ratios.size).toBe(14);
      expect(chains).toBe(0);
    },
    300_000,
  );

  it("has the same when the weights themselves are rotated, and decomposed again", async () => {
    const model = await opened(path);
    const turned = rotated(model, model.graph!, 7, engine.kernel);
    const result = await analysed(turned, engine);
    const sum = (column: string) => result.connections.reduce((all, row) => all + Number(row[column]), 0);
    const ratio = sum("nominal") / (ALPHA * sum("tests"));
    expect(Math.abs(ratio - 1), `${ratio} x nominal`).toBeLessThan(0.2);
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
