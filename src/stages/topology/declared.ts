/** The layer graph that a user declared: a topology section of the config, or a file beside the model. */

import { show } from "../../model/errors.ts";
import type { Connection, Layer, LayerGraph, Skipped } from "../../model/layer.ts";
import {
  draftLayer,
  finishLayer,
  type LayerDraft,
  type LayerPlace,
  positionsFrom,
} from "../../model/layer-draft.ts";
import { elementCount, type TensorInfo } from "../../model/tensor.ts";
import type {
  DeclaredBatchNorm,
  DeclaredConnection,
  DeclaredLayer,
  TopologyDeclaration,
} from "../../model/topology.ts";
import { checkConnection } from "./connections.ts";
import { EPSILON, normalizationBehind, sorted } from "./weights.ts";

/**
 * The graph of a declared topology.
 *
 * @param known layers that the model's own format describes; a declared layer of the same name, or over the same tensor, reads its
 * weight as they do unless the declaration says otherwise
 * @throws {RangeError} when a declared layer or connection does not fit the tensors; names it, and what would fit
 */
export function declaredGraph(
  all: readonly TensorInfo[],
  topology: TopologyDeclaration,
  known: readonly LayerDraft[] = [],
): LayerGraph {
  const { weights, skipped } = sorted(all);
  const wanted = wantedConnections(topology);
  const details = new Map((topology.layers ?? []).map((layer) => [layer.name, layer]));
  const names = [
    ...new Set([
      ...topology.chain ?? [],
      ...details.keys(),
      ...wanted.flatMap(({ from, to }) => [from, to]),
    ]),
  ];
  const drafts = names.map((name) =>
    told(placeOf(topology, name), () => declaredDraft(name, details.get(name), weights, known))
  );
  const indexOf = new Map(names.map((name, index) => [name, index]));
  const ends = wanted.map((each) => ({
    each,
    source: indexOf.get(each.from)!,
    target: indexOf.get(each.to)!,
  }));
  const layers = drafts.map((draft, index): Layer => {
    // Without a declared z, a layer that takes all of one source's channels shows it by how many inputs each one has.
    const feeding = ends.find((end) => end.target === index && end.each.channels === undefined);
    const positions = feeding === undefined ? null : positionsFrom(drafts[feeding.source]!, draft);
    return told(
      placeOf(topology, draft.name),
      () => declaredLayer(draft, details.get(draft.name), all, { index, positions }),
    );
  });
  const connections = ends.map(({ each, source, target }) =>
    told(each.place, () => connect(layers, source, target, each))
  );
  const used = new Set(drafts.map((draft) => draft.tensor.name));
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
    warnings: guessWarnings(connections),
    // How layers lie was found out with the connections: nobody has looked at a file all of which is guessed.
    evidence: connections.length > 0 && connections.every(({ evidence }) => evidence === "guessed")
      ? "guessed"
      : "declared",
  };
}

function guessWarnings(connections: readonly Connection[]): string[] {
  const guessed = connections.filter(({ evidence }) => evidence === "guessed").length;
  return guessed === 0 ? [] : [
    `topology guessed: its file says so of ${guessed} of ${connections.length} connections; take out "evidence: guessed" where you are sure`,
  ];
}

interface Wanted extends DeclaredConnection {
  readonly place: string | undefined;
}

function wantedConnections({ connections = [], chain = [], place }: TopologyDeclaration): Wanted[] {
  return [
    ...connections.map((each, at) => ({ ...each, place: place?.(["connections", at]) })),
    ...chain.slice(1).map((to, at) => ({ from: chain[at]!, to, place: place?.(["chain", at + 1]) })),
  ];
}

/** Where a layer is first named. */
function placeOf(
  { layers = [], chain = [], connections = [], place }: TopologyDeclaration,
  name: string,
): string | undefined {
  const at = [
    ["layers", layers.findIndex((each) => each.name === name)],
    ["chain", chain.indexOf(name)],
    ["connections", connections.findIndex(({ from, to }) => from === name || to === name)],
  ] as const;
  const found = at.find(([, index]) => index >= 0);
  return found === undefined ? undefined : place?.(found);
}

/** Does something; what is wrong with it is told with its place in the user's file. */
function told<T>(place: string | undefined, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (place === undefined || !(cause instanceof RangeError)) throw cause;
    throw new RangeError(`${place}: ${cause.message}`, { cause });
  }
}

