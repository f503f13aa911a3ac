/** What the tables of a run say of a model. */

import type { LakePlace } from "../../connectors/lake/place.ts";
import { readTable, type StoredModel } from "../../connectors/readers/run-tables.ts";
import { show } from "../model/errors.ts";
import type { TableBatch } from "../model/tables.ts";
import { MOST_LAYERS, MOST_NEURONS, type PictureData, type PicturedLayer } from "./picture-data.ts";
import { column } from "./strongest-edges.ts";

/** How many of a model's connections are guessed. */
export async function guessedOf(
  lake: LakePlace,
  model: StoredModel,
  signal: AbortSignal | undefined,
): Promise<Pick<PictureData, "guessed">> {
  let [connections, of] = [0, 0];
  for await (const batch of interruptible(readTable(lake, model, "connections"), signal)) {
    for (const evidence of column(batch, "evidence", "utf8")) {
      of += 1;
      if (evidence === "guessed") connections += 1;
    }
  }
  return connections === 0 ? {} : { guessed: { connections, of } };
}

/**
 * The layers of a model with their spectra.
 *
 * @throws {RangeError} when they are more than a picture can show, or no such tables as runs write
 */
export async function layersOf(
  lake: LakePlace,
  model: StoredModel,
  signal: AbortSignal | undefined,
): Promise<readonly PicturedLayer[]> {
  const layers: PicturedLayer[] = [];
  let neurons = 0;
  for await (const batch of interruptible(readTable(lake, model, "layers"), signal)) {
    const names = column(batch, "name", "utf8");
    const kinds = column(batch, "kind", "utf8");
    // Null where the layer was skipped; what lies there then is 0.
    const ranks = column(batch, "rank", "int32");
    for (const [at, index] of column(batch, "layer_index", "int32").entries()) {
      const rank = ranks[at]!;
      neurons += rank;
      if (index !== layers.length || rank < 0 || neurons > MOST_NEURONS || index >= MOST_LAYERS) {
        throw new RangeError(
          `${lake.name}, layers of ${
            show(model.header.id)
          }: found layer ${index} of rank ${rank}, required layers in order, ` +
            `at most ${MOST_LAYERS} with ${MOST_NEURONS} neurons`,
        );
      }
      layers.push({
        name: names[at]!,
        kind: kinds[at]!,
        singularValues: new Float64Array(rank),
        intensity: new Float64Array(rank),
        nearKernel: new Uint8Array(rank),
      });
    }
  }
  for await (const batch of interruptible(readTable(lake, model, "neurons"), signal)) {
    const index = column(batch, "layer_index", "int32");
    const values = column(batch, "singular_value", "float64");
    const intensities = column(batch, "intensity", "float64");
    const near = column(batch, "near_kernel", "bool");
    for (const [at, neuron] of column(batch, "neuron", "int32").entries()) {
      const layer = layers[index[at]!];
      const value = values[at]!;
      if (layer === undefined || !(neuron in layer.singularValues) || !(value >= 0 && value < Infinity)) {
        throw new RangeError(
          `${lake.name}, neurons of ${show(model.header.id)}: found neuron ${neuron} of layer ${
            index[at]
          } with singular value ` +
            `${value}, required one that its layer has, finite and at least 0`,
        );
      }
      layer.singularValues[neuron] = value;
      layer.intensity[neuron] = intensities[at]!;
      layer.nearKernel[neuron] = near[at]!;
    }
  }
  return layers;
}

/** The same batches, until a signal ends them. */
export async function* interruptible(
  batches: AsyncIterable<TableBatch>,
  signal: AbortSignal | undefined,
): AsyncGenerator<TableBatch, void> {
  for await (const batch of batches) {
    signal?.throwIfAborted();
    yield batch;
  }
}
