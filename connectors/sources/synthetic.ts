/** Generated models: Gaussian weights as a null control, and planted graphs whose answer is known. */

import { createHash } from "node:crypto";
import { show } from "../../src/model/errors.ts";
import type {
  ChannelRange,
  Connection,
  Layer,
  LayerGraph,
  Via,
  WeightStrides,
} from "../../src/model/layer.ts";
import type { Model } from "../../src/model/ports.ts";
import { random } from "../../src/model/random.ts";
import { elementCount } from "../../src/model/tensor.ts";

/** A generated layer. */
export interface SyntheticLayer {
  readonly name: string;
  /** Out channels. */
  readonly out: number;
  /** In channels. */
  readonly in: number;
  /** Kernel extents of a convolution; none for a fully connected layer. */
  readonly kernel?: readonly number[] | undefined;
  /** Positions per in channel of a fully connected layer that reads a flattened map. */
  readonly positions?: number | undefined;
  readonly groups?: number | undefined;
}

/** What a generated model is made of. The same spec gives the same weights, bit for bit. */
export interface SyntheticSpec {
  readonly seed: number;
  readonly layers: readonly SyntheticLayer[];
  /** Default: each layer feeds the next. */
  readonly connections?:
    | readonly {
      readonly from: string;
      readonly to: string;
      readonly via?: Via | undefined;
      /** Tells several connections between the same two layers apart. Default: 0. */
      readonly part?: number | undefined;
      readonly channels?: readonly ChannelRange[] | undefined;
    }[]
    | undefined;
  /**
   * Chains of consecutive layers whose leading neurons feed each other: each gets a rank-one term `gain * y x'`, its input
   * pattern `x` at angle `arccos(cosine)` from the output pattern `y` of the layer before. `gain` well above 3 makes them lead.
   */
  readonly planted?:
    | readonly {
      readonly from: string;
      readonly to: string;
      readonly cosine: number;
      readonly gain: number;
    }[]
    | undefined;
}

/**
 * Opens a generated model. Weights are `N(0, 1/fan_in)`, made when a layer is read and not kept.
 *
 * @throws {RangeError} when layers, connections or planted chains do not fit together; names them
 * @example
 * import { openSynthetic } from "svrflow";
 *
 * const model = openSynthetic({
 *   seed: 1,
 *   layers: [{ name: "a", out: 40, in: 32 }, { name: "b", out: 36, in: 40 }],
 *   planted: [{ from: "a", to: "b", cosine: 0.95, gain: 8 }],
 * }, "planted");
 * console.log(model.tensors.map(({ name, shape }) => `${name}: ${shape.join(" x ")}`));
 */
export function openSynthetic(spec: SyntheticSpec, id: string): Model {
  const graph = graphOf(spec);
  const json = JSON.stringify(spec);
  return {
    id,
    uri: `synthetic:${id}`,
    format: "synthetic",
    tensors: graph.layers.map(({ weight, dtype }) => ({
      name: weight.tensor,
      dtype,
      shape: weight.shape,
      byteLength: 8 * elementCount(weight.shape),
    })),
    metadata: new Map([["seed", String(spec.seed)]]),
    graph,
    read(name) {
      const layer = graph.layers.find((each) => each.weight.tensor === name);
      if (layer === undefined) {
        return Promise.reject(
          new RangeError(`${id}: found no tensor ${show(name)}, required a layer's weight`),
        );
      }
      return Promise.resolve(weights(spec, graph, layer));
    },
    inputs: () =>
      Promise.resolve([{
        path: `synthetic:${id}`,
        bytes: json.length,
        sha256: createHash("sha256").update(json).digest("hex"),
      }]),
    close: () => Promise.resolve(),
  };
}

