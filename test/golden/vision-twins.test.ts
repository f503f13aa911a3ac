/**
 * Families of vision networks against the graphs that torch exports of the same modules (`files/vision/make.py`): who feeds whom by the
 * names of a state dict, and by the operators of an ONNX file.
 */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatOf } from "../../connectors/sources/registry.ts";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { openPool } from "../../src/kernels/pool.ts";
import type { Connection, LayerGraph } from "../../src/model/layer.ts";
import type { Spectrum } from "../../src/model/spectrum.ts";
import { channelFactors, scale } from "../../src/stages/fold.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { overlapBlocks } from "../../src/stages/overlap.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";

const FOLDER = fileURLToPath(new URL("files/vision/", import.meta.url));
const NAMES = readdirSync(FOLDER).flatMap((file) =>
  file.endsWith(".onnx") ? [file.slice(0, -".onnx".length)] : []
);

/** Networks in whose graphs the walk gets lost: their connections are found by differentiation. */
const JSONS = readdirSync(FOLDER).flatMap((file) =>
  file.endsWith(".json") ? [file.slice(0, -".json".length)] : []
);

/** Two heads, which a state dict does not tell; Swin's tell theirs by their tables. */
const config = { num_attention_heads: 2 };

interface Computed {
  readonly graph: LayerGraph;
  readonly spectra: readonly Spectrum[];
  /** The numbers of a layer's matrices, row by row. */
  readonly contents: readonly (readonly number[])[];
}

/** The weights of a graph's layers: those of layers that share a tensor together, in their order. */
function weights({ graph, contents }: Computed) {
  const tensors = [...new Set(graph.layers.map(({ weight }) => weight.tensor))];
  return tensors.map((tensor) => {
    const layers = graph.layers.filter(({ weight }) => weight.tensor === tensor);
    return { tensor, kind: layers[0]!.kind, content: layers.flatMap(({ index }) => contents[index]!).join() };
  });
}

/** Whether each end of a connection is all of its tensor. */
const isAlone = ({ layers }: LayerGraph, { source, target }: Connection) =>
  [source, target].every((at) =>
    layers.filter(({ weight }) => weight.tensor === layers[at]!.weight.tensor).length === 1
  );

describe("twins of torchvision's and timm's networks", () => {
  let kernel: Kernel;
  beforeAll(async () => {
    kernel = await openPool({ name: "wasm", precision: "f64", threads: 2 });
  });
  afterAll(() => kernel.dispose());

  async function computed(file: string, batchNorm: "raw" | "folded"): Promise<Computed> {
    const path = FOLDER + file;
    const model = await (await formatOf(path)).open(path, file);
    try {
      const { tensors, operators, graph: known } = model;
      const graph = layerGraph(
        { tensors, config, ...operators && { operators }, ...known && { graph: known } },
        { batchNorm },
      );
      const [spectra, contents]: [Spectrum[], number[][]] = [[], []];
      for (const layer of graph.layers) {
        const blocks = unfold(layer, await model.read(layer.weight.tensor), "svr");
        contents.push(blocks.flatMap(({ data }) => [...data]));
        scale(layer, blocks, "svr", await channelFactors(layer, (tensor) => model.read(tensor)));
        spectra.push(await spectrum(layer, blocks, "svr", kernel));
      }
      return { graph, spectra, contents };
    } finally {
      await model.close();
    }
  }

  async function overlaps({ graph, spectra }: Computed, at: number): Promise<readonly number[]> {
    const connection = graph.connections[at]!;
    const [source, target] = [spectra[connection.source]!, spectra[connection.target]!];
    const out: number[] = [];
    for await (const block of overlapBlocks(connection, source, target, kernel, 2 ** 22)) {
      out.push(...block.overlap);
    }
    return out;
  }

  const TITLE = "%s: the same connections, overlaps within 1e-6, batch norms raw and folded";
  it.each(NAMES.flatMap((name) => (["raw", "folded"] as const).map((norm) => [name, norm] as const)))(
    TITLE,
    async (name, batchNorm) => {
      const [dict, graph] = [
        await computed(`${name}.safetensors`, batchNorm),
        await computed(`${name}.onnx`, batchNorm),
      ];
      expect([dict.graph.evidence, graph.graph.evidence]).toEqual(["declared", "graph"]);
      // Positions are constants to an exporter, a layer to us.
      const ours = weights(dict).filter(({ kind }) => kind !== "embedding");
      const theirs = new Map(weights(graph).map(({ tensor, content }) => [content, tensor]));
      expect(ours.filter(({ content }) => !theirs.has(content)).map(({ tensor }) => tensor)).toEqual([]);
      expect(theirs.size).toBe(ours.length);
      const nameOf = new Map(ours.map(({ tensor, content }) => [theirs.get(content)!, tensor]));
      const isLost = JSONS.includes(name);
      const said = ({ graph: { layers, connections } }: Computed, of: (tensor: string) => string) =>
        new Map(connections.map(({ source, target, part, via, channels }, at) => {
          const [from, to] = [source, target].map((layer) => of(layers[layer]!.weight.tensor));
          // What is added to a table of positions crosses an addition only where the table is a layer.
          return [`${from} -> ${to} ${part} ${isLost ? "" : via} ${JSON.stringify(channels)}`, at];
        }));
      const [a, b] = [said(dict, (tensor) => tensor), said(graph, (tensor) => nameOf.get(tensor)!)];
      // The class has a position of its own, which patches reach through attention alone: ONNX's channels do not say so.
      const beyond = [...b.keys()].filter((connection) => !a.has(connection));
      expect(beyond.filter((each) => !/^(conv_proj|patch_embed\.proj)\.weight -> head/.test(each))).toEqual(
        [],
      );
      if (!isLost) expect(b.size).toBe(a.size);
      for (const [connection, at] of b) {
        const mine = a.get(connection);
        if (mine === undefined) continue;
        // Queries, keys and values in one weight are three layers to us, and one to an exporter: its neurons are others.
        if (!isAlone(dict.graph, dict.graph.connections[mine]!)) continue;
        const [one, other] = [await overlaps(dict, mine), await overlaps(graph, at)];
        expect(one).toHaveLength(other.length);
        const largest = one.reduce((most, value, i) => Math.max(most, Math.abs(value - other[i]!)), 0);
        expect(largest, connection).toBeLessThan(1e-6);
      }
    },
  );

  it.each(JSONS)("%s: the connections along which there is a slope", async (name) => {
    const { graph } = await computed(`${name}.safetensors`, "raw");
    expect(graph.warnings).toEqual([]);
    const weights = graph.layers.filter(({ kind }) => kind !== "embedding").map(({ weight }) =>
      weight.tensor
    );
    const pairs = z.array(z.tuple([z.string(), z.string()])).parse(
      JSON.parse(readFileSync(`${FOLDER}${name}.json`, "utf8")),
    );
    const theirs = pairs.filter((pair) => pair.every((tensor) => weights.includes(tensor)));
    const ours = graph.connections.map(({ source, target }) =>
      [source, target].map((layer) => graph.layers[layer]!.weight.tensor)
    ).filter((pair) => pair.every((tensor) => weights.includes(tensor)));
    const lines = (all: readonly (readonly string[])[]) =>
      [...new Set(all.map((pair) => pair.join(" -> ")))].sort();
    expect(lines(ours)).toEqual(lines(theirs));
    expect(ours.length).toBeGreaterThan(15);
  });
});
