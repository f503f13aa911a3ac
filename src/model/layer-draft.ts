/** A layer before its place in the graph is known: how its tensor reads, not yet who feeds it. */

import { show } from "./errors.ts";
import type { Layer, LayerKind, WeightStrides } from "./layer.ts";
import type { TensorInfo, WeightLayout } from "./tensor.ts";

export type { WeightLayout } from "./tensor.ts";

/** In which order a flattened map's numbers come: channel by channel (`c*z + k`), or position by position (`k*n + c`). */
export type FlattenOrder = "channels-first" | "channels-last";

/** What a weight tensor is, as far as it tells by itself. */
export interface LayerDraft {
  readonly name: string;
  readonly kind: LayerKind;
  readonly tensor: TensorInfo;
  readonly layout: WeightLayout;
  /** Leading axes before those of the layout, each fixed at an index (the direction of a recurrent layer). */
  readonly leading: readonly number[];
  /** First of the layout's out channels that are this layer's: a fused weight holds several. */
  readonly firstOut: number;
  /** `m`, over all groups. */
  readonly outChannels: number;
  /** `n/g * z`: inputs of one group. */
  readonly inputs: number;
  readonly groups: number;
  /** `z`; null where the tensor is a matrix, which may read a flattened map: only its source can tell. */
  readonly positions: number | null;
}

/** What is said of a weight beside its tensor. */
export interface DraftOptions {
  /** Default: the tensor's own, else `out-in`. */
  readonly layout?: WeightLayout | undefined;
  readonly groups?: number | undefined;
  readonly kind?: LayerKind | undefined;
  readonly positions?: number | undefined;
  readonly leading?: readonly number[] | undefined;
  /** The out channels that are this layer's. Default: all. */
  readonly out?: { readonly from: number; readonly length: number } | undefined;
}

interface Extents {
  /** Of the whole tensor, all groups. */
  readonly out: number;
  /** Of one group. */
  readonly in: number;
  readonly kernel: number;
  readonly groups: number;
}

/**
 * Reads a tensor as a layer's weight.
 *
 * @throws {RangeError} when the tensor has too few axes for the layout, groups do not divide its channels, or the out channels
 * asked for are not within it; names the layer
 */
export function draftLayer(name: string, tensor: TensorInfo, options: DraftOptions = {}): LayerDraft {
  const { layout = tensor.layout ?? "out-in", leading = [] } = options;
  const extents = extentsOf(name, tensor, layout, leading, options.groups);
  const { from, length } = options.out ?? { from: 0, length: extents.out };
  if (from < 0 || length < 1 || from + length > extents.out) {
    throw new RangeError(
      `layer ${show(name)}: found out channels ${from} to ${from + length}, required within ${extents.out}`,
    );
  }
  if (length !== extents.out && extents.groups > 1) {
    throw new RangeError(`layer ${show(name)}: found part of a grouped weight, required the whole of it`);
  }
  const matrix = tensor.shape.length - leading.length === 2 && layout !== "depthwise";
  return {
    name,
    kind: options.kind ?? (matrix ? "linear" : "conv"),
    tensor,
    layout,
    leading,
    firstOut: from,
    outChannels: length,
    inputs: extents.in * extents.kernel,
    groups: extents.groups,
    positions: options.positions ?? (matrix ? null : extents.kernel),
  };
}

function extentsOf(
  name: string,
  tensor: TensorInfo,
  layout: WeightLayout,
  leading: readonly number[],
  wanted = 1,
): Extents {
  const axes = tensor.shape.slice(leading.length);
  if (axes.length < 2 || leading.some((index, axis) => !(index >= 0 && index < tensor.shape[axis]!))) {
    throw new RangeError(
      `layer ${show(name)}: found a tensor of shape ${show(tensor.shape)}, required two axes or more after ${
        show(leading)
      }`,
    );
  }
  const kernelFirst = layout !== "out-in" && layout !== "in-out";
  const [first, second] = (kernelFirst ? axes.slice(-2) : axes.slice(0, 2)) as [number, number];
  const kernel = (kernelFirst ? axes.slice(0, -2) : axes.slice(2)).reduce(
    (product, each) => product * each,
    1,
  );
  const groups = layout === "depthwise" ? first : wanted;
  // The axis that counts channels of all groups must divide by them.
  const divided = layout === "kernel-in-out" ? second : first;
  if (!Number.isInteger(groups) || groups < 1 || divided % groups !== 0) {
    throw new RangeError(
      `layer ${show(name)}, groups: found ${groups}, required a divisor of ${divided} channels`,
    );
  }
  switch (layout) {
    case "out-in":
      return { out: first, in: second, kernel, groups };
    case "in-out":
      return { out: second * groups, in: first / groups, kernel, groups };
    case "kernel-in-out":
      return { out: second, in: first, kernel, groups };
    case "kernel-out-in":
      return { out: first, in: second, kernel, groups };
    case "depthwise":
      return { out: first * second, in: 1, kernel, groups };
  }
}

