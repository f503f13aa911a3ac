/** From a Keras model's config to its dataflow: every call of every layer, in an order in which inputs come before their users. */

import { show } from "../../../src/model/errors.ts";
import { NetworkBuilder, type OperatorGraph } from "../../../src/model/operators.ts";
import {
  isModel,
  type KerasCall,
  type KerasLayer,
  type KerasModel,
  type KerasReference,
  parseLayer,
  parseModel,
} from "./config.ts";
import { KerasContext, type KerasWalk } from "./context.ts";
import { declaredShape, type Form, isChannelsFirst } from "./form.ts";
import { ruleOf } from "./rules.ts";
import { type KerasPlace, type KerasWeights, OPTIMIZER } from "./weights.ts";

/** A model within a model may be called often, and hold another: the largest published ones make some ten thousand calls. */
const MOST_CALLS = 100_000;

/** Models in models. */
const DEEPEST_MODEL = 32;

const NO_CALL: KerasCall = { inputs: [], constants: {} };

/**
 * The dataflow of a model.
 *
 * @param place what the config is called in messages
 * @param config the parsed `model_config` or `config.json`
 * @returns null where the config describes no layers: a model that is a class of the user's
 * @throws {SyntaxError} when the config is damaged
 */
export function kerasOperators(place: string, config: unknown, weights: KerasWeights): OperatorGraph | null {
  const top = parseLayer(place, config);
  if (!isModel(top.className, top.config)) return null;
  const walk = new Walk(place, weights, JSON.stringify(config).includes('"channels_first"'));
  walk.model(parseModel(place, top.className, top.config), [], "", null);
  return walk.finish();
}

class Walk implements KerasWalk {
  readonly builder: NetworkBuilder = new NetworkBuilder();
  readonly drafted: Map<string, number> = new Map();
  readonly weights: KerasWeights;
  readonly #place: string;
  /** Whether maps that come from outside have their channels on axis 1. */
  readonly #channelsFirst: boolean;
  #calls = 0;
  #depth = 0;

  constructor(place: string, weights: KerasWeights, channelsFirst: boolean) {
    this.#place = place;
    this.weights = weights;
    this.#channelsFirst = channelsFirst;
  }

  finish(): OperatorGraph {
    for (const { info } of this.weights.tensors) {
      if (info.unreadable === OPTIMIZER) this.builder.role(OPTIMIZER, info.name);
    }
    return this.builder.finish("graph");
  }

  /** @param inputs what a model within another reads; null for the outermost */
  model(
    model: KerasModel,
    names: readonly string[],
    group: string,
    inputs: readonly Form[] | null,
  ): readonly Form[] {
    if (++this.#depth > DEEPEST_MODEL) {
      throw new SyntaxError(`${this.#place}: found models nested deeper, required at most ${DEEPEST_MODEL}`);
    }
    const places = placesOf(model, names, group);
    const outputs = model.kind === "chain"
      ? this.#chain(model, places, inputs)
      : this.#graph(model, places, inputs);
    this.#depth--;
    return outputs;
  }

  apply(layer: KerasLayer, call: KerasCall, place: KerasPlace, inputs: readonly Form[]): readonly Form[] {
    if (++this.#calls > MOST_CALLS) {
      throw new SyntaxError(`${this.#place}: found more calls of layers, required at most ${MOST_CALLS}`);
    }
    if (isModel(layer.className, layer.config)) {
      const model = parseModel(`${this.#place}: ${show(layer.name)}`, layer.className, layer.config);
      return this.model(model, place.names, `${place.group}/`, inputs);
    }
    const context = new KerasContext(this, layer, call, place);
    const rule = ruleOf(layer.className, layer.module, layer.config);
    const made = rule === null ? context.stop(inputs, "a class that is not known") : rule(context, inputs);
    const outputs = Array.isArray(made) ? made as readonly Form[] : [made as Form];
    const [last] = outputs.map(({ signal }) => this.builder.operators[signal]);
    const why = last?.op === "stop"
      ? `not taken for a layer: ${last.reason}`
      : `of a layer ${layer.className}`;
    for (const { name } of this.weights.all(place)) {
      if (this.builder.roles.has(name)) continue;
      this.builder.role(last?.op === "stop" ? why : `${name.slice(name.lastIndexOf("/") + 1)} ${why}`, name);
    }
    return outputs;
  }

