/**
 * A network's dataflow as far as channels are concerned: what a graph format or a known architecture says, before it is traced into
 * connections (`src/stages/topology/trace.ts`). Every operator makes one signal: a value with a channel axis.
 */

import type { BatchNormScale, ChannelRange, Evidence, Skipped, Via } from "./layer.ts";
import type { FlattenOrder, LayerDraft } from "./layer-draft.ts";

/** The number of an operator within its graph, which is also the number of the signal that it makes. */
export type Signal = number;

/** One step of the dataflow. Inputs come before their users. */
export type Operator = Step & {
  /** What the file calls it: stands before the reason where what comes out is lost here. */
  readonly node?: string;
};

type Step =
  /** The network's input: it comes from no layer, and that is all right. */
  | { readonly op: "input"; readonly channels?: number }
  /** A layer reads a signal. A layer may be used several times: shared weights. */
  | { readonly op: "layer"; readonly layer: number; readonly input: Signal }
  /** Channels stay what they are: activations, local pooling, dropout, casts, transposes of positions, a gate's product. */
  | { readonly op: "keep"; readonly input: Signal }
  /** A batch normalization; right behind a layer, the layer can take its scaling in. */
  | { readonly op: "batch-norm"; readonly input: Signal; readonly scale: BatchNormScale | null }
  /** A layer or RMS normalization; layers right behind it can take its gain in: channel `c` is multiplied by `gain[c] + offset` (default 0). */
  | { readonly op: "gain"; readonly input: Signal; readonly gain: string | null; readonly offset?: number }
  /** All positions become one: global pooling. */
  | { readonly op: "global-pool"; readonly input: Signal }
  /** Channels and positions become one axis. */
  | { readonly op: "flatten"; readonly input: Signal; readonly order: FlattenOrder }
  | { readonly op: "add"; readonly inputs: readonly Signal[] }
  /** Sometimes one of them, sometimes another, channel by channel: by position, by condition, the larger of them. */
  | { readonly op: "either"; readonly inputs: readonly Signal[] }
  /** Along the channel axis. */
  | { readonly op: "concat"; readonly inputs: readonly Signal[] }
  /** Some channels of the input, at other places: slices, padding, repeats, shuffles. Channels that nothing reaches are zero. */
  | {
    readonly op: "map";
    readonly input: Signal;
    readonly channels: readonly ChannelRange[];
    /** Channels of the result. */
    readonly width: number;
    readonly via?: Via;
  }
  /**
   * Heads, each mixing positions in its own way: what goes through one is a connection of its own, `part` its number. Where it is known which
   * queries and keys say how, their signals: queries as wide as what comes out, keys as wide as `input`.
   */
  | {
    readonly op: "heads";
    readonly input: Signal;
    readonly parts: readonly (readonly ChannelRange[])[];
    readonly width: number;
    readonly scores?: HeadSignals;
  }
  /**
   * A recurrent cell, its state as the signal. The state carries the candidate (an LSTM's cell input `g`, a GRU's `n`, a plain
   * cell's only gate): those out channels of both layers are the state's channels, and the hidden layer reads the state.
   */
  | {
    readonly op: "cell";
    readonly input: Signal;
    readonly inputLayer: number;
    readonly hiddenLayer: number;
    readonly candidate: { readonly from: number; readonly length: number };
  }
  /** What comes out is no longer any layer's channels, and why: a product of activations, say. */
  | { readonly op: "stop"; readonly inputs: readonly Signal[]; readonly reason: string };

/** What queries and keys are, all heads side by side. */
export interface HeadSignals {
  readonly queries: Signal;
  readonly keys: Signal;
}

/** A network's dataflow. */
export interface OperatorGraph {
  readonly evidence: Evidence;
  readonly layers: readonly LayerDraft[];
  readonly operators: readonly Operator[];
  /**
   * Tensors that belong to the network but are no layer's weight, by name, and what they are: biases, normalizations, tables.
   * Those of batch norms and gains above need not be named again.
   */
  readonly roles: ReadonlyMap<string, string>;
  readonly skipped: readonly Skipped[];
  readonly warnings: readonly string[];
}

/** Puts an operator graph together, operator by operator. */
export class NetworkBuilder {
  readonly layers: LayerDraft[] = [];
  readonly operators: Operator[] = [];
  readonly roles: Map<string, string> = new Map();
  readonly skipped: Skipped[] = [];
  readonly warnings: string[] = [];

  /** Adds an operator. @returns its signal */
  add(operator: Operator): Signal {
    return this.operators.push(operator) - 1;
  }

  /** Adds a layer, not yet reading anything. @returns its number */
  draft(draft: LayerDraft): number {
    return this.layers.push(draft) - 1;
  }

  /** A new layer reads a signal. */
  layer(draft: LayerDraft, input: Signal): Signal {
    return this.add({ op: "layer", layer: this.draft(draft), input });
  }

  /** Notes what tensors are that are no layer's weight. */
  role(what: string, ...tensors: readonly string[]): void {
    for (const tensor of tensors) this.roles.set(tensor, what);
  }

  /** Marks what is there now. @returns what takes back all that was added since */
  mark(): () => void {
    const lists = [this.layers, this.operators, this.skipped, this.warnings];
    const lengths = lists.map(({ length }) => length);
    const roles = new Map(this.roles);
    return () => {
      for (const [at, list] of lists.entries()) list.length = lengths[at]!;
      this.roles.clear();
      for (const [tensor, what] of roles) this.roles.set(tensor, what);
    };
  }

  finish(evidence: Evidence): OperatorGraph {
    const { layers, operators, roles, skipped, warnings } = this;
    return { evidence, layers, operators, roles, skipped, warnings };
  }
}
