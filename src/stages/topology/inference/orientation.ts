/**
 * Which axis of a weight has the out channels, where neither the format nor a bias says it: `[out, in]`, or `[in, out]` as in JAX, Keras and NumPy.
 *
 * What a port shows of its channels does not depend on whether they are written or read. So the spaces of channels are found first, and then the axes:
 * in the order of layers a space is written before it is read, it is read after it was written, and what is read was written.
 */

import { naturalOrder } from "../../../model/natural-order.ts";
import type { Layer } from "../../../model/layer.ts";
import type { TensorInfo } from "../../../model/tensor.ts";
import { Union } from "../../../model/union.ts";
import type { GuessedFrom } from "../guess.ts";
import { behind, isInOrder, layerName } from "../weights.ts";
import type { PairTest } from "./pair-tests.ts";
import type { Port } from "./ports.ts";

/** Pairs join ports here up to this p after correction: it decides how a weight is read, and shows nothing by itself. */
const LOG_JOINED = Math.log(0.05);

/**
 * What speaks against a reading: a space that begins with a reader or ends with a writer, channels that are read and nobody wrote, a matrix that
 * lies otherwise than most of the file, a transposed convolution that no bias shows, and a file of `[in, out]`. Chosen: one space outweighs the file.
 */
const COST = { space: 1, source: 0.5, other: 0.6, transposed: 1.2, turned: 0.3 } as const;

/** A stack holds so many gates, or queries, keys and values: what is written is a part of it. */
const STACKED = [3, 4] as const;

/** Rounds in which every open weight may be turned. */
const MOST_ROUNDS = 10;

/** Layers of which the default, `[out, in, ...]`, may be wrong. */
export interface OpenLayers {
  /** Those that nothing but the weights can say it of: matrices, and convolutions that would read what nobody before them writes. */
  readonly open: ReadonlySet<number>;
  /** Those whose own vectors have the width of the second axis only. */
  readonly told: ReadonlySet<number>;
}

/** Sorts layers, by their numbers. */
export function openLayers(layers: readonly Layer[], model: GuessedFrom): OpenLayers {
  const byName = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  const order = orderOf(layers, model);
  const isWritten = (layer: Layer, width: number) =>
    layers.some(({ index, outChannels }) => outChannels === width && order[index]! < order[layer.index]!);
  // The first one reads the network's input.
  const isMisfit = (layer: Layer) =>
    order[layer.index]! > 0 && !isWritten(layer, layer.inChannels) && isWritten(layer, layer.outChannels);
  const isDefault = ({ weight: { tensor, shape, strides, offset }, groups, outChannels }: Layer) => {
    const kernel = shape.slice(2).reduce((product, extent) => product * extent, 1);
    return byName.get(tensor)?.layout === undefined && groups === 1 && offset === 0 &&
      outChannels === shape[0] &&
      strides.out === shape[1]! * kernel;
  };
  const sorted = layers.filter(isDefault).map((layer) => ({ layer, own: toldBy(layer, model) }));
  return {
    open: new Set(
      sorted.flatMap(({ layer, own }) =>
        own === null && (isMatrix(layer) || isMisfit(layer)) ? [layer.index] : []
      ),
    ),
    told: new Set(sorted.flatMap(({ layer, own }) => own === 1 && isMatrix(layer) ? [layer.index] : [])),
  };
}

/** The axis, first or second, whose width is that of a vector of the weight's own, where the other's is that of none; else null. */
function toldBy({ weight: { tensor, shape: [first, second] } }: Layer, model: GuessedFrom): 0 | 1 | null {
  const own = ownVectors(tensor, model).map(({ shape }) => shape[0]!);
  const [isFirst, isSecond] = [own.includes(first!), own.includes(second!)];
  return isFirst === isSecond ? null : isFirst ? 0 : 1;
}

/** Vectors behind a weight, up to the next, where the order of the file is that of modules; else those of its module. */
function ownVectors(weight: string, model: GuessedFrom): readonly TensorInfo[] {
  const { tensors } = model;
  const isVector = ({ shape }: TensorInfo) => shape.length === 1;
  if (isInOrder(model)) return behind(weight, tensors).filter(isVector);
  const moduleOf = (name: string) => name.replace(/(^|[./])[^./]*$/, "");
  const siblings = tensors.filter(({ name }) => moduleOf(name) === moduleOf(weight));
  return moduleOf(weight) === "" || siblings.filter(({ shape }) => shape.length > 1).length > 1
    ? []
    : siblings.filter(isVector);
}

/** Ports and their tests, as weights were read at first. */
export interface AsRead {
  readonly start: { readonly layers: readonly Layer[] };
  readonly openness: OpenLayers;
  readonly ports: readonly Port[];
  readonly tests: readonly PairTest[];
  /** Pairs that may have been looked at. */
  readonly looked: number;
}

