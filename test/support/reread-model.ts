/** A known model whose matrices lie as another library would have them, and what is found of that. */

import type { Layer, LayerGraph } from "../../src/model/layer.ts";
import type { FlattenOrder } from "../../src/model/layer-draft.ts";
import type { TensorInfo } from "../../src/model/tensor.ts";
import type { InferredFrom } from "../../src/stages/topology/inference/layer-reader.ts";
import { unfold } from "../../src/stages/unfold.ts";

/** How matrices lie. */
export interface Lying {
  readonly transposed: boolean;
  readonly flattened: FlattenOrder;
}

/** Layers whose weight is a whole matrix. */
const matricesOf = (layers: readonly Layer[]) =>
  layers.filter(({ weight: { shape, offset, tensor }, index }) =>
    shape.length === 2 && offset === 0 &&
    layers.every((each) => each.index === index || each.weight.tensor !== tensor)
  );

/**
 * The model, lying so. Nothing says how its tensors lie any more.
 *
 * @param nameOf what a tensor of the known graph is called in the model
 */
export function rereadModel(
  model: InferredFrom,
  { layers }: LayerGraph,
  nameOf: (tensor: string) => string,
  { transposed, flattened }: Lying,
): InferredFrom {
  const byName = new Map(matricesOf(layers).map((layer) => [nameOf(layer.weight.tensor), layer]));
  const rowsOf = (layer: Layer) => layer.inChannels * layer.positions;
  return {
    moduleOrder: model.moduleOrder === true,
    tensors: model.tensors.map(({ layout: _, ...tensor }): TensorInfo => {
      const layer = byName.get(tensor.name);
      if (layer === undefined) return tensor;
      const shape = [layer.outChannels, rowsOf(layer)];
      return { ...tensor, shape: transposed ? shape.toReversed() : shape };
    }),
    read: async (name, signal) => {
      const layer = byName.get(name);
      const values = await model.read(name, signal);
      if (layer === undefined) return values;
      const { outChannels: m, inChannels: n, positions: z } = layer;
      const data = unfold(layer, values, "svr")[0]!.data;
      const lying = new Float64Array(data.length);
      for (let o = 0; o < m; o++) {
        for (let c = 0; c < n; c++) {
          for (let k = 0; k < z; k++) {
            const column = flattened === "channels-first" ? c * z + k : k * n + c;
            lying[transposed ? column * m + o : o * n * z + column] = data[(o * n + c) * z + k]!;
          }
        }
      }
      return lying;
    },
  };
}

/** What is right of how the matrices of a model were read. */
export interface Reread {
  /** Matrices whose axis of out channels was found, of so many. */
  readonly turned: readonly [right: number, all: number];
  /** Flattened maps whose order was found, of so many. */
  readonly flattened: readonly [right: number, all: number];
  /** Names of those that were not. */
  readonly wrong: readonly string[];
}

/** @param found the graph of a model that lies so */
export function rereadOf(
  { layers }: LayerGraph,
  found: LayerGraph,
  nameOf: (tensor: string) => string,
  { transposed, flattened }: Lying,
): Reread {
  const byName = new Map(found.layers.map((layer) => [layer.weight.tensor, layer]));
  const turned: [number, number] = [0, 0];
  const flat: [number, number] = [0, 0];
  const wrong: string[] = [];
  for (const { weight, outChannels: m, inChannels: n, positions: z } of matricesOf(layers)) {
    const layer = byName.get(nameOf(weight.tensor));
    const isRight = layer !== undefined && layer.outChannels === m &&
      layer.weight.strides.out === (transposed ? 1 : n * z);
    turned[0] += Number(isRight);
    turned[1]++;
    if (!isRight) wrong.push(weight.tensor);
    if (z === 1) continue;
    const columns = flattened === "channels-first" ? z : 1;
    const isOrder = isRight && layer.positions === z &&
      layer.weight.strides.in === columns * (transposed ? m : 1);
    flat[0] += Number(isOrder);
    flat[1]++;
    if (isRight && !isOrder) wrong.push(`${weight.tensor} (flattened)`);
  }
  return { turned, flattened: flat, wrong };
}
