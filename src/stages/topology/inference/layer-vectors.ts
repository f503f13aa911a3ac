/** Which tensors of a file belong to a layer's out channels: its bias, and the batch norm behind it. */

import type { Layer } from "../../../model/layer.ts";
import type { Model } from "../../../model/ports.ts";
import type { TensorInfo } from "../../../model/tensor.ts";
import { behind, layerName } from "../weights.ts";
import type { LayerVectors } from "./channel-vectors.ts";

/** What a vector is called in PyTorch, Keras, Chainer and others, last part of its name. */
const KINDS: Readonly<Record<string, keyof LayerVectors | undefined>> = {
  bias: "bias",
  b: "bias",
  gamma: "gamma",
  weight: "gamma",
  beta: "beta",
  running_mean: "mean",
  moving_mean: "mean",
  avg_mean: "mean",
  mean: "mean",
  running_var: "variance",
  moving_variance: "variance",
  avg_var: "variance",
  variance: "variance",
  var: "variance",
};

/** How vectors lie behind a weight where their names say nothing: a bias, a batch norm, or both. */
const BY_COUNT: Readonly<Record<number, readonly (keyof LayerVectors)[] | undefined>> = {
  1: ["bias"],
  4: ["gamma", "beta", "mean", "variance"],
  5: ["bias", "gamma", "beta", "mean", "variance"],
};

/**
 * Names of a layer's vectors.
 *
 * @param inOrder whether tensors stand in the order of the network's modules: then those behind a weight, up to the next, are its own
 */
export function vectorNames(
  layer: Layer,
  tensors: readonly TensorInfo[],
  inOrder: boolean,
): Partial<Record<keyof LayerVectors, string>> {
  const fits = ({ shape }: TensorInfo) => shape.length === 1 && shape[0] === layer.outChannels;
  const module = layerName(layer.weight.tensor).replace(/[./](kernel|W)$/, "");
  const found: Partial<Record<keyof LayerVectors, string>> = {};
  const named = (name: string) => tensors.find((each) => each.name === name && fits(each))?.name;
  const bias = named(`${module}.bias`) ?? named(`${module}/b`) ?? named(`${module}/bias`);
  if (bias !== undefined) found.bias = bias;
  const variance = layer.folding?.batchNorm?.variance;
  if (variance !== undefined) {
    const prefix = variance.slice(0, -"running_var".length);
    const [gamma, beta, mean] = ["weight", "bias", "running_mean"].map((leaf) => named(prefix + leaf));
    return withoutAbsent({ ...found, gamma, beta, mean, variance });
  }
  if (!inOrder) return found;
  const own = behind(layer.weight.tensor, tensors).filter(fits);
  return { ...byKind(own) ?? byCount(own), ...found };
}

function withoutAbsent<T extends object>(some: T): { [K in keyof T]: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(some).filter(([, value]) => value !== undefined)) as never;
}

function byKind(own: readonly TensorInfo[]): Partial<Record<keyof LayerVectors, string>> | null {
  const found: Partial<Record<keyof LayerVectors, string>> = {};
  for (const { name } of own) {
    const kind = KINDS[name.split(/[./]/).at(-1)!];
    if (kind === undefined) return null;
    const told = kind === "bias" && found.gamma !== undefined ? "beta" : kind;
    found[told] ??= name;
  }
  return found;
}

function byCount(own: readonly TensorInfo[]): Partial<Record<keyof LayerVectors, string>> {
  const kinds = BY_COUNT[own.length] ?? [];
  return Object.fromEntries(kinds.map((kind, at) => [kind, own[at]!.name]));
}

/** Reads a layer's vectors; a gain without running statistics is another normalization's and is left out. */
export async function layerVectors(
  names: Partial<Record<keyof LayerVectors, string>>,
  read: (tensor: string) => ReturnType<Model["read"]>,
): Promise<LayerVectors> {
  const kinds =
    (names.variance === undefined
      ? ["bias"]
      : ["bias", "gamma", "beta", "mean", "variance"]) as (keyof LayerVectors)[];
  const found: { -readonly [K in keyof LayerVectors]: LayerVectors[K] } = {};
  for (const kind of kinds) {
    const name = names[kind];
    if (name !== undefined) found[kind] = await read(name);
  }
  if (found.variance?.some((value) => !(value >= 0)) === true) return {};
  return found;
}
