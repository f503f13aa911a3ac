/**
 * Trained networks with all alignment taken away: every layer's output channels turned at random. Singular values, right vectors and the spatial
 * profiles of kernels are those of the trained network, so whatever is still found is not alignment. Beside them, the same networks as they are,
 * with figures of another program.
 *
 * Edges of a connection share vectors, so their number varies more than a binomial one: how much, the seeds tell. Its mean over 20 seeds is to be
 * within 5 of its standard errors, of which Student's t with 19 degrees of freedom exceeds once in 12,000 times: over fresh seeds once in 200 for
 * 56 connections. A dominant connection at 0.001 would come about in 0.08 of 80 models at the most.
 */

import { afterAll, beforeAll, expect, it } from "vitest";
import { fileURLToPath } from "node:url";
import { formatOf } from "../../connectors/sources/registry.ts";
import type { PipelineSettings } from "../../src/flow/pipeline.ts";
import type { LayerGraph } from "../../src/model/layer.ts";
import type { Model } from "../../src/model/ports.ts";
import type { Spectrum } from "../../src/model/spectrum.ts";
import type { Row } from "../../src/model/tables.ts";
import { openWorkshop } from "../../src/run/open-workshop.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { turned } from "../../src/stages/null-control.ts";
import type { NullName } from "../../src/stats/null-distribution.ts";
import { logSurvivalOfSigma } from "../../src/stats/normal.ts";
import { pipelineSettings } from "../support/pipeline-settings.ts";
import { describeWithShared, shared } from "../support/shared.ts";
import { rotated } from "../untrained/rotated.ts";
import { analysed, analysedSpectra, type Analysis, spectraOf } from "./analyses.ts";

const own = (path: string) => fileURLToPath(new URL(`../../pipelines/models/${path}`, import.meta.url));

/** Of five connections between deep layers in a row: edges over chance, at 3 sigma, and those between near-kernels. Not by this program. */
interface Golden {
  readonly from: string;
  readonly edges: readonly number[];
  readonly between: readonly number[];
}

interface Twin {
  readonly name: string;
  readonly path: string;
  /** Within the shared folder, where it is not the project's own. */
  readonly needs: readonly string[];
  readonly golden?: Golden;
}

const TWINS: readonly Twin[] = [
  {
    name: "vgg16s-bn-wd, epoch 12",
    path: own("vgg16s-bn-wd/epoch-012.f16.safetensors"),
    needs: [],
    golden: {
      from: "features.24",
      edges: [22.25, 17.71, 17.17, 16.38, 12.57],
      between: [1.553, 2.661, 3.474, 4.665, 5.494],
    },
  },
  {
    name: "vgg16s-wd, epoch 12",
    path: own("vgg16s-wd/epoch-012.f16.safetensors"),
    needs: [],
    golden: { from: "features.17", edges: [1.549, 1.345, 1.537, 1.549, 1.763], between: [] },
  },
  ...["vgg16s-bn", "vgg16s"].map((name): Twin => {
    const path = `our-models/${name}/final.safetensors`;
    return { name, path: shared(path), needs: [path] };
  }),
];

const SEEDS = 20;
const ALPHA = 0.001;

