/** The worker of the page: holds the tables of one model and picks out of them what the page shows. */

import { buffersOf, type EdgeColumns, edgesBetween, edgesOf, rowsOf, strongest } from "./edges.ts";
import { readColumns, readRows } from "./parquet.ts";
import type { Answer, Envelope, IndexedModel, Question, ViewedLayer, ViewedModel } from "./protocol.ts";

let edges: EdgeColumns | null = null;

/** Questions are answered one after another: each of them waits for the model before it. */
let queue: Promise<void> = Promise.resolve();

addEventListener("message", ({ data }: MessageEvent<Envelope<Question>>) => {
  queue = queue.then(() => answer(data));
});

async function answer({ number, content }: Envelope<Question>): Promise<void> {
  const send = (answered: Answer, handed: ArrayBuffer[] = []) =>
    postMessage({ number, content: answered } satisfies Envelope<Answer>, { transfer: handed });
  try {
    if (content.ask === "model") {
      edges = null;
      const model = await modelOf(content.tables);
      edges = await edgesAt(content.tables.edges, (done, total) => send({ of: "progress", done, total }));
      return send({ of: "model", model, edges: edges.overlap.length });
    }
    if (edges === null) throw new Error("no model is open");
    if (content.ask === "strongest") {
      const { passed, rows } = strongest(edges, content.filter, content.most);
      const found = rowsOf(edges, rows);
      return send({ of: "strongest", passed, edges: found }, buffersOf(found));
    }
    const rows = content.ask === "neuron"
      ? edgesOf(edges, content.layer, content.neuron)
      : edgesBetween(edges, content.connection);
    const found = rowsOf(edges, rows);
    send({ of: "edges", edges: found }, buffersOf(found));
  } catch (failure) {
    send({ of: "failure", message: failure instanceof Error ? failure.message : String(failure) });
  }
}

async function edgesAt(
  urls: readonly string[],
  progress: (done: number, total: number) => void,
): Promise<EdgeColumns> {
  const found = await readColumns(urls, {
    source_layer: "int32",
    source_neuron: "int32",
    target_layer: "int32",
    target_neuron: "int32",
    part: "int32",
    overlap: "float64",
    log_p: "float64",
  }, progress);
  return {
    sourceLayer: found.source_layer,
    sourceNeuron: found.source_neuron,
    targetLayer: found.target_layer,
    targetNeuron: found.target_neuron,
    part: found.part,
    overlap: found.overlap,
    logP: found.log_p,
  };
}

async function modelOf(tables: IndexedModel["tables"]): Promise<ViewedModel> {
  const [rows, connections, neurons] = await Promise.all([
    readRows(tables.layers),
    readRows(tables.connections),
    readColumns(tables.neurons, {
      layer_index: "int32",
      neuron: "int32",
      singular_value: "float64",
      intensity: "float64",
      near_kernel: "bool",
      null: "bool",
    }),
  ]);
  const layers: ViewedLayer[] = rows.map((row) => {
    const rank = Math.max(0, Number(row["rank"] ?? 0));
    return {
      row,
      name: String(row["name"]),
      kind: String(row["kind"]),
      singularValues: new Float64Array(rank),
      intensity: new Float64Array(rank),
      nearKernel: new Uint8Array(rank),
      nullNeuron: new Uint8Array(rank),
    };
  });
  const byIndex = new Map(layers.map((layer) => [Number(layer.row["layer_index"]), layer]));
  for (const [at, index] of neurons.layer_index.entries()) {
    const layer = byIndex.get(index);
    const neuron = neurons.neuron[at]!;
    if (layer === undefined || neuron < 0 || neuron >= layer.singularValues.length) {
      throw new Error(
        `neurons, row ${at}: found neuron ${neuron} of layer ${index}, required one that its layer has`,
      );
    }
    layer.singularValues[neuron] = neurons.singular_value[at]!;
    layer.intensity[neuron] = neurons.intensity[at]!;
    layer.nearKernel[neuron] = neurons.near_kernel[at]!;
    layer.nullNeuron[neuron] = neurons.null[at]!;
  }
  return { layers, connections };
}
