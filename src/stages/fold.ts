/** Normalizations taken into the weights around them: batch norms into the layer before, gains into the layers behind. */

import { counted } from "../model/counted.ts";
import type { BatchNormScale, Layer, LayerGraph, Unfolding } from "../model/layer.ts";
import type { Matrix } from "../model/tensor.ts";

/** Which normalizations are folded; `raw` (the default) ignores their scaling, as the reference program does. */
export interface FoldSettings {
  readonly batchNorm?: "raw" | "folded";
  /** Epsilon of batch norms whose file does not say it. Default: 1e-5. */
  readonly batchNormEpsilon?: number | undefined;
  readonly normGain?: "raw" | "folded";
  readonly unfolding?: Unfolding;
}

/**
 * Marks the layers that take a normalization in, and keeps of `folding` only what is taken in. Tensors that are then read are no longer
 * skipped.
 *
 * @returns the graph, with a warning where folding breaks the null distribution
 */
export function fold(graph: LayerGraph, settings: FoldSettings): LayerGraph {
  const layers = graph.layers.map((layer) => folded(layer, settings));
  const read = new Set(layers.flatMap((layer) => foldedTensors(layer)));
  return {
    ...graph,
    layers,
    skipped: graph.skipped.filter(({ subject, name }) => subject !== "tensor" || !read.has(name)),
    warnings: [...graph.warnings, ...calibrationWarnings(graph, layers, settings)],
  };
}

/** The tensors that a run reads: the weights of all layers, and what is folded into them. */
export function tensorsRead({ layers }: Pick<LayerGraph, "layers">): ReadonlySet<string> {
  return new Set(layers.flatMap((layer) => [layer.weight.tensor, ...foldedTensors(layer)]));
}

/** Tensors of normalizations that a layer takes in. */
export function foldedTensors({ folding }: Layer): readonly string[] {
  const { batchNorm, gain } = folding ?? {};
  return [batchNorm?.gamma, batchNorm?.variance, gain].filter((name) => typeof name === "string");
}

function folded(layer: Layer, { batchNorm, batchNormEpsilon, normGain }: FoldSettings): Layer {
  const { folding, ...rest } = layer;
  const scale = batchNorm === "folded" ? withEpsilon(folding?.batchNorm, batchNormEpsilon) : undefined;
  const { gain, gainOffset } = normGain === "folded" ? folding ?? {} : {};
  if (scale === undefined && gain === undefined) return rest;
  return {
    ...rest,
    ...scale === undefined ? {} : { batchNorm: "folded" },
    ...gain === undefined ? {} : { normGain: "folded" },
    folding: {
      ...scale === undefined ? {} : { batchNorm: scale },
      ...gain === undefined ? {} : { gain },
      ...gainOffset === undefined ? {} : { gainOffset },
    },
  };
}

function withEpsilon(
  scale: BatchNormScale | undefined,
  epsilon: number | undefined,
): BatchNormScale | undefined {
  if (scale?.assumed !== true || epsilon === undefined) return scale;
  const { gamma, variance } = scale;
  return { gamma, variance, epsilon };
}

/**
 * The null is exact for every `w` as long as the tested vector is uniform on its sphere. A scaled weight no longer is: rows scaled
 * unevenly tilt `u`, columns scaled unevenly tilt `v`.
 */
function calibrationWarnings(
  { connections }: LayerGraph,
  layers: readonly Layer[],
  { unfolding = "svr" }: FoldSettings,
): string[] {
  const broken = connections.filter(({ source, target }) => {
    const [from, to] = [layers[source]!, layers[target]!];
    const single = (layer: Layer) => layer.inChannels === layer.groups;
    return unfolding === "cosvr"
      ? from.batchNorm === "folded" || single(from) && to.normGain === "folded"
      : to.normGain === "folded" || single(to) && from.batchNorm === "folded";
  });
  if (broken.length === 0) return [];
  const [first] = broken as [typeof broken[number]];
  const name = `${layers[first.source]!.name} -> ${layers[first.target]!.name}`;
  return [
    `normalizations are folded into vectors that are tested: p-values of ${
      counted(broken.length, "connection")
    } (the first: ${name}) are too small, ` +
    `10 times and more where scales vary much`,
  ];
}

/** Factors of a layer's channels; null where there are none. */
export interface ChannelFactors {
  /** One per out channel, over all groups. */
  readonly out: Float64Array | null;
  /** One per in channel, over all groups. */
  readonly in: Float64Array | null;
}

/**
 * Reads the factors that a layer takes in.
 *
 * @param read reads a tensor as float64
 * @throws {RangeError} when a tensor does not hold one number per channel; names the layer and the tensor
 */
export async function channelFactors(
  layer: Layer,
  read: (tensor: string) => Promise<Float64Array>,
): Promise<ChannelFactors> {
  const { batchNorm, gain, gainOffset = 0 } = layer.folding ?? {};
  const numbers = async (tensor: string, count: number) => {
    const values = await read(tensor);
    if (values.length !== count) {
      throw new RangeError(
        `folding ${tensor} into layer ${layer.name}: found ${values.length} numbers, required ${count}, one per channel`,
      );
    }
    return values;
  };
  let out: Float64Array | null = null;
  if (batchNorm !== undefined) {
    const variances = await numbers(batchNorm.variance, layer.outChannels);
    const gamma = batchNorm.gamma === null ? null : await numbers(batchNorm.gamma, layer.outChannels);
    out = variances.map((variance, o) => (gamma?.[o] ?? 1) / Math.sqrt(variance + batchNorm.epsilon));
  }
  const gains = gain === undefined ? null : await numbers(gain, layer.inChannels);
  return { out, in: gains?.map((each) => each + gainOffset) ?? null };
}

/** Scales unfolded weights in place: row and column factors, by group and unfolding. */
export function scale(
  layer: Layer,
  blocks: readonly Matrix[],
  unfolding: Unfolding,
  factors: ChannelFactors,
): void {
  const { positions, groups } = layer;
  const [m, n] = [layer.outChannels / groups, layer.inChannels / groups];
  const [perRow, perCol] = unfolding === "svr" ? [1, positions] : [positions, 1];
  blocks.forEach(({ rows, cols, data }, group) => {
    for (let i = 0; i < rows; i++) {
      const left = factors.out?.[group * m + Math.floor(i / perRow)] ?? 1;
      for (let j = 0; j < cols; j++) {
        data[i * cols + j]! *= left * (factors.in?.[group * n + Math.floor(j / perCol)] ?? 1);
      }
    }
  });
}
