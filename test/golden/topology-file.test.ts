/** A model's topology, written as a file and read back, is the same: on every model there is. */

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseTopology } from "../../config/load.ts";
import { runConfigOf } from "../../config/load.ts";
import { topologyText } from "../../src/cli/topology-text.ts";
import type { Connection, Layer, LayerGraph } from "../../src/model/layer.ts";
import { planModels, type PlannedModel } from "../../src/run/collection/models.ts";
import { inspectModel, topologyOfModel } from "../../src/run/inspect.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { describeWithShared, shared } from "../support/shared.ts";

/** With everything that folding needs. */
const FOLDED = { batchNorm: "folded", normGain: "folded" } as const;

/** Where there is one of an index only, its stride says nothing. */
function comparable(layer: Layer): Layer {
  const { strides } = layer.weight;
  const idle = (count: number, stride: number) => count === 1 ? 0 : stride;
  return {
    ...layer,
    weight: {
      ...layer.weight,
      strides: {
        group: idle(layer.groups, strides.group),
        out: idle(layer.outChannels / layer.groups, strides.out),
        in: idle(layer.inChannels / layer.groups, strides.in),
        position: idle(layer.positions, strides.position),
      },
    },
  };
}

const declared = (each: Connection): Connection => ({
  ...each,
  evidence: each.evidence === "guessed" ? "guessed" : "declared",
});

interface BothWays {
  readonly before: LayerGraph;
  readonly after: LayerGraph;
  readonly text: string;
}

async function bothWays(planned: PlannedModel): Promise<BothWays> {
  const text = topologyText(await inspectModel(planned, {}), await topologyOfModel(planned, {}));
  const topology = parseTopology(`${planned.id}.topology.yaml`, text);
  const model = await planned.open();
  try {
    const before = layerGraph(model, { ...FOLDED, topology: planned.topology });
    return { before, after: layerGraph(model, { ...FOLDED, topology }), text };
  } finally {
    await model.close();
  }
}

async function expectSame(planned: PlannedModel): Promise<BothWays> {
  const both = await bothWays(planned);
  expect(both.after.layers.map(comparable)).toEqual(both.before.layers.map(comparable));
  expect(both.after.connections).toEqual(both.before.connections.map(declared));
  return both;
}

for (const collection of ["models", "our-models"]) {
  describeWithShared(`every model of ${collection}`, [collection], () => {
    it("is the same when its topology is read back", async () => {
      const { config } = runConfigOf({ models: [shared(collection)] });
      const models = await planModels(config, "/");
      const vias = new Set<string>();
      for (const each of models) {
        for (const { via } of (await expectSame(each)).before.connections) vias.add(via);
      }
      expect(models.length).toBeGreaterThanOrEqual(25);
      // The collections have something of everything that a topology can say.
      const all = collection === "models"
        ? ["direct", "concat", "flatten", "pool", "recurrent", "residual"]
        : ["attention-head", "direct", "flatten", "residual"];
      expect([...vias].sort()).toEqual(expect.arrayContaining(all));
    }, 60_000);
  });
}

describe("small models of the project", () => {
  const folder = fileURLToPath(new URL("./files/", import.meta.url));
  const files = ["", "onnx/", "keras/"].flatMap((below) =>
    readdirSync(folder + below).filter((name) => /\.(onnx|keras|npz|pt|pth)$/.test(name)).map((name) =>
      below + name
    )
  );

  it.each(files)("%s is the same when its topology is read back", async (file) => {
    const { config } = runConfigOf({ models: [folder + file] });
    const [planned] = await planModels(config, "/");
    await expectSame(planned!);
  });
});
