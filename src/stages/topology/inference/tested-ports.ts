/** The ports of a model in all forms in which its weights may be read, tested against each other. */

import type { CallOptions, Kernel } from "../../../kernels/kernel.ts";
import type { Layer, LayerGraph } from "../../../model/layer.ts";
import { draftLayer, finishLayer } from "../../../model/layer-draft.ts";
import { isPointwise } from "../readings.ts";
import { graphOfGuess, type Guess, guess, type GuessedFrom } from "../guess.ts";
import { isInOrder } from "../weights.ts";
import { mostChannels } from "./channel-weights.ts";
import { type InferenceOptions, type InferredFrom, layerReader } from "./layer-reader.ts";
import { type OpenLayers, openLayers } from "./orientation.ts";
import { type PairTest, pairTests } from "./pair-tests.ts";
import { flatteningsOf, partsOf } from "./port-forms.ts";
import type { KnownKernels } from "./port-kernels.ts";
import { flattenedPort, type Flattening, LEAST_WIDTH, type Port, portsOf, sidesOf } from "./ports.ts";

/** What computes, and what it asks. */
export interface PortWork {
  readonly kernel: Kernel;
  readonly budget?: InferenceOptions["budget"];
  readonly options: CallOptions;
  /** Kernels of ports that have been made. */
  readonly known: KnownKernels;
}

/** Ports and their tests. */
export interface TestedPorts {
  readonly guessed: Guess;
  /** The layers and connections of the guess. */
  readonly start: LayerGraph;
  /** Layers of which the default orientation may be wrong. */
  readonly openness: OpenLayers;
  readonly ports: readonly Port[];
  readonly tests: readonly PairTest[];
  /** Pairs of ports that resemble each other as copies do. */
  readonly alike: readonly (readonly [number, number])[];
  /** Pairs that may have been looked at. */
  readonly looked: number;
}

/** An open weight is read in two forms: `[out, in]` and `[in, out]`. */
const ORIENTATIONS = 2;

/**
 * Tests all ports of a model. Reads every weight once, and those that may read a flattened map once for each way that they may.
 *
 * @param before weights that were open when they were first looked at, by the names of their tensors
 * @throws {RangeError} when a layer needs more than the whole budget
 * @throws what reading throws
 */
export async function testedPorts(
  model: InferredFrom,
  work: PortWork,
  before: ReadonlySet<string> = new Set(),
): Promise<TestedPorts> {
  const { kernel, budget, options, known } = work;
  const guessed = withDepthwise(inFileOrder(guess(model), model));
  const start = graphOfGuess(guessed, model.tensors);
  const { layers } = start;
  const openness = openLayers(layers, model);
  // Before it is known which axis has the out channels, both are looked at in parts.
  const parts = layers.map((layer) => [
    ...partsOf(layer, "out", layers),
    ...openness.open.has(layer.index) && before.size === 0 ? partsOf(layer, "in", layers) : [],
  ]);
  const most = mostChannels(layers.flatMap(sidesOf).length + parts.flat().length);
  const ports: Port[] = [];
  const readerOf = (some: readonly Layer[]) =>
    layerReader({ layers: some }, model, "inference", { budget, ...options });
  const withLayer = readerOf(layers);
  for (const layer of layers) {
    const own = parts[layer.index]!;
    ports.push(...await withLayer(layer.index, (read) => portsOf(read, most, kernel, options, own, known)));
    for (const flattening of flatteningsOf(layer, layers.slice(0, layer.index))) {
      const other = flattened(guessed, layer, flattening);
      // What is there already.
      if (other.positions === layer.positions && other.weight.strides.in === layer.weight.strides.in) {
        continue;
      }
      const withOther = readerOf([other]);
      ports.push(
        ...await withOther(0, (read) => flattenedPort(read, flattening, most, kernel, options, known)),
      );
    }
  }
  const tensorOf = ({ layer }: Port) => layers[layer]!.weight.tensor;
  const formsOf = (port: Port) =>
    openness.open.has(port.layer) || before.has(tensorOf(port)) ? ORIENTATIONS : 1;
  const isPair = (a: Port, b: Port) => tensorOf(a) !== tensorOf(b);
  return { guessed, start, openness, ports, ...await pairTests(ports, isPair, kernel, options, formsOf) };
}

/** A matrix as it reads a flattened map. */
function flattened({ drafts }: Guess, layer: Layer, { positions, order }: Flattening): Layer {
  const place = { index: layer.index, positions, flattened: order };
  const { weight, inChannels } = finishLayer(drafts[layer.index]!, place);
  return { ...layer, weight, inChannels, positions };
}

