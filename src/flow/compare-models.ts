/** Two models compared, layer by layer: no more than two layers are in memory at a time. */

import { firstValueFrom, of } from "rxjs";
import { type ChannelOrder, layerOrder, mayBeReordered, spectrumInOrder } from "../compare/channel-order.ts";
import { type ChangeSettings, type LayerChange, layerChange } from "../compare/layer-change.ts";
import { type LayerPair, pairsByName, pairsBySpectrum, type UnnamedLayer } from "../compare/layer-pairs.ts";
import { hiddenSpaces, kinshipLogP, sameChannels } from "../compare/kinship.ts";
import { directed, neuronCosines, type NeuronMatch, neuronMatches } from "../compare/neuron-matches.ts";
import type { StepNeurons } from "../compare/tracks.ts";
import type { LayerGraph } from "../model/layer.ts";
import type { Model } from "../model/ports.ts";
import { flowOrder } from "../model/flow-order.ts";
import type { Spectrum } from "../model/spectrum.ts";
import { portsAgree } from "../stages/shared-channels.ts";
import type { Engine } from "./engine.ts";
import type { MatrixJob } from "./jobs.ts";
import { svd } from "./operators/svd.ts";
import { unfold } from "./operators/unfold.ts";
import type { SpectrumHandle } from "./spectra/spectrum-store.ts";

/** A model and its layers. */
export interface ComparedSide {
  readonly model: Model;
  readonly graph: LayerGraph;
}

/** The neurons of a layer, without their vectors. */
export interface ComparedNeurons extends StepNeurons {
  /** Whether some share a singular value, so that their vectors are a choice. */
  readonly clusters: boolean;
}

/** Two layers that correspond, and what changed between them. */
export interface ComparedLayer extends LayerPair {
  readonly change: LayerChange;
  /** `|W|` (Frobenius) of each. */
  readonly norms: { readonly base: number; readonly other: number };
  readonly neurons: { readonly base: ComparedNeurons; readonly other: ComparedNeurons };
  /** `ln p` that the hidden channels of this layer's output agree by chance; null where it does not stand for a space of hidden channels. */
  readonly sharedLogP: number | null;
  /** Which of its channels stand in another order in the other model, and were put in the base's first. */
  readonly reordered: { readonly out: boolean; readonly into: boolean };
}

/** What two models have to do with each other. */
export interface ModelComparison {
  readonly layers: readonly ComparedLayer[];
  /** Layers that correspond to none, or could not be compared, with the reason. */
  readonly left: readonly {
    readonly side: "base" | "other";
    readonly layer: number;
    readonly reason: string;
  }[];
  /** Of one lineage: `ln p` that they were trained apart, joined over `spaces` spaces of hidden channels; null where there is none. */
  readonly kinship: { readonly logP: number | null; readonly spaces: number };
}

/** How two models are compared. */
export interface ComparisonSettings extends ChangeSettings {
  /** Whether channels are compared as they stand in the files, also where their order in the other model is known. Default: no. */
  readonly fileOrder?: boolean;
}

/**
 * Compares two models. Hidden channels that stand in another order in the other model are put in the base's, but for the test of lineage.
 *
 * @param settings what counts as new and as kept
 * @param done told of each layer pair
 * @returns corresponding layers in the order of the earlier model's
 */