  #chain(
    { layers }: KerasModel,
    places: readonly KerasPlace[],
    given: readonly Form[] | null,
  ): readonly Form[] {
    let forms = given;
    layers.forEach((layer, index) => {
      if (layer.className === "InputLayer") {
        forms ??= [this.#input(layer)];
        return;
      }
      // Older models say the input's shape in their first layer.
      forms ??= [this.#input(layer)];
      forms = this.apply(layer, layer.calls[0] ?? NO_CALL, places[index]!, forms.slice(0, 1));
    });
    return forms ?? [];
  }

  #input({ config }: KerasLayer): Form {
    const shape = declaredShape(config);
    const rank = shape === null ? null : shape.length;
    const first = isChannelsFirst(config) || this.#channelsFirst;
    // Of a sequence of numbers (for an embedding) the axis counts steps, which nobody reads as channels.
    const axis = rank === null || rank < 2 ? null : rank > 3 && first ? 1 : rank - 1;
    const width = axis === null ? null : shape?.[axis] ?? null;
    const signal = this.builder.add(
      width === null ? { op: "input" } : { op: "input", channels: width },
    );
    return { signal, rank, axis, width, base: signal };
  }

  #graph(
    model: KerasModel,
    places: readonly KerasPlace[],
    given: readonly Form[] | null,
  ): readonly Form[] {
    const made = new Map<string, readonly Form[]>();
    const nodes = nodesOf(model);
    for (const { layer, index, node, call } of nodes.ordered) {
      const key = keyOf(layer.name, node);
      if (layer.className === "InputLayer") {
        const at = model.inputs.findIndex((each) => each.layer === layer.name);
        made.set(key, [given?.[at < 0 ? 0 : at] ?? this.#input(layer)]);
        continue;
      }
      const inputs = call.inputs.map((each) => outputOf(made, nodes.resolve(each), each));
      const [known] = inputs.filter((each) => each !== undefined);
      if (known === undefined) made.set(key, [this.#input(layer)]);
      else {made.set(
          key,
          this.apply(
            layer,
            call,
            places[index]!,
            inputs.filter((each) => each !== undefined),
          ),
        );}
    }
    if (nodes.circular.length > 0) {
      const names = show([...new Set(nodes.circular)].join(", "));
      throw new SyntaxError(
        `${this.#place}: found ${names} reading each other, required a graph without circles`,
      );
    }
    return model.outputs.flatMap((each) => outputOf(made, nodes.resolve(each), each) ?? []);
  }
}

const keyOf = (layer: string, node: number) => `${node}/${layer}`;

function outputOf(
  made: ReadonlyMap<string, readonly Form[]>,
  node: number,
  { layer, output }: KerasReference,
): Form | undefined {
  const forms = made.get(keyOf(layer, node));
  return forms?.[output] ?? forms?.[0];
}

/** Where each layer's weights are: by names, and by Keras 3's groups, which count layers of the same class. */
function placesOf(model: KerasModel, names: readonly string[], group: string): KerasPlace[] {
  const counts = new Map<string, number>();
  return model.layers.map((layer) => {
    const kind = snakeCase(layer.className);
    const count = counts.get(kind) ?? 0;
    counts.set(kind, count + 1);
    return {
      names: [...names, layer.name],
      group: `${group}layers/${kind}${count === 0 ? "" : `_${count}`}`,
    };
  });
}

/** As Keras 3 makes names of classes. */
function snakeCase(className: string): string {
  return className.replaceAll(/\W+/g, "").replaceAll(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replaceAll(/([a-z])([A-Z])/g, "$1_$2").toLowerCase();
}

interface Node {
  readonly layer: KerasLayer;
  readonly index: number;
  readonly node: number;
  readonly call: KerasCall;
}

/** All calls, in an order in which inputs come first (Kahn), and the layers that are in a circle. */
function nodesOf({ layers }: KerasModel): {
  readonly ordered: readonly Node[];
  readonly circular: readonly string[];
  readonly resolve: (reference: KerasReference) => number;
} {
  const calls = new Map(layers.map(({ name, calls }) => [name, calls.length]));
  // Some versions number calls from the model's own on: what lies beyond is the last.
  const resolve = ({ layer, node }: KerasReference) =>
    Math.max(0, Math.min(node, (calls.get(layer) ?? 1) - 1));
  const nodes = layers.flatMap((layer, index) =>
    (layer.calls.length === 0 ? [NO_CALL] : layer.calls).map((call, node): Node => ({
      layer,
      index,
      node,
      call,
    }))
  );
  const users = new Map<string, Node[]>();
  const waiting = new Map<Node, number>();
  for (const each of nodes) {
    const keys = new Set(
      each.call.inputs.filter(({ layer }) => calls.has(layer)).map((input) =>
        keyOf(input.layer, resolve(input))
      ),
    );
    waiting.set(each, keys.size);
    for (const key of keys) {
      const known = users.get(key);
      if (known === undefined) users.set(key, [each]);
      else known.push(each);
    }
  }
  const ordered = nodes.filter((each) => waiting.get(each) === 0);
  for (let next = 0; next < ordered.length; next++) {
    const { layer, node } = ordered[next]!;
    for (const user of users.get(keyOf(layer.name, node)) ?? []) {
      const left = waiting.get(user)! - 1;
      waiting.set(user, left);
      if (left === 0) ordered.push(user);
    }
  }
  const done = new Set(ordered);
  return {
    ordered,
    circular: nodes.filter((each) => !done.has(each)).map(({ layer }) => layer.name),
    resolve,
  };
}
