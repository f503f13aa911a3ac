/** Stage 1: which layers a model has, and who feeds whom. */

import { show } from "../model/errors.ts";
import {
  type BatchNorm,
  type Connection,
  type Evidence,
  type Layer,
  type LayerGraph,
  sharedChannels,
  type Skipped,
} from "../model/layer.ts";
import type { Model } from "../model/ports.ts";
import type { TensorInfo } from "../model/tensor.ts";
import type { DeclaredConnection, DeclaredLayer, TopologyDeclaration } from "../model/topology.ts";
import { guessChain } from "./chain.ts";
import { type LayerDraft, positionsFrom } from "./layer-draft.ts";

/** More axes than a 3-D convolution has (out, in, depth, height, width) are nothing this method knows. */
const MOST_AXES = 5;

/**
 * The layer graph of a model: what the source knows for certain, else what was declared, else a chain guessed from
 * naturally sorted names and compatible shapes (with a warning).
 *
 * @throws {RangeError} when a declared layer or connection does not fit the tensors; names it, and what would fit
 */
export function layerGraph(
  model: Pick<Model, "tensors" | "graph">,
  declared?: TopologyDeclaration,
): LayerGraph {
  if (declared === undefined && model.graph !== undefined) return model.graph;
  const readable = model.tensors.filter((tensor) => skipReason(tensor) === null);
  const notWeights = model.tensors.flatMap((tensor): Skipped[] => {
    const reason = skipReason(tensor);
    return reason === null ? [] : [{ subject: "tensor", name: tensor.name, reason }];
  });
  return declared === undefined
    ? guessedGraph(readable, notWeights, model.tensors)
    : declaredGraph(readable, notWeights, model.tensors, declared);
}

/** Why a tensor is no layer's weight; null where it may be one. */
function skipReason(tensor: TensorInfo): string | null {
  if (tensor.shape.length < 2) {
    return `${tensor.shape.length} dimensions: a bias, a normalization or a counter, not a linear map`;
  }
  if (tensor.shape.length > MOST_AXES) return `${tensor.shape.length} dimensions, required 2 to ${MOST_AXES}`;
  if (tensor.shape.includes(0)) return `shape ${show(tensor.shape)} holds no element`;
  return tensor.unreadable ?? null;
}

function guessedGraph(
  weights: readonly TensorInfo[],
  skipped: readonly Skipped[],
  all: readonly TensorInfo[],
): LayerGraph {
  const { order, links, warnings } = guessChain(
    weights.map((tensor) => draft(tensor, layerName(tensor.name))),
  );
  const positions = new Map(links.map((link) => [link.target, link.positions]));
  const layers = order.map((each, index) => finish(each, index, positions.get(index) ?? null, all));
  const connections = links.map((link) => connect(layers, link.source, link.target, {}, "guessed"));
  return { layers, connections, skipped, warnings };
}

function declaredGraph(
  weights: readonly TensorInfo[],
  skipped: readonly Skipped[],
  all: readonly TensorInfo[],
  topology: TopologyDeclaration,
): LayerGraph {
  const wanted: DeclaredConnection[] = [...topology.connections ?? []];
  topology.chain?.forEach((to, i, chain) => i > 0 && wanted.push({ from: chain[i - 1]!, to }));
  const details = new Map((topology.layers ?? []).map((layer) => [layer.name, layer]));
  const names = [
    ...new Set([
      ...topology.chain ?? [],
      ...details.keys(),
      ...wanted.flatMap(({ from, to }) => [from, to]),
    ]),
  ];
  const drafts = names.map((name) => declaredDraft(name, details.get(name), weights));
  const indexOf = new Map(names.map((name, index) => [name, index]));
  const ends = wanted.map((each) => ({
    each,
    source: indexOf.get(each.from)!,
    target: indexOf.get(each.to)!,
  }));
  const layers = drafts.map((each, index) => {
    // Without a declared z, a layer that takes all of one source's channels shows it by how many inputs each one has.
    const feeding = ends.find((end) => end.target === index && end.each.channels === undefined);
    return finish(
      each,
      index,
      feeding === undefined ? null : positionsFrom(drafts[feeding.source]!, each),
      all,
    );
  });
  const connections = ends.map(({ each, source, target }) =>
    connect(layers, source, target, each, "declared")
  );
  const used = new Set(drafts.map((each) => each.tensor.name));
  const left = weights.filter((tensor) => !used.has(tensor.name));
  return {
    layers,
    connections,
    skipped: [
      ...skipped,
      ...left.map(({ name }): Skipped => ({
        subject: "tensor",
        name,
        reason: "not named by the declared topology",
      })),
    ],
    warnings: [],
  };
}