/** Weights that lie the other way round than they were read: names of tensors. */
export function turnedWeights(
  { start: { layers }, openness: { open, told }, ports, tests, looked }: AsRead,
  model: GuessedFrom,
): ReadonlySet<string> {
  const spaces = joinedSpaces(ports, tests, looked);
  const order = orderOf(layers, model);
  const inOrder = layers.toSorted((a, b) => order[a.index]! - order[b.index]!);
  const readings = [false, true].map((turned) => {
    const isOther = new Set([...told, ...turned ? [...open].filter((at) => isMatrix(layers[at]!)) : []]);
    const costOf = (now: ReadonlySet<number>) =>
      spacesCost(spaces, ports, order, now) + sourcesCost(inOrder, now) +
      fileCost(layers, open, told, now, turned);
    let least = costOf(isOther);
    for (let round = 0, before = Infinity; round < MOST_ROUNDS && least < before; round++) {
      before = least;
      for (const at of open) {
        const next = new Set(isOther);
        if (!next.delete(at)) next.add(at);
        const cost = costOf(next);
        if (cost >= least) continue;
        least = cost;
        if (!isOther.delete(at)) isOther.add(at);
      }
    }
    return { least, isOther };
  });
  const [asRead, turned] = readings as [typeof readings[0], typeof readings[0]];
  const best = turned.least < asRead.least ? turned.isOther : asRead.isOther;
  return new Set([...best].map((at) => layers[at]!.weight.tensor));
}

const isMatrix = ({ weight }: Layer) => weight.shape.length === 2;

/** Ports that share channels, of several layers. */
function joinedSpaces(
  ports: readonly Port[],
  tests: readonly PairTest[],
  looked: number,
): readonly number[][] {
  const joined = new Union(ports.length);
  for (const { first, second, logP } of tests) {
    if (logP + Math.log(looked) <= LOG_JOINED) joined.join(first, second);
  }
  const spaces = [...Map.groupBy(ports.keys(), (at) => joined.find(at)).values()];
  const isShared = (members: readonly number[]) => members.length > 1;
  // What is a stack of parts is no space of its own.
  const key = ({ layer, side }: Port) => `${layer}/${side}`;
  const stacks = new Set(
    spaces.filter(isShared).flat().flatMap((at) => ports[at]!.part === undefined ? [] : [key(ports[at]!)]),
  );
  return spaces.map((members) =>
    members.filter((at) => ports[at]!.part !== undefined || !stacks.has(key(ports[at]!)))
  ).filter(isShared);
}

/** The place of each layer among all. */
function orderOf(layers: readonly Layer[], model: GuessedFrom): readonly number[] {
  const places = new Map(model.tensors.map(({ name }, at) => [name, at]));
  const inOrder = isInOrder(model);
  const order = layers.toSorted((a, b) =>
    inOrder
      ? places.get(a.weight.tensor)! - places.get(b.weight.tensor)!
      : naturalOrder(layerName(a.weight.tensor), layerName(b.weight.tensor))
  );
  const found: number[] = [];
  order.forEach(({ index }, place) => found[index] = place);
  return found;
}

function spacesCost(
  spaces: readonly (readonly number[])[],
  ports: readonly Port[],
  order: readonly number[],
  turned: ReadonlySet<number>,
): number {
  const isWriter = (at: number) => (ports[at]!.side === "out") !== turned.has(ports[at]!.layer);
  let cost = 0;
  for (const members of spaces) {
    const places = members.map((at) => order[ports[at]!.layer]!);
    const [least, most] = [Math.min(...places), Math.max(...places)];
    // A depthwise layer does both.
    const are = (place: number, does: (at: number) => boolean) =>
      members.some((at, i) => places[i] === place && (ports[at]!.side === "depthwise" || does(at)));
    cost += Number(!are(least, isWriter)) + Number(!are(most, (at) => !isWriter(at)));
  }
  return COST.space * cost;
}

/** Layers that read what no earlier one has written: the first reads the network's input. @param layers in their order */
function sourcesCost(layers: readonly Layer[], turned: ReadonlySet<number>): number {
  const written = new Set<number>();
  const maps = new Set<number>();
  let cost = 0;
  for (const layer of layers) {
    const { index, outChannels, inChannels, positions } = layer;
    const inputs = isMatrix(layer) ? inChannels * positions : inChannels;
    const [out, read] = turned.has(index) ? [inputs, outChannels] : [outChannels, inputs];
    const isWritten = written.has(read) || STACKED.some((parts) => written.has(parts * read)) ||
      isMatrix(layer) && [...maps].some((channels) => channels > 1 && read % channels === 0);
    if (written.size > 0 && !isWritten) cost++;
    written.add(out);
    if (!isMatrix(layer)) maps.add(out);
  }
  return COST.source * cost;
}

/** @param otherwise whether matrices of the file are supposed to lie as `[in, out]` */
function fileCost(
  layers: readonly Layer[],
  open: ReadonlySet<number>,
  told: ReadonlySet<number>,
  turned: ReadonlySet<number>,
  otherwise: boolean,
): number {
  // What vectors tell of some matrices is likely of the others.
  let cost = otherwise && told.size === 0 ? COST.turned : 0;
  if (!otherwise && told.size > 0) cost += COST.other;
  for (const at of open) {
    if (!isMatrix(layers[at]!)) cost += turned.has(at) ? COST.transposed : 0;
    else if (turned.has(at) !== otherwise) cost += COST.other;
  }
  return cost;
}
