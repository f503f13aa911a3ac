/** A layer graph as the topology that declares it: what `declaredGraph` reads, written. */

import { isDeepStrictEqual } from "node:util";
import type { Connection, Layer, LayerGraph } from "../../model/layer.ts";
import type { FlattenOrder, LayerDraft, WeightLayout } from "../../model/layer-draft.ts";
import { sharedChannels } from "../../model/layer.ts";
import type { TensorInfo } from "../../model/tensor.ts";
import type { DeclaredBatchNorm, DeclaredConnection, DeclaredLayer } from "../../model/topology.ts";
import { declaredDraft, declaredLayer } from "./declared.ts";
import { sorted } from "./weights.ts";

/** A topology in full: every layer in order, every connection. */
export interface FullDeclaration {
  readonly layers: readonly DeclaredLayer[];
  readonly connections: readonly DeclaredConnection[];
}

const LAYOUTS: readonly WeightLayout[] = ["out-in", "in-out", "kernel-in-out", "kernel-out-in", "depthwise"];
const FLATTENED: readonly FlattenOrder[] = ["channels-first", "channels-last"];

/**
 * The topology that gives a graph. Layers say only what differs from the defaults. Connections keep whether they are guessed.
 *
 * @param graph before normalizations are folded
 * @param known layers that the model's own format describes
 * @throws {Error} when a layer of the graph cannot be said: that is our mistake
 */
export function declarationOf(
  { layers, connections }: Pick<LayerGraph, "layers" | "connections">,
  tensors: readonly TensorInfo[],
  known: readonly LayerDraft[] = [],
): FullDeclaration {
  const { weights } = sorted(tensors);
  const read = (layer: DeclaredLayer, index: number): Layer | null => {
    try {
      const draft = declaredDraft(layer.name, layer, weights, known);
      return declaredLayer(draft, layer, tensors, { index, positions: null });
    } catch (cause) {
      if (cause instanceof RangeError) return null;
      throw cause;
    }
  };
  return {
    layers: layers.map((layer) => shortest(layer, (said) => same(read(said, layer.index), layer))),
    connections: connections.map((each) => connectionOf(each, layers[each.source]!, layers[each.target]!)),
  };
}

/** Leaves out every key without which the layer reads the same. */
function shortest(layer: Layer, gives: (said: DeclaredLayer) => boolean): DeclaredLayer {
  const whole = everythingOf(layer).find(gives);
  if (whole === undefined) throw new Error(`layer ${layer.name}: no topology says how its weight is read`);
  const { name, ...details } = whole;
  return Object.keys(details).reduce((said: DeclaredLayer, key) => {
    const without = Object.fromEntries(Object.entries(said).filter(([each]) => each !== key));
    const less: DeclaredLayer = { name, ...without };
    return gives(less) ? less : said;
  }, whole);
}

/** Every way to read a tensor that may give the layer's strides. */
function everythingOf(layer: Layer): DeclaredLayer[] {
  const { name, kind, positions, groups, weight } = layer;
  const { shape, offset, strides } = weight;
  const said = {
    name,
    weight: weight.tensor,
    shape,
    kind,
    positions,
    groups,
    batchNorm: batchNormOf(layer),
    ...layer.folding?.gain === undefined ? {} : { gain: layer.folding.gain },
    ...layer.folding?.gainOffset === undefined ? {} : { gainOffset: layer.folding.gainOffset },
  };
  return Array.from({ length: Math.max(1, shape.length - 1) }, (_, axes) => {
    const rest = shape.slice(axes).reduce((product, extent) => product * extent, 1);
    const out = { from: Math.floor((offset % rest) / strides.out), length: layer.outChannels };
    const index = indexOf(Math.floor(offset / rest), shape.slice(0, axes));
    return LAYOUTS.flatMap((order) =>
      FLATTENED.map((flatten) => ({ ...said, order, flatten, out, ...axes === 0 ? {} : { index } }))
    );
  }).flat();
}

/** A place in row-major order as one index per axis. */
function indexOf(place: number, extents: readonly number[]): number[] {
  const index: number[] = [];
  let left = place;
  for (const extent of extents.toReversed()) {
    index.unshift(left % extent);
    left = Math.floor(left / extent);
  }
  return index;
}

function batchNormOf({ batchNorm, folding }: Layer): DeclaredBatchNorm {
  const scale = folding?.batchNorm;
  if (scale === undefined) return batchNorm === "none" ? "none" : "raw";
  const { gamma, variance, epsilon, assumed } = scale;
  return { ...gamma === null ? {} : { gamma }, variance, ...assumed === true ? {} : { epsilon } };
}

function same(a: Layer | null, b: Layer): boolean {
  return a !== null && isDeepStrictEqual(withoutIdleStrides(a), withoutIdleStrides(b));
}

/** A stride along an index that has one value only says nothing. */
function withoutIdleStrides(layer: Layer): Layer {
  const { groups, outChannels, inChannels, positions, weight } = layer;
  const { group, out, in: into, position } = weight.strides;
  const strides = {
    group: groups === 1 ? 0 : group,
    out: outChannels === groups ? 0 : out,
    in: inChannels === groups ? 0 : into,
    position: positions === 1 ? 0 : position,
  };
  return { ...layer, weight: { ...weight, strides } };
}

function connectionOf(connection: Connection, from: Layer, to: Layer): DeclaredConnection {
  const { part, via, evidence, channels } = connection;
  const usual = to.kind === "linear" && to.positions > 1 ? "flatten" : "direct";
  const [only] = channels;
  const whole = channels.length === 1 && only!.source === 0 && only!.target === 0 &&
    sharedChannels(connection) === to.inChannels && from.outChannels === to.inChannels;
  return {
    from: from.name,
    to: to.name,
    ...via === usual ? {} : { via },
    ...part === 0 ? {} : { part },
    ...whole ? {} : { channels },
    ...evidence === "guessed" || evidence === "inferred" ? { evidence } : {},
    ...connection.looked === undefined ? {} : { looked: connection.looked },
  };
}
