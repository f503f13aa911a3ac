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
import { lastValueFrom } from "rxjs";
import type { ModelReport } from "../../src/analysis/report.ts";
import { spectralGraph } from "../../src/flow/pipeline.ts";
import type { ModelMeasures } from "../../src/model/measures.ts";
import type { Model } from "../../src/model/ports.ts";
import type { Row } from "../../src/model/tables.ts";
import { loadTopology } from "../../config/load.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { openModel } from "../../src/run/collection/models.ts";
import { type OpenEngine, openEngine } from "../../src/run/open-engine.ts";
import { ROOT } from "../repo/sources.ts";
import { pipelineSettings } from "../support/pipeline-settings.ts";
import { describeWithShared, shared } from "../support/shared.ts";
import { rotated } from "../untrained/rotated.ts";
import { ALPHA, analysed, reported } from "./analysed.ts";

/** Two are in the project, two beside it. */
const TWINS = ["vgg16s-bn-wd", "vgg16s-wd"] as const;
const OTHERS = ["vgg16s", "vgg16s-bn"] as const;

/** Of each twin. */
const SEEDS = 20;

/** No finding is more surprising, in any draw. */
const LEAST_SURPRISE = Math.log(1e-6);

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

const pathOf = (name: string) => join(ROOT, `pipelines/models/${name}/epoch-012.f16.safetensors`);
const sharedPath = (name: string) => `our-models/${name}/final.safetensors`;

const overChance = (row: Row) => Number(row["nominal"]) / (ALPHA * Number(row["tests"]));

function expectNothing({ findings }: ModelReport, { chains }: ModelMeasures, what: string): void {
  for (const { logP } of chains) expect(logP, what).toBeGreaterThan(Math.log(0.001));
  for (const { kind, title, surprise } of findings) {
    expect(kind, what).not.toBe("dominant-connection");
    expect(title, what).not.toMatch(/sparsification/i);
    expect(surprise ?? 0, `${what}: ${title}`).toBeGreaterThan(LEAST_SURPRISE);
  }
}

/** Nothing is found in a twin. */
function nothingFound(path: string): void {
  let model: Model;
  beforeAll(async () => {
    model = await opened(path);
  });
  afterAll(() => model.close());

  it("has edges as chance gives, no dominant connection and no finding, by rotated vectors", async () => {
    const result = await analysed(model, engine, Array.from({ length: SEEDS }, (_, seed) => seed));
    result.controls.forEach((control, seed) => {
      const report = reported(model, { ...result, controls: [control] }, true);
      expectNothing(report, control.measures, `seed ${seed}`);
    });
    expect(result.controls).toHaveLength(SEEDS);
    expect(result.connections).toHaveLength(14);
    result.connections.forEach((row, at) => {
      const values = result.controls.map(({ connections }) => overChance(connections[at]!));
      const mean = values.reduce((sum, value) => sum + value, 0) / SEEDS;
      const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
      // No less than that of a Poisson count: a few seeds may be alike by chance.
      const expected = ALPHA * Number(row["tests"]);
      const error = Math.max(Math.sqrt(squares / (SEEDS - 1) / SEEDS), 1 / Math.sqrt(SEEDS * expected));
      const what = `${String(row["source_layer"])} -> ${String(row["target_layer"])}: ${mean} +- ${error}`;
      expect(Math.abs(mean - 1), what).toBeLessThan(5 * error);
    });
  }, 300_000);

  it("has the same when the weights themselves are rotated, and decomposed again", async () => {
    const turned = rotated(model, model.graph!, 7, engine.kernel);
    const result = await analysed(turned, engine);
    const sum = (column: string) => result.connections.reduce((all, row) => all + Number(row[column]), 0);
    const ratio = sum("nominal") / (ALPHA * sum("tests"));
    expect(Math.abs(ratio - 1), `${ratio} x nominal`).toBeLessThan(0.2);
    expectNothing(reported(turned, result), result.measures, "rotated weights");
  }, 120_000);

  // Trained kernels live on few taps, so that this would be found out were the rotation null as wrong.
  it("would have more edges by the joint null, which turns profiles too", async () => {
    const usual = pipelineSettings(engine, Math.log(ALPHA));
    const { controls: [control] } = await lastValueFrom(
      spectralGraph(model, { ...usual, test: { ...usual.test, null: "beta" }, controlSeeds: [1] }),
    );
    const second = control!.connections[1]!;
    expect(second["positions"]).toBe(9);
    expect(overChance(second)).toBeGreaterThan(1.3);
    const known = path.includes("vgg16s-bn-wd") ? control!.connections : [];
    const deep = known.filter((row) => row["positions"] === 9).slice(-6);
    for (const row of deep) expect(overChance(row)).toBeGreaterThan(1.3);
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
