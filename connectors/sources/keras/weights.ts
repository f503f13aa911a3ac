/** The tensors of a Keras file: what they are called, and which of them are a layer's. */

import type { TensorInfo } from "../../../src/model/tensor.ts";
import type { Hdf5Dataset, Hdf5File } from "../hdf5/hdf5.ts";
import { kerasLayout, layoutByBias } from "./layouts.ts";

/** A tensor with its place in the file. */
export interface KerasTensor {
  readonly info: TensorInfo;
  readonly dataset: Hdf5Dataset;
  /** Names from the outermost layer to the weight: what `info.name` joins by slashes. */
  readonly parts: readonly string[];
}

/** The tensors of a file, and how its layers find theirs. */
export interface KerasWeights {
  readonly tensors: readonly KerasTensor[];
  /**
   * Weights of one layer.
   *
   * @param place where the layer is
   * @param roles names of its weights as Keras orders them, such as `kernel`, `bias`
   * @returns as many of them as the file holds
   */
  find(place: KerasPlace, roles: readonly string[]): ReadonlyMap<string, TensorInfo>;
  /** All weights of one layer. */
  all(place: KerasPlace): readonly TensorInfo[];
}

/** Where a layer is within its model. */
export interface KerasPlace {
  /** Names of the models around it, and its own. */
  readonly names: readonly string[];
  /** Group names of Keras 3, such as `layers/conv2d_1`: class names and counters. */
  readonly group: string;
}

/** Why an optimizer's tensors are not read. */
export const OPTIMIZER = "the optimizer's state, not a weight of the network";

/** Names and places of all tensors of a file. */
export function kerasWeights(file: Hdf5File): KerasWeights {
  const isOlder = ["", "model_weights"].some((path) => {
    const attributes = file.groups.get(path);
    return attributes?.has("layer_names") === true || attributes?.has("layer_names0") === true;
  });
  if (isOlder || file.groups.has("model_weights")) return olderWeights(file);
  return file.groups.has("layers") || file.groups.has("vars") ? newerWeights(file) : plainWeights(file);
}

/** Not written by Keras, or not by its own layers: names are paths, and nothing is known of axes. */
function plainWeights(file: Hdf5File): KerasWeights {
  const tensors = file.datasets.map((dataset) => {
    const { dtype, shape, byteLength, unreadable, path } = dataset;
    const info = { name: path, dtype, shape, byteLength, ...unreadable === undefined ? {} : { unreadable } };
    return { info, dataset, parts: path.split("/") };
  });
  return { tensors, all: () => [], find: () => new Map() };
}

/** @param words what the layer's class may be told by, beside its names */
function tensorOf(
  dataset: Hdf5Dataset,
  parts: readonly string[],
  optimizer: boolean,
  words: readonly string[] = [],
): KerasTensor {
  const { dtype, shape, byteLength } = dataset;
  const unreadable = optimizer ? OPTIMIZER : dataset.unreadable;
  const layout = kerasLayout([...parts.slice(0, -1), ...words], parts.at(-1) ?? "", shape.length);
  const info = {
    name: parts.join("/"),
    dtype,
    shape,
    byteLength,
    ...unreadable === undefined ? {} : { unreadable },
    ...layout === undefined || unreadable !== undefined ? {} : { layout },
  };
  return { info, dataset, parts };
}

/** Names must be unique; where they are not, those concerned get the whole path of the file. */
function unique(tensors: readonly KerasTensor[]): KerasTensor[] {
  const count = new Map<string, number>();
  for (const { info } of tensors) count.set(info.name, (count.get(info.name) ?? 0) + 1);
  const paths = new Set(tensors.map(({ dataset }) => dataset.path));
  return tensors.map((tensor) => {
    const { info, dataset } = tensor;
    // A path may be another tensor's shorter name.
    const clash = (count.get(info.name) ?? 0) > 1 || info.name !== dataset.path && paths.has(info.name);
    return clash ? { ...tensor, info: { ...info, name: dataset.path } } : tensor;
  });
}

/** The same, their kernels' axes by the biases beside them. */
function byBiases(tensors: readonly KerasTensor[]): KerasTensor[] {
  const byName = new Map(tensors.map(({ info }) => [info.name, info]));
  return tensors.map((tensor) => {
    const { info } = tensor;
    const name = info.name.replace(/kernel$/, "bias").replace(/(^|[/_])W(_\d+)?$/, "$1b$2");
    const bias = name === info.name ? undefined : byName.get(name);
    if (info.layout === undefined || bias?.shape.length !== 1) return tensor;
    return { ...tensor, info: { ...info, layout: layoutByBias(info.layout, info.shape, bias.shape[0]!) } };
  });
}

/** TensorFlow's `:0`: the first output of the operator that made the variable. */
const OUTPUT = /:0$/;

/**
 * Keras 1 and 2: `model_weights/<layer>/<weight name>` in a whole model, the same without `model_weights` in a file of weights. A weight's
 * name begins with the layer's own, perhaps numbered anew.
 */
