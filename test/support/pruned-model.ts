/** A small trained network of the project's, most of whose weights are zero. */

import { fileURLToPath } from "node:url";
import { formatOf } from "../../connectors/sources/registry.ts";
import type { Model } from "../../src/model/ports.ts";

/**
 * The network that tells digits, pruned by magnitude.
 *
 * @param epoch as in the names of its files; `000` is before its training
 * @param share of each tensor that is zero: its smallest numbers
 * @returns to be closed
 */
export async function prunedMnist(epoch: string, share: number): Promise<Model> {
  const path = fileURLToPath(
    new URL(`../../pipelines/models/mnist-mlp/epoch-${epoch}.safetensors`, import.meta.url),
  );
  const { id, uri, format, tensors, metadata, ...model } = await (await formatOf(path)).open(path, epoch);
  return {
    id,
    uri,
    format,
    tensors,
    metadata,
    async read(name) {
      const values = await model.read(name);
      const least = values.map(Math.abs).sort()[Math.floor(share * values.length)]!;
      return values.map((value) => Math.abs(value) < least ? 0 : value);
    },
    inputs: () => model.inputs(),
    close: () => model.close(),
  };
}
