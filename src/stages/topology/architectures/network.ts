/**
 * The words in which families of networks are written: a family reads like its network's `forward()`.
 *
 * Activations, local pooling, dropout and changes of resolution keep channels, so a family leaves them out, but for `act`
 * where an activation stands between a layer and its normalization.
 */

import { counted } from "../../../model/counted.ts";
import { messageOf, show } from "../../../model/errors.ts";
import type { ChannelRange } from "../../../model/layer.ts";
import { draftLayer, type DraftOptions, type FlattenOrder } from "../../../model/layer-draft.ts";
import type { HeadSignals, Operator, OperatorGraph, Signal } from "../../../model/operators.ts";
import { NetworkBuilder } from "../../../model/operators.ts";
import type { TensorInfo } from "../../../model/tensor.ts";
import { EPSILON, skipReason } from "../weights.ts";
import { findPlace, NamedTensors, PARTS_OF_NORMS, type Place } from "./named-tensors.ts";

/** More heads than any published network has; each is a connection of its own. */
const MOST_HEADS = 1024;

/** What a layer is, beside its name. */
export interface LayerOptions extends DraftOptions {
  /** The layer's name; by default its weight's, without `.weight`. */
  readonly name?: string;
  /** The weight's numbers as a tensor of another shape. */
  readonly shape?: readonly number[];
}

/** A network of a family being put together. Names are relative to the prefix that all its tensors share. */
export class Network extends NamedTensors {
  readonly #builder = new NetworkBuilder();
  /** Of each signal: its channels, null where unknown, and whether it is flattened. */
  readonly #signals: { readonly channels: number | null; readonly flat: boolean }[] = [];
  readonly #family: string;
  /** Of a family that is known in part: how many blocks there are, and what does not fit. */
  #blocks = 0;
  readonly #misfits: string[] = [];

  constructor(place: Place) {
    super(place);
    this.#family = place.family;
  }

  /** A network of a family where its tensors have all of these names, behind any one prefix; else null. */
  static find(...where: Parameters<typeof findPlace>): Network | null {
    const place = findPlace(...where);
    return place === null ? null : new Network(place);
  }

  /** Channels of a signal; null where they are not known. */
  channels(signal: Signal): number | null {
    return this.#signals[signal]?.channels ?? null;
  }

  input(channels: number | null = null): Signal {
    return this.#add({ op: "input", ...channels === null ? {} : { channels } }, channels);
  }

  /** A convolution, grouped where its weight has fewer in channels than arrive. */
  conv(module: string, x: Signal): Signal {
    const name = this.weight(module);
    const inputs = this.tensor(name).shape[1] ?? 0;
    const arriving = this.channels(x) ?? inputs;
    const groups = inputs > 0 && arriving % inputs === 0 ? arriving / inputs : 1;
    return this.layer(name, x, { groups });
  }

  /** A transposed convolution, not grouped. */
  convTransposed(module: string, x: Signal): Signal {
    return this.layer(this.weight(module), x, { layout: "in-out", kind: "conv-transpose" });
  }

  /** A fully connected layer. */
  linear(module: string, x: Signal, options: LayerOptions = {}): Signal {
    return this.layer(this.weight(module), x, options);
  }

  /** A table of vectors, `[entries, channels]` after any leading axes of extent 1; a lone one is a layer too. */
  embedding(tensor: string): Signal {
    const leading = this.tensor(tensor).shape.slice(0, -2).map((extent) => {
      if (extent !== 1) this.fail(tensor, `extent ${extent}`, "one table");
      return 0;
    });
    return this.layer(tensor, this.input(), { layout: "in-out", kind: "embedding", leading });
  }

  /**
   * A layer by the name of its weight's tensor.
   *
   * @throws {RangeError} when the tensor is missing, cannot be read or does not fit what arrives; names it
   */
  layer(tensor: string, x: Signal, options: LayerOptions = {}): Signal {
    const info = this.tensor(tensor);
    const layer = this.#draft(info, options);
    const { channels, flat } = this.#signals[x]!;
    const { inputs, groups, positions, outChannels } = this.#builder.layers[layer]!;
    const arrive = inputs * groups / (positions ?? 1);
    if (channels !== null && (flat ? arrive % channels !== 0 : arrive !== channels)) {
      this.fail(tensor, `${arrive} in channels`, flat ? `a multiple of ${channels}` : `${channels}`);
    }
    return this.#add({ op: "layer", layer, input: x }, outChannels);
  }

  /**
   * A weight that is used as another layer's as well, transposed: an unembedding that shares the embedding's table.
   *
   * @param name what the layer is called
   */
  tied(tensor: string, name: string, x: Signal): Signal {
    return this.layer(tensor, x, { name: this.outer + name });
  }

  /** An activation right behind a layer, where a normalization follows that the layer then cannot take in. */
  act(x: Signal): Signal {
    return this.#add({ op: "keep", input: x }, this.channels(x));
  }

