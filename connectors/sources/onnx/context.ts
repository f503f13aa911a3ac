/** The state of a walk over an ONNX graph: what has been put together of the network, and how signals are read and lost. */

import { messageOf, show } from "../../../src/model/errors.ts";
import type { ChannelRange } from "../../../src/model/layer.ts";
import { draftLayer, type DraftOptions } from "../../../src/model/layer-draft.ts";
import { NetworkBuilder, type Operator, type Signal } from "../../../src/model/operators.ts";
import type { TensorInfo } from "../../../src/model/tensor.ts";
import type { OnnxGraph, OnnxNode } from "./proto.ts";
import {
  type Activation,
  type Axis,
  channelAxes,
  channels,
  type Factor,
  holdsChannels,
  merged,
  sizeOf,
  type Value,
} from "./values.ts";

/** Gives an operator's outputs, in order; those that are left out are constants of which nothing is known. */
export type Handler = (
  context: Context,
  node: OnnxNode,
  inputs: readonly (Value | null)[],
) => readonly Value[];

/** Handlers by operator. */
export type Handlers = ReadonlyMap<string, Handler>;

/** Channel maps are made channel by channel where they are no plain ranges; wider layers than this nobody has. */
const WIDEST = 2 ** 17;

/** Names that exporters make up for constants without one; the node's name says more. */
const ANONYMOUS = /^(onnx::.*|\d+|const_fold_opt__\d+|)$/;

/** How operators and domains are spelled; what is spelled otherwise stands in quotes. */
const WORD = /^[\w.:+-]{1,200}$/;

/** How a node is called in reasons: by its operator and its name, or its output's. */
export function label({ op, writtenAs = op, domain, name, outputs }: OnnxNode): string {
  const whose = domain === "" || domain === "com.microsoft" ? "" : `${domain}.`;
  const operator = `${whose}${writtenAs}`;
  return `${WORD.test(operator) ? operator : show(operator)} ${show(name === "" ? outputs[0] ?? "" : name)}`;
}

/** The state of a walk. */
export class Context {
  readonly network: NetworkBuilder = new NetworkBuilder();
  readonly opset: number;
  /** Walks the body of a control flow operator within the present scope, with values for its first inputs. */
  readonly body: (graph: OnnxGraph, inputs: readonly Value[]) => readonly Value[];
  readonly #layers = new Map<string, number>();
  readonly #names = new Set<string>();
  #symbols = 0;

  constructor(opset: number, body: (graph: OnnxGraph, inputs: readonly Value[]) => readonly Value[]) {
    this.opset = opset;
    this.body = body;
  }

  /** A symbol for an extent that is not known. */
  symbol(): string {
    return `?${this.#symbols++}`;
  }

  /** An activation that an operator makes, a new root unless told otherwise. */
  emit(operator: Operator, axes: readonly Axis[] | null, width: number | null, root?: number): Activation {
    const signal = this.network.add(operator);
    return {
      kind: "activation",
      signal,
      root: root ?? signal,
      axes,
      width,
      nature: "channels",
      normalized: false,
    };
  }

  /** The network's input, or what was computed of it alone. */
  input(axes: readonly Axis[] | null): Activation {
    return { ...this.emit({ op: "input" }, axes, null), nature: "input" };
  }

  /** Nothing more is known of the channels, and why. */
  stop(
    node: OnnxNode,
    inputs: readonly (Value | null)[],
    why: string,
    axes: readonly Axis[] | null = null,
  ): Activation {
    const signals = inputs.flatMap((each) => each?.kind === "activation" ? [each] : []);
    const already = signals.every(({ nature }) => nature === "lost") && signals.length > 0;
    const reason = already ? null : `${label(node)}: ${why}`;
    const signal = reason === null && signals.length === 1 ? signals[0]!.signal : this.network.add(
      reason === null
        ? { op: "add", inputs: signals.map((each) => each.signal) }
        : { op: "stop", inputs: signals.map((each) => each.signal), reason },
    );
    const plain = axes?.map((axis) => axis.map((factor) => ({ ...factor, step: null }))) ?? null;
    return {
      kind: "activation",
      signal,
      root: signal,
      axes: plain,
      width: null,
      nature: "lost",
      normalized: false,
    };
  }

  /** A function of each number by itself: channels and their axes are what they were. */
  keep(input: Activation, changes: Partial<Activation> = {}): Activation {
    if (input.nature === "lost" || input.nature === "input") return { ...input, ...changes };
    const signal = this.network.add({ op: "keep", input: input.signal });
    return { ...input, normalized: false, signal, ...changes };
  }

  /**
   * What an operator reads along an axis: the signal with that axis as its channels, flattened if positions lie along it too.
   *
   * @returns a signal; a lost one, with the reason, where the axis does not hold the channels
   */
  reading(node: OnnxNode, value: Activation, axis: number): Signal {
    const { axes, width, nature } = value;
    if (nature === "input") {
      const size = axes === null || axes[axis] === undefined ? null : sizeOf(axes[axis]);
      return this.network.add({
        op: "input",
        ...typeof size === "number" && size >= 1 ? { channels: size } : {},
      });
    }
    if (axes === null || nature === "lost") return value.signal;
    const factors = axes[axis] ?? [];
    const why = nature === "statistic"
      ? "reads a statistic of all channels"
      : channelAxes(axes).some((each) => each !== axis)
      ? "reads along another axis than that of the channels"
      : width !== 1 && !holdsChannels(factors)
      ? "reads an axis that holds no channels"
      : null;
    if (why !== null) return this.stop(node, [value], why).signal;
    const own = merged(factors.filter(({ step }) => step !== null));
    const spread = factors.filter(({ step }) => step === null).length;
    const before = Math.max(0, factors.findIndex(({ step }) => step !== null));
    const after = factors.length - 1 - factors.findLastIndex(({ step }) => step !== null);
    const ordered = own.length === 0 || own.length === 1 && own[0]!.step === 1
      ? value.signal
      : this.#reordered(value, own);
    if (ordered === null) return this.stop(node, [value], "the order of channels cannot be followed").signal;
    if (spread === 0) return ordered;
    if (spread !== after && spread !== before) {
      return this.stop(node, [value], "reads positions and channels in mixed order").signal;
    }
    const order = spread === after ? "channels-first" : "channels-last";
    return this.network.add({ op: "flatten", input: ordered, order });
  }

