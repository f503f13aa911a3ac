/**
 * The topology of a model of which only weights, names and shapes are known, from the weights themselves.
 *
 * Two layers that share a space of channels, because one feeds the other, both write to one stream or both read it, agree in how their channels
 * resemble each other, far more than after a random relabelling of one side. Ports that agree form spaces; the order of layers says who writes and who
 * reads later.
 */

import { counted } from "../../../model/counted.ts";
import type { Kernel } from "../../../kernels/kernel.ts";
import type { Connection, LayerGraph, Skipped, Via } from "../../../model/layer.ts";
import { graphOfGuess, type Guess, guess, type GuessedFrom } from "../guess.ts";
import { isPointwise } from "../readings.ts";
import { isSorted } from "../weights.ts";
import { draftLayer } from "../../../model/layer-draft.ts";
import { orderOf } from "./layer-order.ts";
import { mostChannels } from "./channel-weights.ts";
import { type ChannelSpaces, channelSpaces } from "./channel-spaces.ts";
import { type Copies, copiesAmong, toldFromCopies } from "./copies.ts";
import { type Feeding, feedings } from "./fed-layers.ts";
import { type InferenceOptions, type InferredFrom, layerReader } from "./layer-reader.ts";
import { isSmall, LOG_SUPPORT } from "./level.ts";
import type { Space } from "./joined-spaces.ts";
import { samePart, shownSlices, type Slice, sliceFeedings, sliceTests } from "./slices.ts";
import { type PairTest, pairTests } from "./pair-tests.ts";
import { LEAST_WIDTH, type Port, portsOf, sidesOf } from "./ports.ts";

/** What was found out from the weights of a model. */
export interface Inference {
  readonly graph: LayerGraph;
  readonly ports: readonly Port[];
  readonly tests: readonly PairTest[];
  readonly spaces: ChannelSpaces;
}

/**
 * Infers who feeds whom. Reads every weight once, and those of layers that are looked at in parts again; never two at a time.
 *
 * @param kernel decomposes the ports' Gram matrices, of at most 192 channels
 * @throws {RangeError} when a layer needs more than the whole budget
 * @throws what reading throws
 */
