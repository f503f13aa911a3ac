/** A model whose layers have nothing to do with each other any more: every layer's out channels turned at random. */

import { createHash } from "node:crypto";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { openReferenceKernel } from "../../src/kernels/reference.ts";
import type { Layer, LayerGraph } from "../../src/model/layer.ts";
import type { Model } from "../../src/model/ports.ts";
import { random } from "../../src/model/random.ts";
import { elementCount, matrix } from "../../src/model/tensor.ts";
import { haarFrame } from "./haar.ts";

/**
 * The model, each layer's weight with its out channels turned by a seeded Haar rotation of its own: `W <- Q W`, `Q` over all out
 * channels of the layer, of each group where it is grouped. Singular values and right singular vectors are those of the model, left ones
 * are turned, so nothing a layer writes is aligned with what others read. Everything else (biases, normalizations, tensors that
 * are no layer's weight) stays.
 *
 * As they are stay: layers with one out channel per group (depthwise convolutions), whose left vectors have no direction; and layers
 * over elements of a tensor that another layer has turned already (an unembedding that is the embedding: still tied, it reads
 * turned channels).
 *
 * @param graph the model's layers, as the run will have them
 * @param kernel multiplies; a faster one is worth while from some hundred channels on
 */
export function rotated(
  model: Model,
  graph: Pick<LayerGraph, "layers">,
  seed: number,
  kernel: Pick<Kernel, "multiply"> = openReferenceKernel(),
): Model {
  const layersOf = Map.groupBy(graph.layers, ({ weight }) => weight.tensor);
  return {
    ...model,
    id: `${model.id}, rotated by ${seed}`,
    async read(tensor, signal) {
      const values = await model.read(tensor, signal);
      const turned = new Uint8Array(values.length);
      for (const layer of layersOf.get(tensor) ?? []) await turn(layer, values, turned, seed, kernel);
      return values;
    },
    async inputs(...wanted) {
      const files = await model.inputs(...wanted);
      return files.map((file) => ({
        ...file,
        sha256: createHash("sha256").update(`${file.sha256}, rotated by ${seed}`).digest("hex"),
      }));
    },
    close: () => model.close(),
  };
}

/** Turns a layer within its tensor, in place; passes it over where one of its elements is turned already. */
async function turn(
  layer: Layer,
  values: Float64Array,
  turned: Uint8Array,
  seed: number,
  kernel: Pick<Kernel, "multiply">,
): Promise<void> {
  const { groups, positions: z, weight: { shape, offset, strides } } = layer;
  if (values.length !== elementCount(shape)) {
    throw new RangeError(
      `rotating ${layer.name}: found ${values.length} weights, required ${elementCount(shape)}`,
    );
  }
  const m = layer.outChannels / groups;
  const n = layer.inChannels / groups;
  if (m === 1) return;
  /** Where the weights of the first out channel of a group are. */
  const rows = Array.from({ length: groups }, (_, group) => {
    const first = offset + group * strides.group;
    return Int32Array.from(
      { length: n * z },
      (_, i) => first + Math.floor(i / z) * strides.in + i % z * strides.position,
    );
  });
  for (const row of rows) {
    for (let o = 0; o < m; o++) if (row.some((at) => turned[at + o * strides.out] === 1)) return;
  }
  for (const [group, row] of rows.entries()) {
    const q = haarFrame(m, m, random(seed, `rotation/${layer.name}/${group}`));
    const before = new Float64Array(m * row.length);
    for (let o = 0; o < m; o++) {
      row.forEach((at, i) => before[o * row.length + i] = values[at + o * strides.out]!);
    }
    const after = await kernel.multiply(matrix(m, m, q), matrix(m, row.length, before));
    for (let o = 0; o < m; o++) {
      row.forEach((at, i) => {
        values[at + o * strides.out] = after.data[o * row.length + i]!;
        turned[at + o * strides.out] = 1;
      });
    }
  }
}
