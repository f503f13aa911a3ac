/** What a rule for a class of layers is given, and how it answers. */

import { draftLayer, type DraftOptions } from "../../../src/model/layer-draft.ts";
import type { NetworkBuilder, Operator, Signal } from "../../../src/model/operators.ts";
import type { TensorInfo } from "../../../src/model/tensor.ts";
import { type Json, type KerasCall, type KerasLayer, own } from "./config.ts";
import { type Form, hasActivation } from "./form.ts";
import type { KerasPlace, KerasWeights } from "./weights.ts";

/** What a rule makes of a layer's inputs: its outputs, one or more. */
export type Rule = (context: KerasContext, inputs: readonly Form[]) => Form | readonly Form[];

/** The walk, as far as layers that hold other layers need it. */
export interface KerasWalk {
  readonly builder: NetworkBuilder;
  readonly weights: KerasWeights;
  /** A weight is one layer, however often it is read. */
  readonly drafted: Map<string, number>;
  apply(layer: KerasLayer, call: KerasCall, place: KerasPlace, inputs: readonly Form[]): readonly Form[];
}

/** One call of one layer. */
export class KerasContext {
  readonly walk: KerasWalk;
  readonly layer: KerasLayer;
  readonly call: KerasCall;
  readonly place: KerasPlace;

  constructor(walk: KerasWalk, layer: KerasLayer, call: KerasCall, place: KerasPlace) {
    this.walk = walk;
    this.layer = layer;
    this.call = call;
    this.place = place;
  }

  get config(): Json {
    return this.layer.config;
  }

  /** The layer as connections call it: with the models around it. */
  get name(): string {
    return this.place.names.join("/");
  }

  /** What the layer's config says, else its call: functions that became layers have their arguments there. */
  said(key: string): unknown {
    return own(this.config, key) ?? own(this.call.constants, key);
  }

  add(operator: Operator): Signal {
    return this.walk.builder.add(operator);
  }

  /** Channels stay what they are; what is said of the form may change. */
  keep(form: Form, change: Partial<Form> = {}): Form {
    return { ...form, ...change, signal: this.add({ op: "keep", input: form.signal }) };
  }

  /** Nothing is known behind this layer, and why. */
  stop(inputs: readonly Form[], reason: string): Form {
    const said = `${this.layer.className} ${JSON.stringify(this.name)}: ${reason}`;
    const signal = this.add({ op: "stop", inputs: inputs.map((each) => each.signal), reason: said });
    return { signal, rank: null, axis: null, width: null, base: signal };
  }

  /** The same number for the same weight, read again. */
  draft(name: string, tensor: TensorInfo, options: DraftOptions): number {
    const known = this.walk.drafted.get(name);
    if (known !== undefined) return known;
    const layer = this.walk.builder.draft(draftLayer(name, tensor, options));
    this.walk.drafted.set(name, layer);
    return layer;
  }

  /** A layer's output channels. */
  width(layer: number): number {
    return this.walk.builder.layers[layer]!.outChannels;
  }

  /** A weight reads a value; the activation that the layer's config names follows. */
  read(layer: number, input: Form, change: Partial<Form>, activation = hasActivation(this.config)): Form {
    const signal = this.add({ op: "layer", layer, input: input.signal });
    const made = { ...input, ...change, width: this.width(layer), signal, base: signal };
    return activation ? this.keep(made) : made;
  }

  /** The layer's weights by role, as Keras orders them. */
  find(...roles: readonly string[]): ReadonlyMap<string, TensorInfo> {
    return this.walk.weights.find(this.place, roles);
  }

  /** The place of a layer within this one, and of its weights. */
  inside(name: string, group: string): KerasPlace {
    return { names: [...this.place.names, name], group: `${this.place.group}/${group}` };
  }
}
