/** Reads the layers of a model one after another, within a budget of bytes. */

import type { CallOptions } from "../../../kernels/kernel.ts";
import type { Layer, LayerGraph } from "../../../model/layer.ts";
import type { Model } from "../../../model/ports.ts";
import { elementCount } from "../../../model/tensor.ts";
import { unfold } from "../../unfold.ts";
import type { GuessedFrom } from "../guess.ts";
import { isInOrder } from "../weights.ts";
import { layerVectors, vectorNames } from "./layer-vectors.ts";
import type { ReadLayer } from "./ports.ts";

/** What is inferred from. */
export type InferredFrom = GuessedFrom & Pick<Model, "read">;

/** Grants bytes before they are taken. */
export interface Bytes {
  /** @throws {RangeError} when there are never so many */
  acquire(bytes: number, what: string, options: CallOptions): Promise<{ release(): void }>;
}

/** Of a call. */
export interface InferenceOptions extends CallOptions {
  /** Asked before a layer is read. Default: nothing is asked */
  readonly budget?: Bytes | undefined;
}

/** Reads a layer and lets go of it when it has been used. */
export type WithLayer = <T>(layer: number, use: (read: ReadLayer) => Promise<T>) => Promise<T>;

/** What reading a layer takes: its tensor, and its weight as it is unfolded. */
const bytesOf = ({ weight, groups, outChannels, inChannels, positions }: Layer) =>
  Float64Array.BYTES_PER_ELEMENT *
  (elementCount(weight.shape) + outChannels * inChannels * positions / groups);

/**
 * A reader of layers; it holds one at a time.
 *
 * @param what the work that bytes are asked for, in one word
 * @returns what throws a RangeError when a layer needs more than the whole budget, and what reading throws
 */
export function layerReader(
  { layers }: Pick<LayerGraph, "layers">,
  model: InferredFrom,
  what: string,
  { budget, ...options }: InferenceOptions,
): WithLayer {
  const inOrder = isInOrder(model);
  const read = (tensor: string) => model.read(tensor, options.signal);
  return async (index, use) => {
    const layer = layers[index]!;
    const grant = await budget?.acquire(bytesOf(layer), `${what}, layer ${layer.name}`, options);
    try {
      const vectors = await layerVectors(vectorNames(layer, model.tensors, inOrder), read);
      return await use({ layer, vectors, blocks: unfold(layer, await read(layer.weight.tensor), "svr") });
    } finally {
      grant?.release();
    }
  };
}
