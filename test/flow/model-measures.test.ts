/** Figures of a whole model, from its weights through the whole pipeline. */

import { lastValueFrom } from "rxjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSynthetic, type SyntheticSpec } from "../../connectors/sources/synthetic.ts";
import { openEngine } from "../../src/run/open-engine.ts";
import { ConnectionQueue } from "../../src/flow/connection-queue.ts";
import { type PipelineSettings, spectralGraph } from "../../src/flow/pipeline.ts";
import { flowOrder } from "../../src/model/flow-order.ts";
import type { Connection, LayerGraph } from "../../src/model/layer.ts";
import type { PathMetric } from "../../src/model/measures.ts";
import type { Model } from "../../src/model/ports.ts";
import { memorySink } from "../support/memory-sink.ts";
import { pipelineSettings } from "../support/pipeline-settings.ts";
import { randomFlow } from "../support/random-flow.ts";

const names = ["a", "b", "c", "d", "e"];
const direct = names.slice(1).map((to, at) => ({ from: names[at]!, to }));

/** Five layers of 24 neurons; the leading ones of b, c and d feed each other. */
const SPEC: SyntheticSpec = {
  seed: 4,
  layers: names.map((name) => ({ name, out: 24, in: 24 })),
  connections: [...direct, { from: "a", to: "d", via: "residual" }, { from: "e", to: "b", via: "recurrent" }],
  planted: [{ from: "b", to: "d", cosine: 0.95, gain: 8 }],
};

type Test = Partial<PipelineSettings["test"]>;

let engine: PipelineSettings["engine"] & { dispose(): Promise<void> };
beforeAll(async () => {
  engine = await openEngine({ kernel: "reference", memory: 2 ** 28 });
});
afterAll(() => engine.dispose());

async function flowed(model: Model, test: Test = {}, dominant = 1) {
  const { sink, models } = memorySink();
  const settings = pipelineSettings(engine, Math.log(0.001));
  const result = await lastValueFrom(spectralGraph(model, {
    ...settings,
    test: { ...settings.test, ...test },
    dominant,
    sinks: [sink],
    weight: ({ overlap, sourceSingularValue, q }) => overlap * sourceSingularValue + q,
  }));
  return { ...result.measures, result, edges: models[0]!.tables.get("edges") ?? [] };
}

/** The same model with its layers in the opposite order of the file. */
function reversed(model: Model): Model {
  const { layers, connections, ...rest } = model.graph!;
  const last = layers.length - 1;
  const graph: LayerGraph = {
    ...rest,
    layers: layers.map((layer) => ({ ...layer, index: last - layer.index })).reverse(),
    connections: connections.map((each) => ({
      ...each,
      source: last - each.source,
      target: last - each.target,
    })),
  };
  return { ...model, graph };
}

const model = openSynthetic(SPEC, "model");