function graphOf(spec: SyntheticSpec): LayerGraph {
  const layers = spec.layers.map((each, index): Layer => {
    const groups = each.groups ?? 1;
    if (each.out % groups !== 0 || each.in % groups !== 0) {
      throw new RangeError(
        `synthetic layer ${
          show(each.name)
        }, groups: found ${groups}, required a divisor of ${each.out} and ${each.in}`,
      );
    }
    const kernel = each.kernel ?? [];
    const positions = elementCount(kernel) * (each.positions ?? 1);
    return {
      index,
      name: each.name,
      kind: kernel.length > 0 ? "conv" : "linear",
      weight: {
        tensor: `${each.name}.weight`,
        shape: kernel.length > 0
          ? [each.out, each.in / groups, ...kernel]
          : [each.out, each.in * positions / groups],
        offset: 0,
        strides: stridesOf(each, positions, groups),
      },
      dtype: "F64",
      outChannels: each.out,
      inChannels: each.in,
      positions,
      groups,
      batchNorm: "none",
      normGain: "none",
    };
  });
  const index = new Map(layers.map((layer) => [layer.name, layer.index]));
  const wanted = spec.connections ??
    layers.slice(1).map((layer, i) => ({
      from: layers[i]!.name,
      to: layer.name,
      via: undefined,
      part: undefined,
      channels: undefined,
    }));
  const connections = wanted.map((each): Connection => {
    const source = layers[index.get(each.from) ?? -1];
    const target = layers[index.get(each.to) ?? -1];
    if (source === undefined || target === undefined) {
      throw new RangeError(
        `synthetic connection ${show(each.from)} -> ${show(each.to)}: required two of the layers ${
          layers.map(({ name }) => name).join(", ")
        }`,
      );
    }
    const channels = each.channels ?? [{ source: 0, target: 0, length: source.outChannels }];
    const fits = channels.every((range) =>
      range.source + range.length <= source.outChannels && range.target + range.length <= target.inChannels
    );
    if (!fits || each.channels === undefined && source.outChannels !== target.inChannels) {
      throw new RangeError(
        `synthetic connection ${show(each.from)} -> ${
          show(each.to)
        }: found ${source.outChannels} out and ${target.inChannels} in channels, required a map that fits`,
      );
    }
    const via = each.via ?? (target.kind === "linear" && target.positions > 1 ? "flatten" : "direct");
    return {
      source: source.index,
      target: target.index,
      part: each.part ?? 0,
      via,
      evidence: "declared",
      channels,
    };
  });
  return { layers, connections, skipped: [], warnings: [] };
}

/** As in PyTorch: `[m, n/g, ...k]`. */
function stridesOf(each: SyntheticLayer, positions: number, groups: number): WeightStrides {
  const out = each.in / groups * positions;
  return { group: each.out / groups * out, out, in: positions, position: 1 };
}

function weights(spec: SyntheticSpec, graph: LayerGraph, layer: Layer): Float64Array {
  const perOut = layer.inChannels / layer.groups * layer.positions;
  const out = new Float64Array(layer.outChannels * perOut);
  random(spec.seed, layer.name).normals(out);
  const scale = 1 / Math.sqrt(perOut);
  for (let i = 0; i < out.length; i++) out[i]! *= scale;
  for (const plant of spec.planted ?? []) addPlanted(out, spec, graph, layer, plant);
  return out;
}

function addPlanted(
  out: Float64Array,
  spec: SyntheticSpec,
  graph: LayerGraph,
  layer: Layer,
  plant: NonNullable<SyntheticSpec["planted"]>[number],
): void {
  const place = (name: string) => {
    const found = graph.layers.findIndex((each) => each.name === name);
    if (found < 0) {
      throw new RangeError(
        `synthetic planted chain ${show(plant.from)} to ${show(plant.to)}: found no layer ${show(name)}`,
      );
    }
    return found;
  };
  const [first, last] = [place(plant.from), place(plant.to)];
  if (layer.index < first || layer.index > last) return;
  if (layer.groups > 1) {
    throw new RangeError(
      `synthetic planted chain: found ${layer.groups} groups in ${show(layer.name)}, required a dense layer`,
    );
  }
  const y = pattern(spec, layer, "out", layer.outChannels);
  const x = pattern(spec, layer, "in", layer.inChannels * layer.positions);
  const arriving = layer.index > first ? arrive(spec, graph, layer) : null;
  if (arriving !== null) {
    // x = cosine * arriving + sqrt(1 - cosine^2) * (x made orthogonal to it)
    const along = x.reduce((sum, value, i) => sum + value * arriving[i]!, 0);
    const rest = normalized(x.map((value, i) => value - along * arriving[i]!));
    x.forEach((_, i) => x[i] = plant.cosine * arriving[i]! + Math.sqrt(1 - plant.cosine ** 2) * rest[i]!);
  }
  y.forEach((left, o) => x.forEach((right, i) => out[o * x.length + i]! += plant.gain * left * right));
}

/** The output pattern of the layer before, as it arrives: through the channel map, spread evenly over the positions. */
function arrive(spec: SyntheticSpec, graph: LayerGraph, layer: Layer): Float64Array {
  const connection = graph.connections.find(({ source, target }) =>
    target === layer.index && source === layer.index - 1
  );
  if (connection === undefined) {
    throw new RangeError(
      `synthetic planted chain: found no connection into ${
        show(layer.name)
      }, required one from the layer before it`,
    );
  }
  const before = graph.layers[connection.source]!;
  const y = pattern(spec, before, "out", before.outChannels);
  const out = new Float64Array(layer.inChannels * layer.positions);
  for (const { source, target, length } of connection.channels) {
    for (let c = 0; c < length; c++) {
      out.fill(y[source + c]!, (target + c) * layer.positions, (target + c + 1) * layer.positions);
    }
  }
  return normalized(out);
}

/** A random unit vector that belongs to a layer's input or output. */
function pattern(spec: SyntheticSpec, layer: Layer, side: string, length: number): Float64Array {
  const values = new Float64Array(length);
  random(spec.seed, `${layer.name}/planted/${side}`).normals(values);
  return normalized(values);
}

function normalized(values: Float64Array): Float64Array {
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return values.map((value) => value / norm);
}
