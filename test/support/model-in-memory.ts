/** Models whose tensors are in memory, in the order of their modules. */

import { elementCount, type TensorInfo } from "../../src/model/tensor.ts";
import type { InferredFrom } from "../../src/stages/topology/inference/layer-reader.ts";

/** A tensor and its numbers, row-major. */
export interface Values {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/** A model of these tensors; each reading has numbers of its own. */
export function modelInMemory(tensors: ReadonlyMap<string, Values>): InferredFrom {
  return {
    moduleOrder: true,
    tensors: [...tensors].map(([name, { shape }]): TensorInfo => ({
      name,
      shape,
      dtype: "F64",
      byteLength: 8 * elementCount(shape),
    })),
    read: (name) => Promise.resolve(tensors.get(name)!.values.slice()),
  };
}