describe("the measures of a model", () => {
  it("are those of its planted chain", async () => {
    const { chains, result } = await flowed(model);
    expect(chains).toHaveLength(1);
    const [chain] = chains;
    expect(
      chain!.edges.map((edge) => [edge.sourceLayer, edge.sourceNeuron, edge.targetLayer, edge.targetNeuron]),
    )
      .toEqual([[1, 0, 2, 0], [2, 0, 3, 0]]);
    expect(chain!.logP).toBeLessThan(Math.log(1e-10));
    expect(result.approximations).toEqual([]);
  });

  it("do not depend on the order of the layers in the file", async () => {
    const forward = await flowed(model, { logAlpha: Math.log(0.2) }, 3);
    const back = await flowed(reversed(model), { logAlpha: Math.log(0.2) }, 3);
    expect(forward.chains.length).toBeGreaterThan(1);
    expect(back.chains.map(({ edges }) =>
      edges.map((edge) => ({
        ...edge,
        sourceLayer: 4 - edge.sourceLayer,
        targetLayer: 4 - edge.targetLayer,
      }))
    )).toEqual(forward.chains.map(({ edges }) => edges));
    expect(back.chains.map(({ logP }) => logP)).toEqual(forward.chains.map(({ logP }) => logP));
    const [a, b] = [forward, back].map(({ pathMetric }) => pathMetric as PathMetric) as [
      PathMetric,
      PathMetric,
    ];
    expect(Number.isFinite(a.logWithSingularValues)).toBe(true);
    for (const key of ["logWithSingularValues", "logWithout", "logAboveFloor"] as const) {
      expect(b[key]).toBeCloseTo(a[key], 12);
    }
  });

  it("do not depend on the family of tests, nor on which edges are written", async () => {
    const { chains, pathMetric } = await flowed(model, {}, 3);
    for (const test of [{ over: "model" }, { edges: "all" }, { edges: { top: 1 } }] as const) {
      const other = await flowed(model, test, 3);
      expect(other.chains).toEqual(chains);
      expect(other.pathMetric).toEqual(pathMetric);
    }
  });

  it.each(["connection", "model"] as const)(
    "come with the edges that they speak of, each once and with its own figures, tested over the %s",
    async (over) => {
      // Overlaps near 0.49 on 24 channels: p near 1e-4, too much for Bonferroni's 1e-5, little enough for a chain of four.
      const key = (row: Readonly<Record<string, unknown>>) =>
        ["source_layer", "source_neuron", "target_layer", "target_neuron", "part"].map((name) => row[name])
          .join(" ");
      let added = 0;
      for (let seed = 1; seed <= 4; seed++) {
        const weak = openSynthetic(
          { ...SPEC, seed, planted: [{ from: "a", to: "e", cosine: 0.7, gain: 12 }] },
          "weak",
        );
        const test = { over, correction: "bonferroni", logAlpha: Math.log(0.05) } as const;
        const all = await flowed(weak, { ...test, edges: "all" });
        const some = await flowed(weak, test);
        expect(some.chains).toEqual(all.chains);
        expect(some.chains[0]!.logP).toBeLessThan(Math.log(0.05));
        expect(all.edges).toHaveLength(6 * 24 * 24);
        expect(some.result.rows.edges).toBe(some.edges.length);
        const chain = some.chains[0]!.edges.map((edge) =>
          [edge.sourceLayer, edge.sourceNeuron, edge.targetLayer, edge.targetNeuron, edge.part].join(" ")
        );
        // Whatever is significant, and what the chain is made of.
        const expected = all.edges.filter((row) => row["significant"] === 1 || chain.includes(key(row)));
        const sorted = (rows: typeof expected) => [...rows].sort((a, b) => key(a) < key(b) ? -1 : 1);
        expect(sorted(some.edges)).toEqual(sorted(expected));
        added += some.edges.filter((row) => row["significant"] === 0).length;
      }
      expect(added).toBeGreaterThan(3);
    },
  );

  it("say that there is no path metric where a layer was skipped", async () => {
    const spoiled: Model = {
      ...model,
      read: async (name, signal) => {
        const data = await model.read(name, signal);
        if (name === "e.weight") data[3] = NaN;
        return data;
      },
    };
    const { chains, pathMetric } = await flowed(spoiled);
    expect(pathMetric).toHaveProperty("unknown", expect.stringContaining("1 of 5 connections"));
    expect(chains[0]!.edges).toHaveLength(2);
  });
});

describe("the queue of connections", () => {
  const before = (connection: Connection, all: readonly Connection[]) =>
    all.filter(({ target }) => target === connection.source);

  it.each(Array.from({ length: 30 }, (_, at) => at + 1))(
    "hands each out once, after all that flows into its source, in whatever order the layers come, seed %i",
    (seed) => {
      const { graph } = randomFlow(seed);
      const { forward } = flowOrder(graph);
      const queue = new ConnectionQueue(graph);
      const arrived = new Set<number>();
      const out: Connection[] = [];
      for (const { index } of graph.layers) {
        arrived.add(index);
        for (const connection of queue.arrived(index)) {
          expect(arrived.has(connection.source) && arrived.has(connection.target)).toBe(true);
          if (forward.includes(connection)) {
            for (const each of before(connection, forward)) expect(out).toContain(each);
          }
          out.push(connection);
        }
      }
      expect(out).toHaveLength(graph.connections.length);
      expect(new Set(out)).toEqual(new Set(graph.connections));
    },
  );
});