function olderWeights(file: Hdf5File): KerasWeights {
  const inModel = file.groups.has("model_weights");
  const tensors = byBiases(unique(file.datasets.map((dataset) => {
    const path = dataset.path.split("/");
    if (path[0] === "optimizer_weights") return tensorOf(dataset, path.map(plainName), true);
    const [layer = "", ...rest] = inModel && path[0] === "model_weights" ? path.slice(1) : path;
    const again = rest.length > 1 && isNamed(rest[0]!, layer);
    return tensorOf(dataset, [layer, ...(again ? rest.slice(1) : rest).map(plainName)], false);
  })));
  const byLayer = Map.groupBy(tensors, ({ parts }) => parts[0] ?? "");
  const within = ({ names }: KerasPlace) => {
    const [layer = "", ...inner] = names;
    return (byLayer.get(layer) ?? []).filter(({ info, parts }) =>
      info.unreadable !== OPTIMIZER &&
      inner.every((name) => parts.slice(1, -1).some((part) => isNamed(part, name)))
    );
  };
  return {
    tensors,
    all: (place) => within(place).map(({ info }) => info),
    find(place, roles) {
      const found = new Map<string, TensorInfo>();
      for (const { info, parts } of within(place)) {
        const last = parts.at(-1) ?? "";
        const role = roles.find((each) => last === each) ?? roles.find((each) => isOldName(last, each));
        if (role !== undefined && !found.has(role)) found.set(role, info);
      }
      return found;
    },
  };
}

const plainName = (part: string) => part.replace(OUTPUT, "");

/** TensorFlow numbers a name that was taken: `conv2d_1` becomes `conv2d_1_1`. */
function isNamed(part: string, layer: string): boolean {
  return part === layer || part.startsWith(`${layer}_`) && /^\d+$/.test(part.slice(layer.length + 1));
}

/** Keras 1 wrote `dense_1_W`; depthwise layers and embeddings changed their words once. */
const OLD_NAMES: Readonly<Record<string, RegExp>> = {
  kernel: /(^|_)(W|depthwise_kernel)(_\d+)?$/,
  bias: /(^|_)(b|bias)(_\d+)?$/,
  embeddings: /(^|_)(W|embeddings)(_\d+)?$/,
  gamma: /(^|_)gamma(_\d+)?$/,
  beta: /(^|_)beta(_\d+)?$/,
  moving_mean: /(^|_)(running|moving)_mean(_\d+)?$/,
  moving_variance: /(^|_)(running_std|running_var|moving_variance)(_\d+)?$/,
  depthwise_kernel: /(^|_)depthwise_kernel(_\d+)?$/,
  pointwise_kernel: /(^|_)pointwise_kernel(_\d+)?$/,
};

function isOldName(last: string, role: string): boolean {
  return Object.hasOwn(OLD_NAMES, role) && OLD_NAMES[role]!.test(last);
}

/** Weights by class, as the group is called, and by how many there are: only what is not ambiguous. */
const NUMBERED: readonly (readonly [group: RegExp, roles: readonly string[], least: number])[] = [
  [/^(dense|(depthwise_)?conv\dd(_transpose)?|\w+_dense)$/, ["kernel", "bias"], 1],
  [/^separable_conv\dd$/, ["depthwise_kernel", "pointwise_kernel", "bias"], 2],
  [/^(\w+_)?cell$/, ["kernel", "recurrent_kernel", "bias"], 2],
  [/^embedding$/, ["embeddings"], 1],
  [/^batch_normalization$/, ["gamma", "beta", "moving_mean", "moving_variance"], 4],
  [/^layer_normalization$/, ["gamma", "beta"], 2],
];

/**
 * Keras 3: `layers/<class>_<number>/vars/<number>`, deeper for layers in layers. Newer versions write a layer's name beside its
 * variables; it is taken instead of the group's.
 */
function newerWeights(file: Hdf5File): KerasWeights {
  const nameOf = (group: string) => file.groups.get(`${group}/vars`)?.get("name")?.[0];
  const counts = new Map<string, number>();
  for (const { path } of file.datasets) {
    const group = path.slice(0, path.lastIndexOf("/"));
    counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  const tensors = byBiases(unique(file.datasets.map((dataset) => {
    const path = dataset.path.split("/");
    const optimizer = path[0] === "optimizer";
    const parts: string[] = [];
    path.slice(0, -1).forEach((part, at) => {
      if (part === "layers" || part === "vars") return;
      const name = optimizer ? undefined : nameOf(path.slice(0, at + 1).join("/"));
      parts.push(name === undefined || name === "" ? part : name);
    });
    const group = path.slice(0, -1).join("/");
    const kinds = [path.at(-3) ?? "", nameOf(path.slice(0, -2).join("/")) ?? ""];
    return tensorOf(dataset, [...parts, numbered(path, kinds, counts.get(group) ?? 0)], optimizer, kinds);
  })));
  const byGroup = Map.groupBy(tensors, ({ dataset: { path } }) => path.slice(0, path.lastIndexOf("/")));
  return {
    tensors,
    all: ({ group }) =>
      tensors.filter(({ dataset }) => dataset.path.startsWith(`${group}/`)).map(({ info }) => info),
    find({ group }, roles) {
      const own = byGroup.get(`${group}/vars`) ?? [];
      const found = new Map<string, TensorInfo>();
      for (const { info, dataset } of own) {
        const role = /^\d{1,3}$/.test(dataset.name) ? roles[Number(dataset.name)] : undefined;
        if (role !== undefined) found.set(role, info);
      }
      return found;
    },
  };
}

/** @param kinds what the group and its layer are called: one of them may tell the class */
function numbered(path: readonly string[], kinds: readonly string[], count: number): string {
  const [last = "", holder] = [...path].reverse();
  if (holder !== "vars" || !/^\d$/.test(last)) return last;
  const classes = kinds.map((each) => each.replace(/_\d+$/, ""));
  const entry = NUMBERED.find(([pattern, roles, least]) =>
    classes.some((each) => pattern.test(each)) && count >= least && count <= roles.length
  );
  return entry?.[1][Number(last)] ?? last;
}
