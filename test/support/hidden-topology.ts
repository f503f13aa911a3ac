/** Models whose graph or family is hidden, and what of it is found again. */

import type { LayerGraph } from "../../src/model/layer.ts";
import type { Model } from "../../src/model/ports.ts";
import type { TensorInfo } from "../../src/model/tensor.ts";
import type { InferredFrom } from "../../src/stages/topology/inference/layer-reader.ts";

/** Connections by their layers' weights, `a -> b`: those of one evidence, or all. */
export const weightPairs = ({ layers, connections }: LayerGraph, evidence?: string): string[] =>
  connections.filter((each) => evidence === undefined || each.evidence === evidence)
    .map(({ source, target }) => `${layers[source]!.weight.tensor} -> ${layers[target]!.weight.tensor}`);

/** A model of tensors in the order of their modules. */
export interface HiddenModel {
  readonly from: InferredFrom;
  /** The name here of a tensor of the model. */
  readonly nameOf: ReadonlyMap<string, string>;
}

/**
 * The tensors alone.
 *
 * @param ordered those of the model that are taken, in the order of their modules
 * @param shuffled whether their names go too
 */
export function hiddenModel(model: Model, ordered: readonly TensorInfo[], shuffled: boolean): HiddenModel {
  const nameOf = new Map(
    ordered.map(({ name }, at) => [name, shuffled ? `t${(at * 7919) % 104729}` : name]),
  );
  const back = new Map([...nameOf].map(([before, now]) => [now, before]));
  return {
    nameOf,
    from: {
      moduleOrder: true,
      tensors: ordered.map((tensor) => ({ ...tensor, name: nameOf.get(tensor.name)! })),
      read: (name, signal) => model.read(back.get(name)!, signal),
    },
  };
}
