/** The first discovery of the paper, on the networks in `pipelines/models`: a chain of leading neurons through all deep layers. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lastValueFrom } from "rxjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SINKS } from "../../connectors/sinks/registry.ts";
import { modelReport } from "../../src/analysis/report.ts";
import { spectralGraph } from "../../src/flow/pipeline.ts";
import { type ModelResult, openEngine, openLadybugReader, openModel } from "../../src/mod.ts";
import { TEST } from "../analysis/findings-facts.ts";
import { pipelineSettings } from "../support/pipeline-settings.ts";
import { ROOT } from "./svr.ts";

const ID = "vgg16s-wd";

/** With a chain of 13 edges at level 0.001 and three chains asked for. */
async function resultOf(name: string, out: string): Promise<ModelResult> {
  const model = await openModel(join(ROOT, "pipelines/models", name, "epoch-012.f16.safetensors"));
  const engine = await openEngine({ memory: 2 ** 30 });
  try {
    const sink = await (await SINKS.ladybug({}))({ runId: "run", version: "0", out });
    const result = await lastValueFrom(spectralGraph(model, {
      ...pipelineSettings(engine, Math.log(0.001)),
      dominant: 3,
      controlSeeds: [0],
      sinks: [sink],
      header: { id: ID, uri: "", format: "safetensors", key: "0123456789abcdef" },
    }));
    await sink.finish();
    return result;
  } finally {
    await engine.dispose();
    await model.close();
  }
}

describe("the dominant connection of a VGG network without batch normalization", () => {
  let out = "";
  let result: ModelResult;
  beforeAll(async () => {
    out = await mkdtemp(join(tmpdir(), "svr-discovery-"));
    result = await resultOf(ID, out);
  });
  afterAll(() => rm(out, { recursive: true, force: true }));

  it("leads through at least eight deep layers in a row, at a joint p below 1e-50", () => {
    const { graph: { layers }, measures: { chains } } = result;
    const [chain] = chains;
    expect(chain!.logP).toBeLessThan(Math.log(1e-50));
    // Features 10 to 27 are the deep ones: eight convolutions after the third pooling, and two before them.
    const deep = chain!.edges.filter(({ sourceLayer }) =>
      Number(layers[sourceLayer]!.name.split(".")[1]) >= 10
    );
    expect(new Set(deep.flatMap((edge) => [edge.sourceLayer, edge.targetLayer])).size).toBeGreaterThanOrEqual(
      8,
    );
    for (const [at, edge] of chain!.edges.entries()) {
      expect(edge.targetLayer).toBe(edge.sourceLayer + 1);
      const next = chain!.edges[at + 1];
      if (next !== undefined) {
        expect([next.sourceLayer, next.sourceNeuron]).toEqual([edge.targetLayer, edge.targetNeuron]);
      }
    }
    // The leading neurons, at overlaps of 0.34 to 0.61 where chance gives 1/256 to 1/128.
    const strong = deep.filter(({ overlap }) => overlap > 0.34 && overlap < 0.62);
    expect(strong.length).toBeGreaterThanOrEqual(6);
    for (const edge of strong) expect([edge.sourceNeuron, edge.targetNeuron]).toEqual([0, 0]);
  });

  it("while its null control has none", () => {
    const { measures } = result.controls[0]!;
    for (const chain of measures.chains) expect(chain.logP).toBeGreaterThan(Math.log(0.001));
    expect("unknown" in measures.pathMetric).toBe(false);
  });

  it("and the next best ones share no neuron with it", () => {
    const { chains } = result.measures;
    expect(chains).toHaveLength(3);
    const neurons = chains.map(({ edges }) =>
      edges.flatMap((
        edge,
      ) => [`${edge.sourceLayer} ${edge.sourceNeuron}`, `${edge.targetLayer} ${edge.targetNeuron}`])
    );
    for (const [at, each] of neurons.entries()) {
      for (const other of neurons.slice(at + 1)) {
        expect(each.filter((neuron) => other.includes(neuron))).toEqual([]);
      }
    }
    const logs = chains.map(({ logP }) => logP);
    expect(logs).toEqual([...logs].sort((a, b) => a - b));
  });

  it("are in the graph, where their Cypher finds them", async () => {
    const graph = await openLadybugReader(join(out, "graph.lbug"));
    try {
      const { findings } = modelReport({ id: ID, uri: "", format: "", runId: "" }, result, TEST, ID);
      const chains = findings.filter(({ kind }) => kind === "dominant-connection");
      expect(chains).toHaveLength(3);
      const name = (layer: number) => result.graph.layers[layer]!.name;
      for (const [which, { edges }] of result.measures.chains.entries()) {
        const [cypher] = chains[which]!.table!.queries.filter(({ language }) => language === "cypher");
        const { rows } = await graph.query(cypher!.text);
        expect(rows.map((row) => row.slice(0, 6))).toEqual(edges.map((edge, at) => [
          ...[
            at + 1,
            name(edge.sourceLayer),
            edge.sourceNeuron,
            name(edge.targetLayer),
            edge.targetNeuron,
            edge.part,
          ],
        ]));
        for (const [at, row] of rows.entries()) expect(Number(row[6])).toBeCloseTo(edges[at]!.overlap, 12);
      }
    } finally {
      await graph.close();
    }
  });
});
