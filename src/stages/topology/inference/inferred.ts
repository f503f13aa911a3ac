/**
 * The topology of a model of which only weights, names and shapes are known, from the weights themselves.
 *
 * Two layers that share a space of channels, because one feeds the other, both write to one stream or both read it, agree in how their channels
 * resemble each other, far more than after a random relabelling of one side. Ports that agree form spaces; the order of layers says who writes and who
 * reads later.
 */

import type { Kernel } from "../../../kernels/kernel.ts";
import type { LayerGraph } from "../../../model/layer.ts";
import { naturalOrder } from "../../../model/natural-order.ts";
import type { TensorInfo } from "../../../model/tensor.ts";
import { graphOfGuess, guess } from "../guess.ts";
import { areNumbered, isInOrder } from "../weights.ts";
import { type ChannelSpaces, channelSpaces } from "./channel-spaces.ts";
import { copiesAmong, toldFromCopies } from "./copies.ts";
import { feedings } from "./fed-layers.ts";
import { connected, copyWarnings, turnedWarnings } from "./inferred-graph.ts";
import { orderOf } from "./layer-order.ts";
import { type InferenceOptions, type InferredFrom, layerReader } from "./layer-reader.ts";
import { isSmall } from "./level.ts";
import type { Space } from "./joined-spaces.ts";
import { samePart, shownSlices, type Slice, sliceFeedings, sliceTests } from "./slices.ts";
import { turnedWeights } from "./orientation.ts";
import type { PairTest } from "./pair-tests.ts";
import type { PortKernels } from "./port-kernels.ts";
import type { Port } from "./ports.ts";
import { settled, testedPorts } from "./tested-ports.ts";

/** What was found out from the weights of a model. */
export interface Inference {
  readonly graph: LayerGraph;
  readonly ports: readonly Port[];
  readonly tests: readonly PairTest[];
  readonly spaces: ChannelSpaces;
  /** Pairs of ports that may have been looked at, in all their forms. */
  readonly looked: number;
}

/**
 * Infers who feeds whom. Reads every weight once, and those of layers that are looked at in parts again; never two at a time.
 *
 * @param kernel decomposes the ports' Gram matrices, of at most 192 channels
 * @throws {RangeError} when a layer needs more than the whole budget
 * @throws what reading throws
 */
