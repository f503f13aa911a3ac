/**
 * The same networks in every form in which torch writes them: exported programs of several versions, TorchScript traced, frozen and
 * scripted, and ONNX. `files/export/make.py` makes them.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fileURLToPath } from "node:url";
import { formatOf } from "../../connectors/sources/registry.ts";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { openPool } from "../../src/kernels/pool.ts";
import type { LayerGraph } from "../../src/model/layer.ts";
import type { Model } from "../../src/model/ports.ts";
import { channelFactors, scale } from "../../src/stages/fold.ts";
import { layerGraph, type LayerSettings } from "../../src/stages/layers.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";

const NETWORKS = { residual: 12, block: 7, unet: 8, mlp: 2 } as const;

const PROGRAMS = ["torch-2.5.pt2", "torch-2.8.pt2", "torch-2.11.pt2", "torch-2.15.pt2", "dynamic.pt2"];
const SCRIPTS = ["traced.pt", "scripted.pt", "frozen.pt"];

async function opened<T>(network: string, file: string, use: (model: Model) => Promise<T> | T): Promise<T> {
  const path = fileURLToPath(new URL(`files/export/${network}/${file}`, import.meta.url));
  const model = await (await formatOf(path)).open(path, file);
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}

const graphOf = (network: string, file: string) => opened(network, file, (model) => layerGraph(model));

/** Connections by the places of their layers; those of attention heads apart, which ONNX does not say. */
const said = ({ connections }: LayerGraph) =>
  connections.filter(({ via }) => via !== "attention-head").map((
    { source, target, part, via, evidence, channels },
  ) => ({
    source,
    target,
    part,
    via,
    evidence,
    channels,
  }));

const shapes = ({ layers }: LayerGraph) =>
  layers.map(({ kind, outChannels, inChannels, positions, groups }) => ({
    kind,
    outChannels,
    inChannels,
    positions,
    groups,
  }));

describe.each(Object.entries(NETWORKS))("%s", (network, count) => {
  it.each([...PROGRAMS, ...SCRIPTS])("%s: layers and connections as in ONNX", async (file) => {
    const [own, onnx] = [await graphOf(network, file), await graphOf(network, "graph.onnx")];
    expect(said(onnx)).toHaveLength(count);
    expect(said(own)).toEqual(said(onnx));
    expect(shapes(own)).toEqual(shapes(onnx));
    expect(own.warnings).toEqual([]);
    if (file !== "frozen.pt") {
      expect(own.layers.map(({ name }) => name)).toEqual(onnx.layers.map(({ name }) => name));
    }
  });

  it.each([...PROGRAMS, "traced.pt", "scripted.pt"])("%s: tensors as in the state dict", async (file) => {
    await opened(network, "state.pt", async (state) => {
      await opened(network, file, async (model) => {
        const names = state.tensors.map(({ name }) => name);
        expect(model.tensors.map(({ name }) => name).sort()).toEqual([...names].sort());
        for (const name of names) expect(await model.read(name), name).toEqual(await state.read(name));
      });
    });
  });
});

describe("a transformer block", () => {
  it.each(["torch-2.5.pt2", "torch-2.8.pt2", "torch-2.11.pt2", "torch-2.15.pt2", ...SCRIPTS])(
    "%s: a connection through each head",
    async (file) => {
      const { layers, connections } = await graphOf("block", file);
      const heads = connections.filter(({ via }) => via === "attention-head");
      expect(heads.map(({ part, channels }) => [part, channels])).toEqual([0, 1, 2].map((head) => [
        head,
        [{ source: 24 + 4 * head, target: 4 * head, length: 4 }],
      ]));
      expect(heads.map(({ source, target }) => [layers[source]!.outChannels, layers[target]!.inChannels]))
        .toEqual(
          Array.from({ length: 3 }, () => [36, 12]),
        );
    },
  );
});

describe("spectra", () => {
  let kernel: Kernel;
  beforeAll(async () => {
    kernel = await openPool({ name: "wasm", precision: "f64", threads: 1 });
  });
  afterAll(() => kernel.dispose());

  const spectra = (network: string, file: string, settings: LayerSettings) =>
    opened(network, file, async (model) => {
      const out: number[][] = [];
      for (const layer of layerGraph(model, settings).layers) {
        const blocks = unfold(layer, await model.read(layer.weight.tensor), "svr");
        scale(layer, blocks, "svr", await channelFactors(layer, (tensor) => model.read(tensor)));
        out.push([...(await spectrum(layer, blocks, "svr", kernel)).singularValues]);
      }
      return out;
    });

  it.each(Object.keys(NETWORKS))("%s: of every file, folded, as of ONNX", async (network) => {
    const settings = { batchNorm: "folded", normGain: "folded" } as const;
    const onnx = await spectra(network, "graph.onnx", settings);
    expect(onnx.flat().length).toBeGreaterThan(20);
    for (const file of [...PROGRAMS, ...SCRIPTS]) {
      const own = await spectra(network, file, settings);
      expect(own.map(({ length }) => length), file).toEqual(onnx.map(({ length }) => length));
      own.flat().forEach((value, at) => expect(Math.abs(value - onnx.flat()[at]!), file).toBeLessThan(1e-5));
    }
  });
});