/** What is read as a flattened map is shown by so much p with the last writer before it at most, and so many times less than what else it may be. */
const LOG_FLATTENED = Math.log(0.05);
const LOG_LIKELIER = Math.log(0.1);

/** Each matrix is read in the one form that the weights show, else in that of the guess; ports of the others are left out. */
export function settled(tested: TestedPorts): TestedPorts {
  const { guessed, start, ports, tests, alike } = tested;
  const forms = [...ports.keys()].filter((at) => ports[at]!.flattening !== undefined);
  const chosen = new Map<number, Port>();
  // What is read is not read in parts.
  const left = new Set(
    [...ports.keys()].filter((at) => ports[at]!.side === "in" && ports[at]!.part !== undefined),
  );
  for (const [layer, others] of Map.groupBy(forms, (at) => ports[at]!.layer)) {
    const own = ports.findIndex((port) =>
      port.layer === layer && port.side === "in" && port.part === undefined
    );
    const all = own < 0 ? others : [own, ...others];
    const logPs = new Map(all.map((at) => [at, nearestLogP(tested, at)]));
    const best = others.reduce((a, b) => logPs.get(b)! < logPs.get(a)! ? b : a);
    const isShown = logPs.get(best)! <= LOG_FLATTENED &&
      (own < 0 || logPs.get(best)! <= logPs.get(own)! + LOG_LIKELIER);
    if (isShown) chosen.set(layer, ports[best]!);
    for (const at of all) if (at !== (isShown ? best : own)) left.add(at);
  }
  const kept = [...ports.keys()].filter((at) => !left.has(at));
  const now = new Map(kept.map((at, index) => [at, index]));
  const layers = start.layers.map((layer) => {
    const flattening = chosen.get(layer.index)?.flattening;
    return flattening === undefined ? layer : flattened(guessed, layer, flattening);
  });
  return {
    ...tested,
    start: { ...start, layers },
    ports: kept.map((at) => {
      const { flattening: _, ...port } = ports[at]!;
      return port;
    }),
    tests: tests.flatMap(({ first, second, logP }) =>
      now.has(first) && now.has(second) ? [{ first: now.get(first)!, second: now.get(second)!, logP }] : []
    ),
    alike: alike.flatMap(([a, b]) => now.has(a) && now.has(b) ? [[now.get(a)!, now.get(b)!] as const] : []),
  };
}

/** `ln p` of a reader and the last writer of its width before it; 0 where it was not tested. */
function nearestLogP({ ports, tests }: TestedPorts, reader: number): number {
  let [nearest, least] = [-1, 0];
  for (const { first, second, logP } of tests) {
    if (first !== reader && second !== reader) continue;
    const { side, layer, part } = ports[first === reader ? second : first]!;
    if (side !== "out" || part !== undefined || layer >= ports[reader]!.layer || layer < nearest) continue;
    [nearest, least] = [layer, logP];
  }
  return least;
}

/**
 * Kernels of one in channel each behind a layer of as many channels may be a depthwise layer, wherever that stands: the weights will say whether it
 * reads those channels.
 */
function withDepthwise(guessed: Guess): Guess {
  const drafts = guessed.drafts.map((draft, at) => {
    const { name, tensor, layout, groups, outChannels, leading } = draft;
    const isOne = groups === 1 && layout === "out-in" && leading.length === 0 && tensor.shape.length > 2 &&
      tensor.shape[1] === 1 && !isPointwise(tensor);
    const isFed = guessed.drafts.slice(0, at).some((each) => each.outChannels === outChannels);
    return isOne && isFed && outChannels >= LEAST_WIDTH
      ? draftLayer(name, tensor, { layout, groups: outChannels })
      : draft;
  });
  return {
    ...guessed,
    drafts,
    links: guessed.links.filter(({ target }) => drafts[target] === guessed.drafts[target]),
  };
}

/** Drafts in the order of the file, where that is the order of the network's modules: chains may have moved them. */
function inFileOrder(guessed: Guess, model: GuessedFrom): Guess {
  if (!isInOrder(model)) return guessed;
  const { tensors } = model;
  const places = new Map(tensors.map(({ name }, at) => [name, at]));
  const order = [...guessed.drafts.keys()].sort((a, b) =>
    places.get(guessed.drafts[a]!.tensor.name)! - places.get(guessed.drafts[b]!.tensor.name)!
  );
  const now = new Map(order.map((before, at) => [before, at]));
  return {
    ...guessed,
    drafts: order.map((at) => guessed.drafts[at]!),
    links: guessed.links.map((link) => ({
      ...link,
      source: now.get(link.source)!,
      target: now.get(link.target)!,
    })),
  };
}
