/** Files of quantized weights that libraries wrote (`test/golden/files/quantized`), as they stand or changed. */

import { formatOf } from "../../../connectors/sources/registry.ts";
import { safetensors } from "../../../connectors/sources/safetensors.ts";
import type { Model } from "../../../src/model/ports.ts";
import type { TensorInfo } from "../../../src/model/tensor.ts";

/** The path of one of them. */
export const fileOf = (folder: string, name = "model.safetensors") =>
  `test/golden/files/quantized/${folder}/${name}`;

/** Opened as a run opens it. */
export async function opened(path: string): Promise<Model> {
  return await (await formatOf(path)).open(path, "m");
}

/** The module of most files. */
export const MODULE = "model.layers.0.mlp.up_proj";

/** What is to be different. */
export interface Change {
  readonly config?: unknown;
  readonly tensors?: Readonly<Record<string, Partial<TensorInfo> | null>>;
  readonly values?: Readonly<Record<string, (values: Float64Array) => Float64Array>>;
}

/** A file as it stands, or with other tensors, numbers or config than it has. */
export async function raw(folder: string, change: Change = {}): Promise<Model> {
  const known = await opened(fileOf(folder));
  const model = await safetensors.open(fileOf(folder), "m");
  return {
    ...model,
    config: "config" in change ? change.config : known.config,
    tensors: model.tensors.flatMap((tensor) => {
      const other = change.tensors?.[tensor.name];
      return other === null ? [] : [{ ...tensor, ...other }];
    }),
    read: async (name, signal) =>
      (change.values?.[name] ?? ((values) => values))(await model.read(name, signal)),
  };
}
