/** Keras models for tests: configs as Keras 2 writes them, weights that have only shapes, and what becomes of both. */

import { kerasOperators } from "../../connectors/sources/keras/walk.ts";
import type { KerasWeights } from "../../connectors/sources/keras/weights.ts";
import type { TensorInfo } from "../../src/model/tensor.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { tensorOf } from "./layer-fixture.ts";

/** Extents by name of weight. */
export type KerasShapes = Readonly<Record<string, readonly number[]>>;

/** Weights by `<layer>/<role>`. */
export function weightsOf(shapes: KerasShapes): { tensors: readonly TensorInfo[]; weights: KerasWeights } {
  const tensors = Object.entries(shapes).map(([name, shape]) => tensorOf(name, shape));
  const within = (names: readonly string[]) =>
    tensors.filter(({ name }) => name.startsWith(`${names.join("/")}/`));
  const weights: KerasWeights = {
    tensors: [],
    all: ({ names }) => within(names),
    find: ({ names }, roles) =>
      new Map(
        within(names).flatMap((info) => {
          const role = info.name.slice(names.join("/").length + 1);
          return roles.includes(role) ? [[role, info] as const] : [];
        }),
      ),
  };
  return { tensors, weights };
}

/** A layer and the layers that it reads. */
export type KerasLayer = readonly [
  className: string,
  name: string,
  inputs: readonly string[],
  config?: object,
];

/** A graph as Keras 2 writes it; the first layer is an input of this shape. */
export function graph(shape: readonly (number | null)[], layers: readonly KerasLayer[]): object {
  const input = {
    class_name: "InputLayer",
    name: "in",
    config: { name: "in", batch_input_shape: shape },
    inbound_nodes: [],
  };
  return {
    class_name: "Functional",
    config: {
      name: "model",
      layers: [
        input,
        ...layers.map(([class_name, name, inputs, config = {}]) => ({
          class_name,
          name,
          config: { name, ...config },
          inbound_nodes: inputs.length === 0 ? [] : [inputs.map((each) => [each, 0, 0, {}])],
        })),
      ],
      input_layers: [["in", 0, 0]],
      output_layers: [[layers.at(-1)![1], 0, 0]],
    },
  };
}

/** `source -> target via ranges`, and what is lost on the way to a layer, `? -> target: reason`. */
export function traced(config: object, shapes: KerasShapes): string[] {
  const { tensors, weights } = weightsOf(shapes);
  const operators = kerasOperators("config", config, weights)!;
  const { layers, connections, skipped } = layerGraph({ tensors, operators });
  return [
    ...connections.map(({ source, target, via, channels }) => {
      const ranges = channels.map((each) => `${each.source}:${each.target}:${each.length}`).join(" ");
      return `${layers[source]!.name} -> ${layers[target]!.name} ${via} ${ranges}`;
    }),
    ...skipped.filter(({ subject }) => subject === "connection").map(({ name, reason }) =>
      `${name}: ${reason}`
    ),
  ].sort();
}