export async function inferred(
  given: InferredFrom,
  kernel: Kernel,
  { budget, ...options }: InferenceOptions = {},
): Promise<Inference> {
  const model = inNumberedOrder(given);
  const work = { kernel, budget, options, known: new Map<string, PortKernels>() };
  const asRead = await testedPorts(model, work);
  const turned = turnedWeights(asRead, model);
  const read = turned.size === 0 ? model : turnedModel(model, turned);
  const tensorsAt = (some: ReadonlySet<number>) =>
    new Set([...some].map((at) => asRead.start.layers[at]!.weight.tensor));
  const open = tensorsAt(asRead.openness.open);
  const turnedSaid = turnedWarnings(turned, tensorsAt(asRead.openness.told));
  const { guessed, start, ports, tests, alike, looked: pairs } = settled(
    turned.size === 0 ? asRead : await testedPorts(read, work, open),
  );
  const withLayer = layerReader(start, read, "inference", { budget, ...options });
  const tensorOf = ({ layer }: Port) => start.layers[layer]!.weight.tensor;
  const isShown = ({ logP }: PairTest) => isSmall(logP, pairs);
  const tensorsOf = ({ members }: Space) => members.map((at) => tensorOf(ports[at]!));
  const isApart = (a: Space, b: Space) => !tensorsOf(a).some((tensor) => tensorsOf(b).includes(tensor));
  const first = await channelSpaces(ports, tests, isShown, [], options.signal);
  const slicesOf = (spaces: readonly Space[], isPair: (narrow: Space, wide: Space) => boolean) =>
    sliceTests(
      ports,
      spaces,
      (narrow, wide) => isApart(narrow, wide) && mayFeed(ports, narrow, wide) && isPair(narrow, wide),
      withLayer,
      kernel,
      options,
    );
  const whole = spacesOf(ports, first.shown);
  const sliced = await slicesOf(whole, () => true);
  // Spaces that are supposed have more ports: what they are part of is supposed, too.
  const isWhole = (space: Space) => whole.some(({ members }) => members.join() === space.members.join());
  const more = await slicesOf(
    spacesOf(ports, first.supposed),
    (narrow, wide) => !isWhole(narrow) || !isWhole(wide),
  );
  const looked = sliced.looked + more.looked;
  const slices = shownSlices(sliced.slices, ({ logP }) => isSmall(logP, looked));
  const within = slices.map((slice): Slice => ({
    ...slice,
    narrow: first.supposed[slice.narrow]!,
    wide: first.supposed[slice.wide]!,
  }));
  const supposed = shownSlices([...more.slices, ...within], ({ logP }) => isSmall(logP, looked));
  // What is the same part of one space is one space.
  const spaces = await channelSpaces(ports, tests, isShown, samePart(ports, slices), options.signal);
  const isOrdered = orderOf(start.layers, read);
  const copies = copiesAmong(ports, start.layers, alike);
  const found = toldFromCopies(
    [
      ...feedings(ports, tests, spaces, isOrdered),
      ...sliceFeedings(ports, spaces, slices, supposed, isOrdered),
    ],
    start.layers,
    copies,
  );
  // What shows nothing takes nothing from a guess.
  const graph = found.some(({ shown }) => shown)
    ? connected(
      {
        ...start,
        warnings: [...guessed.readings, ...turnedSaid, ...copyWarnings(start.layers, copies)],
      },
      found,
      pairs + looked,
      isInOrder(read),
    )
    : guessOf(read, turnedSaid);
  return { graph, ports, tests, spaces, looked: pairs };
}

/** What names and shapes say. @param warnings of how weights were read */
function guessOf(model: InferredFrom, warnings: readonly string[]): LayerGraph {
  const graph = graphOfGuess(guess(model), model.tensors);
  return { ...graph, warnings: [...graph.warnings, ...warnings] };
}

/** The model with weights that lie the other way round than they were read. @param turned names of tensors */
function turnedModel(model: InferredFrom, turned: ReadonlySet<string>): InferredFrom {
  return withTensors(
    model,
    model.tensors.map((tensor) => turned.has(tensor.name) ? { ...tensor, layout: "in-out" } : tensor),
  );
}

/** The model in the order of its tensors' numbers, where they have nothing but these for names. */
function inNumberedOrder(model: InferredFrom): InferredFrom {
  const { tensors, moduleOrder } = model;
  if (moduleOrder === true || !areNumbered(tensors.map(({ name }) => name))) return model;
  return withTensors(model, tensors.toSorted((a, b) => naturalOrder(a.name, b.name)), true);
}

function withTensors(
  model: InferredFrom,
  tensors: readonly TensorInfo[],
  moduleOrder = model.moduleOrder,
): InferredFrom {
  const { networks, warnings } = model;
  return {
    ...moduleOrder === undefined ? {} : { moduleOrder },
    ...networks === undefined ? {} : { networks },
    ...warnings === undefined ? {} : { warnings },
    tensors,
    read: (tensor, signal) => model.read(tensor, signal),
  };
}

/** Whether a writer of one space comes before a reader of another. */
function mayFeed(ports: readonly Port[], from: Space, to: Space): boolean {
  const layers = ({ members }: Space, isWriter: boolean) =>
    members.filter((at) => (ports[at]!.side === "out") === isWriter).map((at) => ports[at]!.layer);
  return Math.min(...layers(from, true)) < Math.max(...layers(to, false));
}

/** Spaces by the ports that stand for them. */
function spacesOf(ports: readonly Port[], shown: readonly number[]): Space[] {
  return [...Map.groupBy(ports.keys(), (at) => shown[at]!)].map(([id, members]) => ({
    id,
    width: ports[id]!.width,
    members,
  }));
}