function declaredDraft(
  name: string,
  detail: DeclaredLayer | undefined,
  weights: readonly TensorInfo[],
): LayerDraft {
  const candidates = detail?.weight === undefined ? [name, `${name}.weight`] : [detail.weight];
  const tensor = weights.find((each) => candidates.includes(each.name));
  if (tensor === undefined) {
    const known = weights.map((each) => each.name).join(", ");
    throw new RangeError(
      `topology, layer ${show(name)}: found no weight ${candidates.map(show).join(" or ")}, required one of ${
        show(known)
      }`,
    );
  }
  const plain = draft(tensor, name, detail?.order);
  const groups = detail?.groups ?? 1;
  if (plain.outChannels % groups !== 0) {
    throw new RangeError(
      `topology, layer ${
        show(name)
      }, groups: found ${groups}, required a divisor of ${plain.outChannels} out channels`,
    );
  }
  return {
    ...plain,
    groups,
    kind: detail?.kind ?? plain.kind,
    positions: detail?.positions ?? plain.positions,
  };
}

/** PyTorch calls a layer's weight `<module>.weight`: the module's name says more. */
function layerName(tensor: string): string {
  return tensor.endsWith(".weight") && tensor.length > 7 ? tensor.slice(0, -7) : tensor;
}

function draft(tensor: TensorInfo, name: string, order: "out-in" | "in-out" = "out-in"): LayerDraft {
  const [first, second, ...kernel] = tensor.shape as [number, number, ...number[]];
  const [outChannels, inChannels] = order === "out-in" ? [first, second] : [second, first];
  const positions = kernel.reduce((product, extent) => product * extent, 1);
  return {
    name,
    kind: kernel.length === 0 ? "linear" : "conv",
    tensor,
    order,
    outChannels,
    inputs: inChannels * positions,
    groups: 1,
    // A matrix may read a flattened map; only its source can tell.
    positions: kernel.length === 0 ? null : positions,
  };
}

function finish(each: LayerDraft, index: number, inferred: number | null, all: readonly TensorInfo[]): Layer {
  const positions = each.positions ?? inferred ?? 1;
  if (each.inputs % positions !== 0) {
    throw new RangeError(
      `layer ${show(each.name)}, positions: found ${positions}, required a divisor of ${each.inputs} inputs`,
    );
  }
  return {
    index,
    name: each.name,
    kind: each.kind,
    weight: { tensor: each.tensor.name, shape: each.tensor.shape, order: each.order },
    dtype: each.tensor.dtype,
    outChannels: each.outChannels,
    inChannels: each.inputs * each.groups / positions,
    positions,
    groups: each.groups,
    batchNorm: batchNormOf(each, all),
  };
}

/** A normalization with running statistics of the right size, stored right behind the weight, belongs to it. */
function batchNormOf(each: LayerDraft, all: readonly TensorInfo[]): BatchNorm {
  const at = all.findIndex((tensor) => tensor.name === each.tensor.name);
  const next = all.findIndex((tensor, index) => index > at && tensor.shape.length > 1);
  const behind = all.slice(at + 1, next < 0 ? all.length : next);
  const found = behind.some(({ name, shape }) =>
    name.endsWith("running_var") && shape[0] === each.outChannels
  );
  return found ? "raw" : "none";
}

function connect(
  layers: readonly Layer[],
  source: number,
  target: number,
  wanted: Partial<DeclaredConnection>,
  evidence: Evidence,
): Connection {
  const from = layers[source]!;
  const to = layers[target]!;
  const channels = wanted.channels ?? [{ source: 0, target: 0, length: from.outChannels }];
  const via = wanted.via ?? (to.kind === "linear" && to.positions > 1 ? "flatten" : "direct");
  const connection: Connection = { source, target, via, evidence, channels };
  checkConnection(connection, from, to, wanted.channels === undefined);
  return connection;
}

/**
 * Checks a channel map against its layers.
 *
 * @param whole whether the map claims to cover the target's in channels completely
 * @throws {RangeError} when a range leaves a layer, two ranges meet on the target's side, or `whole` does not hold
 */
export function checkConnection(connection: Connection, from: Layer, to: Layer, whole: boolean): void {
  const what = `connection ${show(from.name)} -> ${show(to.name)}`;
  if (from.index === to.index) {
    throw new RangeError(`${what}: found a layer that feeds itself, required two layers`);
  }
  if (whole && sharedChannels(connection) !== to.inChannels) {
    throw new RangeError(
      `${what}: found ${from.outChannels} out channels and ${to.inChannels} in channels (${to.positions} positions each), required equal numbers or a channel map`,
    );
  }
  const taken = new Uint8Array(to.inChannels);
  for (const { source, target, length } of connection.channels) {
    if (source + length > from.outChannels || target + length > to.inChannels) {
      throw new RangeError(
        `${what}, channels ${source}..${source + length} to ${target}..${
          target + length
        }: required within ${from.outChannels} out and ${to.inChannels} in channels`,
      );
    }
    for (let c = target; c < target + length; c++) {
      if (taken[c] === 1) {
        throw new RangeError(`${what}, in channel ${c}: found two origins, required at most one`);
      }
      taken[c] = 1;
    }
  }
}