export async function inferred(
  model: InferredFrom,
  kernel: Kernel,
  { budget, ...options }: InferenceOptions = {},
): Promise<Inference> {
  const guessed = withDepthwise(inFileOrder(guess(model), model));
  const start = graphOfGuess(guessed, model.tensors);
  const most = mostChannels(start.layers.flatMap(sidesOf).length);
  const ports: Port[] = [];
  const withLayer = layerReader(start, model, "inference", { budget, ...options });
  for (const { index } of start.layers) {
    ports.push(...await withLayer(index, (read) => portsOf(read, most, kernel, options)));
  }
  const tensorOf = ({ layer }: Port) => start.layers[layer]!.weight.tensor;
  const { tests, alike } = await pairTests(ports, (a, b) => tensorOf(a) !== tensorOf(b), kernel, options);
  const isShown = ({ logP }: PairTest) => isSmall(logP, tests.length);
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
  const isOrdered = orderOf(start.layers, model);
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
      { ...start, warnings: [...guessed.readings, ...copyWarnings(start.layers, copies)] },
      found,
      tests.length + looked,
    )
    : graphOfGuess(guess(model), model.tensors);
  return { graph, ports, tests, spaces };
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
function inFileOrder(guessed: Guess, { tensors, moduleOrder }: GuessedFrom): Guess {
  if (moduleOrder !== true || isSorted(tensors)) return guessed;
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

/** The graph of a guess with what the weights show, support and contradict. */
function connected(start: LayerGraph, found: readonly Feeding[], looked: number): LayerGraph {
  const { layers } = start;
  const writers = Map.groupBy(found, ({ target }) => target);
  const isGuessed = ({ source, target, offset = 0 }: Feeding) =>
    offset === 0 && start.connections.some((each) => each.source === source && each.target === target);
  const connections: Connection[] = found.map((feeding): Connection => {
    const { source, target, offset = 0, shown, logP } = feeding;
    const isSupported = logP !== null && logP <= LOG_SUPPORT;
    return {
      source,
      target,
      part: 0,
      via: viaOf(layers, writers.get(target)!),
      channels: [{ source: 0, target: offset, length: layers[source]!.outChannels }],
      evidence: shown ? "inferred" : "guessed",
      // What names and shapes say was not chosen by the weights: they can support it.
      ...shown || !isGuessed(feeding) ? { looked } : isSupported ? { supported: true } : {},
    };
  });
  const leftOut: Skipped[] = [];
  let contradicted = 0;
  for (const guessed of start.connections) {
    const others = writers.get(guessed.target) ?? [];
    if (others.some(({ source }) => source === guessed.source)) continue;
    if (others.length === 0) {
      connections.push(guessed);
      continue;
    }
    const shown = others.filter((each) => each.shown);
    if (shown.length > 0) contradicted++;
    const by = (some: readonly Feeding[]) => some.map(({ source }) => layers[source]!.name).join(", ");
    leftOut.push({
      subject: "connection",
      name: `${layers[guessed.source]!.name} -> ${layers[guessed.target]!.name}`,
      reason: `guessed from names and shapes, ${
        shown.length > 0
          ? `contradicted by the weights: it shares channels with ${by(shown)}`
          : `less likely by the weights than ${by(others)}, though they show neither`
      }`,
    });
  }
  connections.sort((a, b) => a.target - b.target || a.source - b.source || a.part - b.part);
  return {
    ...start,
    connections,
    skipped: [...start.skipped, ...leftOut],
    warnings: [...start.warnings, ...inferenceWarnings(connections, contradicted, looked)],
  };
}

/** A layer that several feed reads a stream; one that nobody of its width feeds, a concatenation. */
function viaOf(layers: LayerGraph["layers"], feeding: readonly Feeding[]): Via {
  const isWhole = ({ source, target }: Feeding) => layers[source]!.outChannels === layers[target]!.inChannels;
  if (!feeding.some(isWhole)) return "concat";
  return feeding.length > 1 ? "residual" : "direct";
}

/** That some layers are nearly copies, with an example. */
function copyWarnings(layers: LayerGraph["layers"], copies: Copies): string[] {
  const [first] = copies;
  if (first === undefined) return [];
  const [copy] = first[1];
  return [
    `${copies.size} layers are nearly copies of others, as ${layers[copy!]!.name} is of ${
      layers[first[0]]!.name
    }: nothing is inferred from one of their branches to another`,
  ];
}

/** What a user has to know of an inferred topology. */
function inferenceWarnings(
  connections: readonly Connection[],
  contradicted: number,
  looked: number,
): string[] {
  const count = (isCounted: (each: Connection) => boolean) => connections.filter(isCounted).length;
  const inferred = count(({ evidence }) => evidence === "inferred");
  const guessed = connections.length - inferred;
  const chosen = count((each) => each.evidence === "guessed" && each.looked !== undefined);
  const supported = count((each) => each.supported === true);
  const against = contradicted === 0
    ? ""
    : `; ${counted(contradicted, "guess", "guesses")} that the weights contradict ${
      contradicted === 1 ? "is" : "are"
    } left out`;
  const all = counted(connections.length, "connection");
  return [
    `topology inferred from the weights: ${inferred} of ${all}, p at most 0.001 after correction for ${looked} pairs of ports and of parts; ` +
    `the p of their edges is multiplied by ${looked}${against}`,
    ...guessed === 0 ? [] : [
      `topology guessed in part: ${guessed} of ${all}: ${
        guessed - chosen
      } rest on names, shapes and the order of layers, ` +
      `${supported} of them supported by the weights; ${chosen} were chosen by the weights below that level, ` +
      `the p of their edges is multiplied by ${looked}, too; declare a topology to be sure`,
    ],
  ];
}