/** What only the graph knows of a layer. */
export interface LayerPlace {
  readonly index: number;
  /** `z` of a matrix that reads a flattened map. */
  readonly positions?: number | null;
  readonly flattened?: FlattenOrder;
}

/**
 * A draft at its place.
 *
 * @throws {RangeError} when the positions do not divide the layer's inputs; names the layer
 */
export function finishLayer(draft: LayerDraft, { index, positions: inferred, flattened }: LayerPlace): Layer {
  const { name, kind, tensor, groups, outChannels, inputs } = draft;
  const positions = draft.positions ?? inferred ?? 1;
  if (inputs % positions !== 0) {
    throw new RangeError(
      `layer ${show(name)}, positions: found ${positions}, required a divisor of ${inputs} inputs`,
    );
  }
  // A format that says of itself that its matrices lie in-out is Keras's, whose maps have their channels last.
  const order = flattened ?? (tensor.layout === "in-out" ? "channels-last" : "channels-first");
  const strides = stridesOf(draft, positions, order);
  const lead = draft.leading.reduce((at, axis, i) => at * tensor.shape[i]! + axis, 0);
  const rest = tensor.shape.slice(draft.leading.length).reduce((product, extent) => product * extent, 1);
  return {
    index,
    name,
    kind,
    weight: {
      tensor: tensor.name,
      shape: tensor.shape,
      offset: lead * rest + draft.firstOut * strides.out,
      strides,
    },
    dtype: tensor.dtype,
    outChannels,
    inChannels: inputs * groups / positions,
    positions,
    groups,
    batchNorm: "none",
    normGain: "none",
  };
}

function stridesOf(draft: LayerDraft, positions: number, order: FlattenOrder): WeightStrides {
  const { layout, inputs, groups, tensor } = draft;
  const axes = tensor.shape.slice(draft.leading.length);
  const last = axes.at(-1)!;
  const beforeLast = axes.at(-2)!;
  const n = inputs / positions;
  const m = draft.outChannels / groups;
  // A matrix splits its one axis of inputs into channels and positions; where there are kernel axes they are the positions.
  const [channel, position] = order === "channels-first" ? [positions, 1] : [1, n];
  switch (layout) {
    case "out-in":
      return { group: m * inputs, out: inputs, in: channel, position };
    case "in-out": {
      const kernel = axes.slice(2).reduce((product, extent) => product * extent, 1);
      const row = axes[1]! * kernel;
      return kernel > 1 || axes.length > 2
        ? { group: n * row, out: kernel, in: row, position: 1 }
        : { group: n * positions * row, out: 1, in: channel * row, position: position * row };
    }
    case "kernel-in-out":
      return axes.length > 2
        ? { group: m, out: 1, in: last, position: beforeLast * last }
        : { group: m, out: 1, in: channel * last, position: position * last };
    case "kernel-out-in":
      return { group: 0, out: last, in: 1, position: beforeLast * last };
    case "depthwise":
      return { group: last, out: 1, in: 0, position: beforeLast * last };
  }
}

/** `z` of a layer that reads all out channels of `source`, or null where they do not fit. */
export function positionsFrom(source: LayerDraft, target: LayerDraft): number | null {
  const inputs = target.inputs * target.groups;
  if (target.positions !== null) {
    return inputs === source.outChannels * target.positions ? target.positions : null;
  }
  if (inputs % source.outChannels !== 0) return null;
  const positions = inputs / source.outChannels;
  // A vector has one position; only a feature map is flattened.
  return positions === 1 || source.kind === "conv" || source.kind === "conv-transpose" ? positions : null;
}
