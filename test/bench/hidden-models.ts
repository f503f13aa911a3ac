/** Models of others without their graph and family, for benches. */

import type { LayerGraph } from "../../src/model/layer.ts";
import type { Model } from "../../src/model/ports.ts";
import type { TensorInfo } from "../../src/model/tensor.ts";
import { type HiddenModel, hiddenModel } from "../support/hidden-topology.ts";

const moduleOf = (name: string) => name.replace(/[./][^./]*$/, "");

/** As libraries list what belongs to a weight: names are in the order of the alphabet in some files. */
const LEAVES = [
  "b",
  "bias",
  "gamma",
  "weight",
  "beta",
  "moving_mean",
  "running_mean",
  "moving_variance",
  "running_var",
];
const placeOf = ({ name }: TensorInfo) => LEAVES.indexOf(name.split(/[./]/).at(-1)!);

/** The model without graph and family: weights in the order of the known topology, each with the other tensors of its module and of its batch norm's behind it. */
export function hidden(model: Model, { layers }: LayerGraph, shuffled: boolean): HiddenModel {
  const inFile = model.moduleOrder === true;
  const weights = [...new Set(layers.map(({ weight }) => weight.tensor))];
  const others = model.tensors.filter(({ name }) => !weights.includes(name));
  const byName = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  const normOf = (weight: string) =>
    layers.find((layer) => layer.weight.tensor === weight)!.folding?.batchNorm;
  const ordered: TensorInfo[] = inFile ? [...model.tensors] : weights.flatMap((name) => {
    const modules = [name, normOf(name)?.variance].flatMap((each) =>
      each === undefined ? [] : [moduleOf(each)]
    );
    return [
      byName.get(name)!,
      ...modules.flatMap((module) =>
        others.filter((each) => moduleOf(each.name) === module).sort((a, b) => placeOf(a) - placeOf(b))
      ),
    ];
  });
  return hiddenModel(model, [...new Set(ordered)], shuffled);
}
