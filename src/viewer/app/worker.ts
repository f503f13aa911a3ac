/** The worker of the page: holds the tables of one model and picks out of them what the page shows. */

import { buffersOf, type EdgeColumns, edgesBetween, edgesOf, rowsOf, strongest } from "./edges.ts";
import { messageOf } from "../../model/errors.ts";
import { MOST_LAYERS, MOST_NEURONS } from "../picture-data.ts";
import { readComparison, spectraOf } from "./compare/comparison-reader.ts";
import { readColumns, readRows } from "./parquet.ts";
import type { Answer, Envelope, IndexedModel, Question, Row, ViewedLayer, ViewedModel } from "./protocol.ts";

let edges: EdgeColumns | null = null;

/** Questions are answered one after another: each of them waits for the model before it. */
let queue: Promise<void> = Promise.resolve();

/** The newest question of each kind. */
const newest = new Map<Question["ask"], number>();

addEventListener("message", ({ data }: MessageEvent<Envelope<Question>>) => {
  newest.set(data.content.ask, data.number);
  queue = queue.then(() => answer(data));
});

async function answer({ number, content }: Envelope<Question>): Promise<void> {
  const send = (answered: Answer, handed: ArrayBuffer[] = []) =>
    postMessage({ number, content: answered } satisfies Envelope<Answer>, { transfer: handed });
  // A slider asks faster than a model of many edges can answer, and who opens another model waits for that one.
  const requireNewest = () => {
    if (Math.max(newest.get(content.ask)!, newest.get("model") ?? number) > number) {
      throw new Error("a newer question has taken the place of this one");
    }
  };
  try {
    if (content.ask === "rows") {
      const rows: (readonly Row[])[] = [];
      for (const files of content.files) rows.push(await readRows(files));
      return send({ of: "rows", rows });
    }
    if (content.ask === "tracks") {
      const rows: (readonly Row[])[] = [];
      for (const { files, layer } of content.of) {
        requireNewest();
        rows.push(await readRows(files, { column: "other_layer", is: layer }));
      }
      return send({ of: "rows", rows });
    }
    if (content.ask === "spectra") {
      return send({ of: "spectra", spectra: await spectraOf(content.tables) });
    }
    requireNewest();
    if (content.ask === "comparison") {
      const comparison = await readComparison(content.tables, content.base, content.other);
      return send({ of: "comparison", comparison });
    }
    if (content.ask === "model") {
      edges = null;
      const model = await modelOf(content.tables);
      edges = await edgesAt(content.tables.edges, model.layers, (done, total) => {
        requireNewest();
        send({ of: "progress", done, total });
      });
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
    send({ of: "failure", message: messageOf(failure) });
  }
}

/** @throws {RangeError} when an edge has an end that no layer has, or no overlap in [0, 1]; names the row */
async function edgesAt(
  urls: readonly string[],
  layers: readonly ViewedLayer[],
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
  const isThere = (layer: number, neuron: number) =>
    neuron >= 0 && neuron < (layers[layer]?.singularValues.length ?? 0);
  for (const [row, overlap] of found.overlap.entries()) {
    const [from, to] = [found.source_layer[row]!, found.target_layer[row]!];
    const [source, target] = [found.source_neuron[row]!, found.target_neuron[row]!];
    if (isThere(from, source) && isThere(to, target) && overlap >= 0 && overlap <= 1) continue;
    throw new RangeError(
      `edges, row ${row}: found overlap ${overlap} from neuron ${source} of layer ${from} to neuron ${target} of layer ${to}, ` +
        "required one in [0, 1] between neurons that the layers have",
    );
  }
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
      residual: "float64",
      converged: "bool",
    }),
  ]);
  let all = 0;
  const layers = rows.map((row, at): ViewedLayer => {
    // Null where the layer was skipped.
    const rank = Number(row["rank"] ?? 0);
    all += rank;
    if (row["layer_index"] !== at || !(rank >= 0) || at >= MOST_LAYERS || !(all <= MOST_NEURONS)) {
      throw new RangeError(
        `layers, row ${at}: found layer ${row["layer_index"]} of rank ${rank}, required layers in order, ` +
          `at most ${MOST_LAYERS} with ${MOST_NEURONS} neurons`,
      );
    }
    return {
      row,
      name: String(row["name"]),
      kind: String(row["kind"]),
      singularValues: new Float64Array(rank),
      intensity: new Float64Array(rank),
      nearKernel: new Uint8Array(rank),
      nullNeuron: new Uint8Array(rank),
      residual: new Float64Array(rank),
      converged: new Uint8Array(rank),
    };
  });
  for (const [at, index] of neurons.layer_index.entries()) {
    const [layer, neuron, value] = [layers[index], neurons.neuron[at]!, neurons.singular_value[at]!];
    if (layer === undefined || !(neuron in layer.singularValues) || !(value >= 0 && value < Infinity)) {
      throw new RangeError(
        `neurons, row ${at}: found neuron ${neuron} of layer ${index} with singular value ${value}, ` +
          "required one that its layer has, finite and at least 0",
      );
    }
    layer.singularValues[neuron] = value;
    layer.intensity[neuron] = neurons.intensity[at]!;
    layer.nearKernel[neuron] = neurons.near_kernel[at]!;
    layer.nullNeuron[neuron] = neurons.null[at]!;
    layer.residual[neuron] = neurons.residual[at]!;
    layer.converged[neuron] = neurons.converged[at]!;
  }
  return { layers, connections };
}
