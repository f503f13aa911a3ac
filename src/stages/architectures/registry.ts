/** The families that are recognized. A new one is a file and a line here. */

import type { OperatorGraph } from "../../model/operators.ts";
import type { Model } from "../../model/ports.ts";
import type { Architecture } from "./architecture.ts";

/** Most particular first: the first that recognizes a model is taken. */
export const ARCHITECTURES: readonly Architecture[] = [];

/** The dataflow of a model whose family is known; null where none recognizes it. */
export function recognized({ tensors, config }: Pick<Model, "tensors" | "config">): OperatorGraph | null {
  const facts = { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), config };
  for (const { build } of ARCHITECTURES) {
    const operators = build(facts);
    if (operators !== null) return operators;
  }
  return null;
}
