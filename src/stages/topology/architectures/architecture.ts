/** A family of networks whose dataflow is known from its tensors' names and shapes. */

import type { OperatorGraph } from "../../../model/operators.ts";
import type { TensorInfo } from "../../../model/tensor.ts";

/** What a family may look at. */
export interface ModelFacts {
  /** By exact name, in the file's order. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** `config.json`, parsed and untrusted; absent where there is none. */
  readonly config?: unknown;
  /** Whether blocks that do not fit may be left unconnected, so that the others are known. Default: false. */
  readonly inPart?: boolean;
}

/** A family of networks. */
export interface Architecture {
  readonly name: string;
  /**
   * The dataflow of a model of this family.
   *
   * @returns null where the tensors are not of this family
   * @throws {RangeError} when they look so, but do not fit together; names the tensor. The model's topology is then guessed, with a
   * warning
   */
  build(model: ModelFacts): OperatorGraph | null;
}