/** How a declared layer reads its tensor. @throws {RangeError} when there is none, or it cannot be read so; names the layer */
export function declaredDraft(
  name: string,
  detail: DeclaredLayer | undefined,
  weights: readonly TensorInfo[],
  known: readonly LayerDraft[],
): LayerDraft {
  const candidates = detail?.weight === undefined ? [name, `${name}.weight`] : [detail.weight];
  const same = known.find((draft) => draft.name === name && detail?.weight === undefined) ??
    known.find((draft) => candidates.includes(draft.tensor.name));
  const tensor = weights.find((each) => candidates.includes(each.name)) ?? same?.tensor;
  if (tensor === undefined) {
    throw new RangeError(
      `topology, layer ${show(name)}: found no weight ${candidates.map(show).join(" or ")}, required one of ${
        show(weights.map((each) => each.name).join(", "))
      }`,
    );
  }
  return draftLayer(name, shaped(name, same?.tensor ?? tensor, detail?.shape), {
    layout: detail?.order ?? same?.layout,
    groups: detail?.groups ?? same?.groups,
    kind: detail?.kind ?? same?.kind,
    positions: detail?.positions ?? same?.positions ?? undefined,
    leading: detail?.index ?? same?.leading,
    out: detail?.out ?? (same === undefined ? undefined : { from: same.firstOut, length: same.outChannels }),
  });
}

function shaped(layer: string, tensor: TensorInfo, shape: readonly number[] | undefined): TensorInfo {
  if (shape === undefined) return tensor;
  if (elementCount(shape) === elementCount(tensor.shape)) return { ...tensor, shape };
  throw new RangeError(
    `topology, layer ${show(layer)}, shape: found ${show(shape)}, required as many numbers as ${
      show(tensor.shape)
    } has`,
  );
}

/** A declared layer at its place, with the normalizations around it. */
export function declaredLayer(
  draft: LayerDraft,
  detail: DeclaredLayer | undefined,
  all: readonly TensorInfo[],
  place: Pick<LayerPlace, "index" | "positions">,
): Layer {
  const { flatten, gain, gainOffset, batchNorm } = detail ?? {};
  const layer = finishLayer(draft, { ...place, ...flatten === undefined ? {} : { flattened: flatten } });
  const vector = (tensor: string, key: string, channels: number) =>
    vectorOf(all, draft.name, key, tensor, channels);
  const behind = batchNorm === undefined
    ? normalizationBehind(draft, all)
    : declaredBatchNorm(batchNorm, (tensor) => vector(tensor, "batchNorm", layer.outChannels));
  if (gain === undefined) return { ...layer, ...behind };
  const folding = {
    ...behind.folding,
    gain: vector(gain, "gain", layer.inChannels),
    ...gainOffset === undefined ? {} : { gainOffset },
  };
  return { ...layer, ...behind, normGain: "raw", folding };
}

function declaredBatchNorm(
  declared: DeclaredBatchNorm,
  vector: (tensor: string) => string,
): Pick<Layer, "batchNorm" | "folding"> {
  if (typeof declared === "string") return { batchNorm: declared };
  const { gamma, variance, epsilon } = declared;
  const tensors = { gamma: gamma === undefined ? null : vector(gamma), variance: vector(variance) };
  const said = epsilon === undefined ? { epsilon: EPSILON, assumed: true } : { epsilon };
  return { batchNorm: "raw", folding: { batchNorm: { ...tensors, ...said } } };
}

/** The name of a tensor that holds one number per channel. @throws {RangeError} when there is none of this name, or it holds others */
function vectorOf(
  all: readonly TensorInfo[],
  layer: string,
  key: string,
  tensor: string,
  channels: number,
): string {
  const found = all.find(({ name }) => name === tensor);
  const count = found === undefined ? null : elementCount(found.shape);
  if (count === channels) return tensor;
  throw new RangeError(
    `topology, layer ${show(layer)}, ${key} ${show(tensor)}: found ${
      count === null ? "no such tensor" : `${count} numbers`
    }, required a tensor of ${channels}`,
  );
}

function connect(
  layers: readonly Layer[],
  source: number,
  target: number,
  wanted: Partial<DeclaredConnection>,
): Connection {
  const from = layers[source]!;
  const to = layers[target]!;
  const channels = wanted.channels ?? [{ source: 0, target: 0, length: from.outChannels }];
  const via = wanted.via ?? (to.kind === "linear" && to.positions > 1 ? "flatten" : "direct");
  const { part = 0, evidence = "declared", looked } = wanted;
  const connection: Connection = {
    source,
    target,
    part,
    via,
    evidence,
    channels,
    ...looked === undefined ? {} : { looked },
  };
  checkConnection(connection, from, to, wanted.channels === undefined);
  return connection;
}