export async function compareModels(
  base: ComparedSide,
  other: ComparedSide,
  engine: Engine,
  settings: ComparisonSettings,
  done: (pairs: number, of: number) => void = () => undefined,
): Promise<ModelComparison> {
  const named = pairsByName(base.graph.layers, other.graph.layers);
  const left: ModelComparison["left"][number][] = [];
  const unnamed = async (side: "base" | "other", indices: readonly number[]) =>
    await unnamedLayers(
      side === "base" ? base : other,
      indices,
      engine,
      (layer, reason) => left.push({ side, layer, reason }),
    );
  const bySpectrum = named.unpairedBase.length > 0 && named.unpairedOther.length > 0
    ? pairsBySpectrum(await unnamed("base", named.unpairedBase), await unnamed("other", named.unpairedOther))
    : [];
  const pairs = [...named.pairs, ...bySpectrum].sort((a, b) => a.base - b.base);
  const known = [base, other].every(({ graph }) => isKnown(graph));
  const representatives = writersOf(base.graph, pairs, known);
  const layers: ComparedLayer[] = [];
  const orders = new Map<number, ChannelOrder>();
  const { place } = flowOrder(base.graph);
  for (const [at, pair] of pairs.toSorted((a, b) => place[a.base]! - place[b.base]!).entries()) {
    const found = await comparedLayer(
      base,
      other,
      pair,
      representatives.get(pair.base),
      engine,
      settings,
      orders,
    );
    if ("reason" in found) left.push({ side: found.side, layer: pair[found.side], reason: found.reason });
    else layers.push(found);
    done(at + 1, pairs.length);
  }
  layers.sort((a, b) => a.base - b.base);
  const spaces = layers.flatMap(({ sharedLogP }) => sharedLogP === null ? [] : [sharedLogP]);
  return {
    layers,
    left: [...left, ...withoutPair("base", base, pairs, left), ...withoutPair("other", other, pairs, left)],
    kinship: { logP: kinshipLogP(spaces), spaces: spaces.length },
  };
}

/** Whether a graph, a family or the user says who feeds whom. */
const isKnown = ({ connections }: LayerGraph) =>
  connections.every(({ evidence }) => evidence === "graph" || evidence === "declared");

function withoutPair(
  side: "base" | "other",
  { graph }: ComparedSide,
  pairs: readonly LayerPair[],
  known: ModelComparison["left"],
): ModelComparison["left"] {
  const met = new Set([
    ...pairs.map((pair) => pair[side]),
    ...known.filter((each) => each.side === side).map(({ layer }) => layer),
  ]);
  return graph.layers.filter(({ index }) => !met.has(index)).map(({ index }) => ({
    side,
    layer: index,
    reason: `no layer of its name and shape in the ${
      side === "base" ? "other" : "base"
    } model, and none whose singular values are clearly nearest`,
  }));
}

/**
 * The layer that stands for each space of hidden channels, and how many channels it has: the first writer that has a partner. Where the
 * topology is not known, one stream may have been taken for several spaces, whose p-values would depend on each other: only the widest one.
 */
function writersOf(graph: LayerGraph, pairs: readonly LayerPair[], known: boolean): Map<number, number> {
  const paired = new Set(pairs.map(({ base }) => base));
  const chosen = hiddenSpaces(graph).flatMap(({ channels, writers }) => {
    const writer = writers.find((at) => paired.has(at));
    return writer === undefined ? [] : [[writer, channels] as const];
  });
  return new Map(known ? chosen : chosen.sort((a, b) => b[1] - a[1]).slice(0, 1));
}

async function unnamedLayers(
  side: ComparedSide,
  indices: readonly number[],
  engine: Engine,
  skipped: (layer: number, reason: string) => void,
): Promise<UnnamedLayer[]> {
  const found: UnnamedLayer[] = [];
  for (const index of indices) {
    const spectrum = await decomposed(side, index, 0, engine);
    if ("skipped" in spectrum) skipped(index, spectrum.skipped);
    else found.push({ ...side.graph.layers[index]!, singularValues: spectrum.singularValues });
  }
  return found;
}

/** @param uses how often its vectors will be used: 0 or 1 */
async function decomposed(
  { model, graph }: ComparedSide,
  index: number,
  uses: 0 | 1,
  engine: Engine,
): Promise<SpectrumHandle | { readonly skipped: string }> {
  const job = matrixJob({ model, graph }, index, uses);
  return (await firstValueFrom(job.pipe(svd(engine, "svr")))).spectrum;
}

function matrixJob({ model, graph }: ComparedSide, index: number, uses: 0 | 1) {
  const layer = graph.layers[index]!;
  // The store counts a layer's uses by its connections.
  const itself = {
    source: index,
    target: index,
    part: 0,
    via: "direct",
    evidence: "graph",
    channels: [],
  } as const;
  return of({ model, layer, graph: { ...graph, connections: uses === 0 ? [] : [itself] } }).pipe(
    unfold("svr"),
  );
}