  #reordered(value: Activation, factors: Axis): Signal | null {
    const { width } = value;
    if (width === null || width > WIDEST) return null;
    const order = sequence(factors);
    if (order.length !== width) return null;
    return this.network.add({ op: "map", input: value.signal, channels: ranges(order), width });
  }

  /** Only some places along one factor that counts channels; the others keep their order. Null where that cannot be followed. */
  select(value: Activation, axis: number, at: number, places: readonly number[]): Activation | null {
    const { axes, width } = value;
    if (axes === null || width === null || width > WIDEST || places.length > WIDEST) return null;
    const all = axes.flatMap((each, a) =>
      each.flatMap((factor, f) => factor.step === null ? [] : [{ a, f, factor }])
    );
    const slowest = [...all].sort((x, y) => y.factor.step! - x.factor.step!);
    // The channels in their own order, factor by factor, of the chosen factor only the chosen places.
    let order = [0];
    const steps = new Map<string, Factor>();
    for (const { a, f, factor } of slowest) {
      const chosen = a === axis && f === at;
      const size = factor.size as number;
      const along = chosen ? places : Array.from({ length: size }, (_, i) => i);
      if (order.length * along.length > WIDEST) return null;
      order = order.flatMap((base) => along.map((place) => base + place * factor.step!));
    }
    let step = 1;
    for (const { a, f, factor } of [...slowest].reverse()) {
      const size = a === axis && f === at ? places.length : factor.size as number;
      steps.set(`${a}/${f}`, { size, step });
      step *= size;
    }
    const moved = axes.map((each, a) => merged(each.map((factor, f) => steps.get(`${a}/${f}`) ?? factor)));
    const map = {
      op: "map",
      input: value.signal,
      channels: ranges(order),
      width: order.length,
      via: "split",
    } as const;
    return { ...this.emit(map, moved, order.length), partOf: value.signal };
  }

  /**
   * The layer that reads a tensor, a new one unless the same tensor was read in the same way before.
   *
   * @returns its number, or why the tensor cannot be a layer's weight
   */
  layer(node: OnnxNode, tensor: TensorInfo, options: DraftOptions & { suffix?: string }): number | string {
    const { suffix = "", ...rest } = options;
    const key = JSON.stringify([tensor.name, rest]);
    const known = this.#layers.get(key);
    if (known !== undefined) return known;
    if (tensor.unreadable !== undefined) return tensor.unreadable;
    if (tensor.shape.includes(0)) return `shape ${show(tensor.shape)} holds no element`;
    try {
      const name = this.#unused(this.#nameOf(node, tensor, suffix), node);
      const number = this.network.draft(draftLayer(name, tensor, rest));
      this.#names.add(name);
      this.#layers.set(key, number);
      return number;
    } catch (failure) {
      return messageOf(failure);
    }
  }

  #nameOf(node: OnnxNode, { name: tensor }: TensorInfo, suffix: string): string {
    // What quantizers and readers put behind the name of a weight.
    const real = tensor.replace(/_(DequantizeLinear_Output|dequantized)(_\d+)?$/, "");
    const stored = real.replace(real === tensor ? /_quantized$/ : /_(quantized|Q\d)$/, "");
    const own = stored.endsWith(".weight") && stored.length > 7 ? stored.slice(0, -7) : stored;
    const anonymous = ANONYMOUS.test(own) && node.name !== "";
    return anonymous ? `${node.name}${suffix}` : own;
  }

  #unused(name: string, node: OnnxNode): string {
    if (!this.#names.has(name)) return name;
    const second = node.name === "" ? name : `${name} (${node.name})`;
    let unused = second;
    for (let n = 2; this.#names.has(unused); n++) unused = `${second} #${n}`;
    return unused;
  }

  /** Channels that a layer made, along one axis. */
  made(layer: number, input: Signal, axes: readonly Axis[], axis: number): Activation {
    const { outChannels } = this.network.layers[layer]!;
    const own = axes.map((each, at) => at === axis ? channels(outChannels) : each);
    return this.emit({ op: "layer", layer, input }, own, outChannels);
  }
}

/** The channels along an axis of factors, in its order. */
function sequence(factors: Axis): number[] {
  let order = [0];
  for (const { size, step } of factors) {
    if (typeof size !== "number" || order.length * size > WIDEST) return [];
    order = order.flatMap((base) => Array.from({ length: size }, (_, i) => base + i * step!));
  }
  return order;
}

/** A channel map by the source of each target, as ranges. */
export function ranges(sources: readonly number[]): ChannelRange[] {
  const out: { source: number; target: number; length: number }[] = [];
  sources.forEach((source, target) => {
    const last = out.at(-1);
    if (last !== undefined && last.source + last.length === source) last.length++;
    else out.push({ source, target, length: 1 });
  });
  return out;
}