  /** A batch normalization with running statistics; nothing where the network has none of this name. */
  batchNorm(module: string, x: Signal, epsilon?: number): Signal {
    const variance = this.full(`${module}.running_var`);
    if (variance === null) return x;
    this.#normRoles(module);
    const gamma = this.know(this.weight(module));
    const scale = { gamma, variance, epsilon: epsilon ?? EPSILON, ...epsilon ? {} : { assumed: true } };
    return this.#add({ op: "batch-norm", input: x, scale }, this.channels(x));
  }

  /** A layer or RMS normalization, `offset` added to its gains; nothing where the network has none of this name. */
  norm(module: string, x: Signal, offset?: number): Signal {
    const gain = this.know(this.weight(module)) ?? this.know(`${module}.gamma`);
    if (gain === null) return x;
    this.#normRoles(module);
    return this.#add(
      { op: "gain", input: x, gain, ...offset === undefined ? {} : { offset } },
      this.channels(x),
    );
  }

  globalPool(x: Signal): Signal {
    return this.#add({ op: "global-pool", input: x }, this.channels(x));
  }

  /** A map as a vector, by default channel by channel. */
  flatten(x: Signal, order: FlattenOrder = "channels-first"): Signal {
    this.#signals.push({ channels: this.channels(x), flat: true });
    return this.#builder.add({ op: "flatten", input: x, order });
  }

  /** @throws {RangeError} when signals of different widths are added */
  sum(...inputs: readonly Signal[]): Signal {
    return this.#together("add", inputs);
  }

  /** Now one of them, now another: what a weight that is used in two places reads. */
  either(...inputs: readonly Signal[]): Signal {
    return this.#together("either", inputs);
  }

  #together(op: "add" | "either", inputs: readonly Signal[]): Signal {
    const widths = inputs.map((each) => this.channels(each)).filter((each) => each !== null);
    if (widths.some((each) => each !== widths[0])) {
      this.fail("an addition", `${widths.join(" and ")} channels`, "equal numbers");
    }
    return this.#add({ op, inputs }, widths[0] ?? null);
  }

  concat(...inputs: readonly Signal[]): Signal {
    const widths = inputs.map((each) => this.channels(each));
    const known = widths.every((each) => each !== null);
    return this.#add({ op: "concat", inputs }, known ? widths.reduce((sum, each) => sum + each, 0) : null);
  }

  /** Channels at other places of a wider or narrower signal. */
  map(x: Signal, channels: readonly ChannelRange[], width: number): Signal {
    return this.#add({ op: "map", input: x, channels, width }, width);
  }

  /** Nothing is known of what comes out, and why. */
  stop(reason: string, width: number | null, ...inputs: readonly Signal[]): Signal {
    return this.#add({ op: "stop", inputs, reason }, width);
  }

  /**
   * Attention heads between values and the layer that reads them. Several heads may share values (grouped queries).
   *
   * @param heads how many read; must divide `width`
   * @param width how many channels they make together
   * @returns null where values and heads do not go together
   */
  heads(v: Signal, heads: number, width: number, scores?: HeadSignals): Signal | null {
    const values = this.channels(v);
    const each = width / heads;
    if (values === null || heads < 1 || heads > MOST_HEADS || !Number.isInteger(each)) return null;
    const shared = heads / (values / each);
    if (values % each !== 0 || !Number.isInteger(shared)) return null;
    const parts = Array.from({ length: heads }, (_, head) => [
      { source: Math.floor(head / shared) * each, target: head * each, length: each },
    ]);
    return this.#add({ op: "heads", input: v, parts, width, ...scores ? { scores } : {} }, width);
  }

  /** A recurrent cell of PyTorch, its state: `weight_ih` and `weight_hh`, gates `r, z, n` of a GRU or `i, f, g, o` of an LSTM. */
  cell(kind: "gru" | "lstm", module: string, x: Signal): Signal {
    const [gates, candidate] = kind === "gru" ? [3, 2] : [4, 2];
    const drafts = [`${module}.weight_ih`, `${module}.weight_hh`].map((name) => {
      const layer = this.#draft(this.tensor(name), { kind: "recurrent" });
      return { ...this.#builder.layers[layer]!, name, layer };
    });
    const [input, hidden] = drafts as [typeof drafts[0], typeof drafts[0]];
    for (const { name, outChannels } of drafts) {
      if (outChannels !== gates * hidden.inputs) {
        this.fail(name, `${outChannels} out channels`, `${gates} gates of ${hidden.inputs}`);
      }
    }
    const length = hidden.inputs;
    return this.#add({
      op: "cell",
      input: x,
      inputLayer: input.layer,
      hiddenLayer: hidden.layer,
      candidate: { from: candidate * length, length },
    }, length);
  }

  /**
   * A list of blocks, one behind the other. Where the family may be known in part, a block that does not fit stays unconnected, and what
   * comes out of it is not known.
   *
   * @param width channels of what comes out of such a block; by default those that went in
   * @throws {RangeError} when a block does not fit, unless the family may be known in part
   */
  stack(
    list: string,
    x: Signal,
    block: (name: string, x: Signal) => Signal,
    width: (x: Signal) => number | null = (signal) => this.channels(signal),
  ): Signal {
    let next = 0;
    let y = x;
    for (const i of this.blocks(list, { gaps: this.inPart })) {
      this.#blocks += 1;
      if (i !== next) y = this.#misfit(`${list}${next} is missing`, y, width(y));
      y = this.inPart ? this.#tried(`${list}${i}`, y, block, width(y)) : block(`${list}${i}`, y);
      next = i + 1;
    }
    return y;
  }

  #tried(
    name: string,
    x: Signal,
    block: (name: string, x: Signal) => Signal,
    width: number | null,
  ): Signal {
    const [forget, takeBack, signals] = [this.mark(), this.#builder.mark(), this.#signals.length];
    try {
      const y = block(name, x);
      const unknown = this.within(name).find((tensor) => this.isUnknown(tensor));
      if (unknown === undefined) return y;
      throw new RangeError(`found a weight ${show(unknown.name)}, required none that its blocks do not have`);
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
      forget();
      takeBack();
      this.#signals.length = signals;
      for (const tensor of this.within(name)) this.#unconnected(tensor);
      return this.#misfit(messageOf(thrown), x, width);
    }
  }

  /** A tensor of a block that does not fit: a layer, where it may be a weight, of which nobody knows what it reads. */
  #unconnected(tensor: TensorInfo): void {
    const inner = tensor.name.slice(this.prefix.length);
    if (skipReason(tensor) !== null) return this.role("part of a block that is not known", inner);
    this.know(inner);
    const layer = this.#draft(tensor, {});
    const { name } = this.#builder.layers[layer]!;
    const reason = `its block is not as ${this.#family} has it`;
    this.#builder.skipped.push({ subject: "connection", name: `? -> ${name}`, reason });
  }

  #misfit(what: string, x: Signal, width: number | null): Signal {
    this.#misfits.push(what);
    return this.stop(`a block before is not as ${this.#family} has it`, width, x);
  }

  /** Tensors that are known and are no layer's weight. Names that the network lacks are passed over. */
  role(what: string, ...tensors: readonly string[]): void {
    for (const tensor of tensors) {
      const full = this.know(tensor);
      if (full !== null) this.#builder.role(what, full);
    }
  }

  /** A way between two modules that is known and is no connection, and why. */
  noConnection(from: string, to: string, reason: string): void {
    const name = `${this.prefix}${from} -> ${this.prefix}${to}`;
    this.#builder.skipped.push({ subject: "connection", name, reason });
  }

  warn(warning: string): void {
    if (!this.#builder.warnings.includes(warning)) this.#builder.warnings.push(warning);
  }

  /**
   * The dataflow. Weights beside the network are left out with a warning.
   *
   * @throws {RangeError} when the network has a weight that the family does not know: it may work otherwise than the family says
   */
  finish(): OperatorGraph {
    const [first] = this.#misfits;
    if (first !== undefined) {
      // A network most of whose blocks are otherwise is another network.
      if (2 * this.#misfits.length >= this.#blocks) throw new RangeError(first);
      this.warn(
        `${this.#family}: known in part; of ${this.#blocks} blocks ${this.#misfits.length} do not fit and are not connected, ` +
          `declare their topology to be sure; the first: ${first}`,
      );
    }
    const unknown = this.unknown();
    if (unknown.length > 0) {
      this.warn(
        `${this.#family}: ${counted(unknown.length, "weight")} ${
          unknown.length === 1 ? "is" : "are"
        } not part of it and left out, the first: ${show(unknown[0])}`,
      );
    }
    return this.#builder.finish("declared");
  }

  #add(operator: Operator, channels: number | null): Signal {
    this.#signals.push({ channels, flat: false });
    return this.#builder.add(operator);
  }

  #draft(tensor: TensorInfo, { name, shape = tensor.shape, ...options }: LayerOptions): number {
    const info = { ...tensor, shape };
    const leaf = this.weight("");
    const module = info.name.endsWith(leaf) ? info.name.slice(0, -leaf.length) : null;
    if (module?.startsWith(this.prefix) === true) {
      const inner = module.slice(this.prefix.length);
      this.role("a bias", `${inner}.bias`, `${inner}/b`);
    }
    return this.#builder.draft(draftLayer(name ?? (module || info.name), info, options));
  }

  #normRoles(module: string): void {
    for (const [leaf, what] of PARTS_OF_NORMS) this.role(what, `${module}.${leaf}`);
  }
}
