/** The same network in several files: ONNX beside safetensors, and batch norms folded by us beside those that an exporter folded. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { formatOf } from "../../connectors/sources/registry.ts";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { openPool } from "../../src/kernels/pool.ts";
import type { LayerGraph } from "../../src/model/layer.ts";
import type { Spectrum } from "../../src/model/spectrum.ts";
import type { Matrix } from "../../src/model/tensor.ts";
import { channelFactors, scale } from "../../src/stages/fold.ts";
import { layerGraph, type LayerSettings } from "../../src/stages/layers.ts";
import { overlapBlocks } from "../../src/stages/overlap.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { describeWithShared, shared } from "../support/shared.ts";

const FILES = ["final.safetensors", "final.onnx", "final-fused.onnx"].map((name) =>
  `our-models/vgg16s-bn/${name}`
);
const [SAFETENSORS, ONNX, FUSED] = FILES as [string, string, string];

interface Computed {
  readonly graph: LayerGraph;
  /** Unfolded weights; of one group, as all layers here. */
  readonly weights: readonly Matrix[];
  readonly spectra: readonly Spectrum[];
}

describeWithShared("twins of vgg16s-bn", FILES, () => {
  let kernel: Kernel;
  beforeAll(async () => {
    kernel = await openPool({ name: "wasm", precision: "f64", threads: 2 });
  });
  afterAll(() => kernel.dispose());

  async function computed(file: string, settings: LayerSettings = {}): Promise<Computed> {
    const path = shared(file);
    const model = await (await formatOf(path)).open(path, file);
    try {
      const graph = layerGraph(model, settings);
      const weights: Matrix[] = [];
      const spectra: Spectrum[] = [];
      for (const layer of graph.layers) {
        const blocks = unfold(layer, await model.read(layer.weight.tensor), "svr");
        scale(layer, blocks, "svr", await channelFactors(layer, (tensor) => model.read(tensor)));
        const [{ rows, cols, data }] = blocks as [Matrix];
        weights.push({ rows, cols, data: data.slice() });
        spectra.push(await spectrum(layer, blocks, "svr", kernel));
      }
      return { graph, weights, spectra };
    } finally {
      await model.close();
    }
  }

  async function overlaps({ graph, spectra }: Computed, at: number): Promise<Float64Array> {
    const connection = graph.connections[at]!;
    const [source, target] = [spectra[connection.source]!, spectra[connection.target]!];
    const out: number[] = [];
    for await (const block of overlapBlocks(connection, source, target, kernel, 2 ** 22)) {
      out.push(...block.overlap);
    }
    return Float64Array.from(out);
  }

  const said = ({ layers, connections }: LayerGraph) =>
    connections.map(({ source, target, part, via, channels }) => ({
      from: layers[source]!.name.replace(/^\/features\/(.*)\/Conv$/, "$1"),
      to: layers[target]!.name.replace(/^\/features\/(.*)\/Conv$/, "$1"),
      part,
      via,
      channels,
    }));

  const largest = (a: Float64Array, b: Float64Array) =>
    a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

  it("ONNX and safetensors: the same connections, overlaps within 1e-6", async () => {
    const [one, other] = [await computed(SAFETENSORS), await computed(ONNX)];
    expect(said(other.graph)).toEqual(said(one.graph));
    expect(other.graph.connections).toHaveLength(14);
    for (const at of one.graph.connections.keys()) {
      expect(largest(await overlaps(one, at), await overlaps(other, at))).toBeLessThan(1e-6);
    }
  });

  it("folded by us and by the exporter: weights, singular values and overlaps within 1e-5", async () => {
    const [ours, theirs] = [await computed(ONNX, { batchNorm: "folded" }), await computed(FUSED)];
    expect(ours.graph.layers.filter(({ batchNorm }) => batchNorm === "folded")).toHaveLength(13);
    expect(said(ours.graph)).toEqual(said(theirs.graph));
    for (const [layer, { data }] of ours.weights.entries()) {
      const top = theirs.spectra[layer]!.singularValues[0]!;
      expect(largest(data, theirs.weights[layer]!.data) / top).toBeLessThan(1e-5);
      expect(largest(ours.spectra[layer]!.singularValues, theirs.spectra[layer]!.singularValues) / top)
        .toBeLessThan(1e-5);
    }
    for (const at of ours.graph.connections.keys()) {
      expect(largest(await overlaps(ours, at), await overlaps(theirs, at))).toBeLessThan(1e-5);
    }
  });
});