async function comparedLayer(
  base: ComparedSide,
  other: ComparedSide,
  pair: LayerPair,
  hidden: number | undefined,
  engine: Engine,
  settings: ComparisonSettings,
  orders: Map<number, ChannelOrder>,
): Promise<ComparedLayer | SkippedSide> {
  const { kernel, signal } = engine;
  const weights = async (side: ComparedSide, index: number) => {
    const job: MatrixJob = await firstValueFrom(matrixJob(side, index, 0));
    return await job.read();
  };
  const layer = base.graph.layers[pair.base]!;
  // Two weights and their difference; the other's weight and vectors in another order; products of each channel with each, to find it.
  const matrices = 8 * 6 * layer.outChannels * layer.inChannels / layer.groups * layer.positions +
    (mayBeReordered(layer, base.graph.connections) ? 8 * layer.outChannels ** 2 : 0);
  return await withSpectra(base, other, pair, matrices, engine, async (spectrum, later) => {
    const both = {
      base: await weights(base, pair.base),
      other: await weights(other, pair.other),
    };
    const order = settings.fileOrder === true
      ? { out: null, into: null, other: both.other }
      : await layerOrder(layer, base.graph.connections, both, orders, kernel);
    if (order.out !== null) orders.set(pair.base, order.out);
    const ordered = spectrumInOrder(later, order);
    const change = await layerChange(spectrum, ordered, { ...both, other: order.other }, kernel, settings);
    const sharedLogP = hidden === undefined ? null : await portsAgree(
      sameChannels(hidden).channels,
      { spectrum, port: "out" },
      { spectrum: later, port: "out" },
      kernel,
      signal === undefined ? {} : { signal },
    );
    return {
      ...pair,
      change,
      norms: { base: spectrum.norm, other: later.norm },
      neurons: { base: neuronsOf(spectrum), other: neuronsOf(later) },
      sharedLogP,
      reordered: { out: order.out !== null, into: order.into !== null },
    };
  });
}

/** A side whose layer could not be decomposed, and why. */
interface SkippedSide {
  readonly side: "base" | "other";
  readonly reason: string;
}

/** Works with the spectra of two layers that correspond. @param workspace bytes that the work takes beside the spectra and their cosines */
async function withSpectra<T>(
  base: ComparedSide,
  other: ComparedSide,
  pair: Pick<LayerPair, "base" | "other">,
  workspace: number,
  engine: Engine,
  work: (base: Spectrum, other: Spectrum) => Promise<T>,
): Promise<T | SkippedSide> {
  const { store, signal } = engine;
  const own = await decomposed(base, pair.base, 1, engine);
  if ("skipped" in own) return { side: "base", reason: own.skipped };
  const others = await decomposed(other, pair.other, 1, engine);
  if ("skipped" in others) {
    store.skipUse(own);
    return { side: "other", reason: others.skipped };
  }
  const cosines = 8 * 2 * own.singularValues.length * others.singularValues.length;
  return await store.use(own, others, workspace + cosines, work, signal);
}

/**
 * Matches of two layers that correspond, and nothing else of them.
 *
 * @returns none where one of them cannot be decomposed
 */
export async function layerMatches(
  base: ComparedSide,
  other: ComparedSide,
  pair: Pick<LayerPair, "base" | "other">,
  engine: Engine,
): Promise<readonly NeuronMatch[]> {
  const found = await withSpectra(
    base,
    other,
    pair,
    0,
    engine,
    async (spectrum, later) =>
      neuronMatches(spectrum, later, await neuronCosines(spectrum, later, engine.kernel)),
  );
  return "reason" in found ? [] : found;
}

function neuronsOf(spectrum: Spectrum): ComparedNeurons {
  const { singularValues, clustered, nullNeurons } = spectrum;
  return {
    singularValues: singularValues.slice(),
    directed: directed(spectrum),
    clusters: clustered.some((shared, neuron) => shared === 1 && nullNeurons[neuron] === 0),
  };
}