for (const { name, path, needs, golden } of TWINS) {
  describeWithShared(`a twin, ${name}`, needs, () => {
    let workshop: Awaited<ReturnType<typeof openWorkshop>>;
    let model: Model;
    let graph: LayerGraph;
    let spectra: readonly Spectrum[];
    beforeAll(async () => {
      workshop = await openWorkshop({ kernel: "wasm", threads: 1, memory: 2 ** 30 });
      model = await (await formatOf(path)).open(path, name);
      graph = layerGraph(model);
      spectra = await spectraOf(model, graph, "svr", workshop.kernel);
    });
    afterAll(async () => {
      await model.close();
      await workshop.dispose();
    });

    /** Edges without correction. */
    const settings = (logAlpha: number, named: NullName = "rotation"): PipelineSettings => {
      const usual = pipelineSettings(workshop, logAlpha);
      return { ...usual, test: { ...usual.test, null: named, correction: "none" } };
    };

    /** As `rotated` has it, without decomposing a weight again. */
    const turnedSpectra = async (seed: number): Promise<Spectrum[]> => {
      const found: Spectrum[] = [];
      for (const each of spectra) {
        const stream = `rotated twin/${each.layer.name}`;
        found.push({ ...each, left: await turned(each, "left", { seed, stream }, workshop.kernel) });
      }
      return found;
    };

    const overChance = (row: Row, alpha: number) => Number(row["nominal"]) / (alpha * Number(row["tests"]));

    const expectNothing = ({ result, report }: Analysis, label: string) => {
      for (const { logP } of result.measures.chains) expect(logP, label).toBeGreaterThan(Math.log(ALPHA));
      for (const { kind, title, surprise } of report.findings) {
        expect(kind, label).not.toBe("dominant-connection");
        expect(title, label).not.toMatch(/sparsification/i);
        expect(surprise ?? 0, title).toBeGreaterThan(Math.log(1e-6));
      }
    };

    it("has, with its channels turned, as many edges as chance gives in every connection, and no finding", async () => {
      const ratios = graph.connections.map((): number[] => []);
      const expected: number[] = [];
      for (let seed = 1; seed <= SEEDS; seed++) {
        const found = await analysedSpectra(
          model,
          graph,
          await turnedSpectra(seed),
          settings(Math.log(ALPHA)),
        );
        expectNothing(found, `seed ${seed}`);
        found.result.connections.forEach((row, at) => {
          ratios[at]!.push(overChance(row, ALPHA));
          expected[at] = ALPHA * Number(row["tests"]);
        });
      }
      ratios.forEach((values, at) => {
        const mean = values.reduce((sum, value) => sum + value, 0) / SEEDS;
        const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
        // No less than that of a Poisson count: a few seeds may be alike by chance.
        const error = Math.max(
          Math.sqrt(squares / (SEEDS - 1) / SEEDS),
          1 / Math.sqrt(SEEDS * expected[at]!),
        );
        const { source, target } = graph.connections[at]!;
        const label = `${graph.layers[source]!.name} -> ${graph.layers[target]!.name}: ${mean} +- ${error}`;
        expect(Math.abs(mean - 1), label).toBeLessThan(5 * error);
      });
    });

    it("has nothing when its weights are turned, by the whole pipeline", async () => {
      const found = await analysed(rotated(model, graph, 7, workshop.kernel), settings(Math.log(ALPHA)));
      expectNothing(found, "");
      const sum = (column: string) =>
        found.result.connections.reduce((all, row) => all + Number(row[column]), 0);
      expect(Math.abs(sum("nominal") / (ALPHA * sum("tests")) - 1)).toBeLessThan(0.2);
    });

    // Its kernels live on few taps.
    it.skipIf(golden?.between.length !== 5)(
      "would have more edges by the joint null, which turns profiles too",
      async () => {
        const { result } = await analysedSpectra(
          model,
          graph,
          await turnedSpectra(1),
          settings(Math.log(ALPHA), "beta"),
        );
        const deep = result.connections.filter((row) => Number(row["positions"]) === 9).slice(-6);
        for (const row of deep) expect(overChance(row, ALPHA)).toBeGreaterThan(1.3);
      },
    );

    it.skipIf(golden === undefined)("has, as it is, the edges that another program counts", async () => {
      const { from, edges, between } = golden!;
      const logAlpha = logSurvivalOfSigma(3);
      const { report } = await analysedSpectra(model, graph, spectra, settings(logAlpha));
      const first = report.connections.findIndex((row) => row["source"] === from);
      const deep = report.connections.slice(first, first + edges.length);
      const alpha = Math.exp(logAlpha);
      edges.forEach((right, at) =>
        expect(Math.abs(overChance(deep[at]!, alpha) / right - 1)).toBeLessThan(0.01)
      );
      between.forEach((right, at) => {
        const { near_kernel_nominal: found, near_kernel_tests: tests } = deep[at]!;
        expect(Math.abs(Number(found) / (alpha * Number(tests)) / right - 1)).toBeLessThan(0.01);
      });
    });
  });
}
