/**
 * The config of a Keras model, as JSON: what its layers are and what each call of them reads. Keras 1 and 2 write calls as
 * `[name, node, tensor]` lists, Keras 3 as trees of arguments; both become the same thing here.
 */

import { show } from "../../../src/model/errors.ts";

/** Which output of which call of which layer. */
export interface KerasReference {
  readonly layer: string;
  readonly node: number;
  readonly output: number;
}

/** An object of untrusted JSON. */
export type Json = Readonly<Record<string, unknown>>;

/** One layer. */
export interface KerasLayer {
  readonly className: string;
  readonly name: string;
  readonly config: Json;
  /** Where the class comes from: `keras.src.ops.numpy`, say. */
  readonly module: string;
  readonly buildConfig: Json;
  /** Its calls, in order. */
  readonly calls: readonly KerasCall[];
}

/** One call of a layer. */
export interface KerasCall {
  /** What it reads, keyword arguments last. */
  readonly inputs: readonly KerasReference[];
  /** Keyword arguments that are numbers, texts or lists of numbers: an axis, say. */
  readonly constants: Json;
}

/** A model: a graph of layers, or a chain of them. */
export interface KerasModel {
  readonly kind: "graph" | "chain";
  readonly layers: readonly KerasLayer[];
  readonly inputs: readonly KerasReference[];
  readonly outputs: readonly KerasReference[];
}

/** The largest published models have a few thousand layers. */
const MOST_LAYERS = 100_000;

/** Arguments are lists of tensors, rarely lists of lists. */
const DEEPEST_ARGUMENT = 16;

/** Whether a value is an object. */
export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An own property: `__proto__` and `constructor` of a file are nothing else. */
export function own(value: Json, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

/** An own property that is an object; else an empty one. */
export function part(value: Json, key: string): Json {
  const found = own(value, key);
  return isObject(found) ? found : {};
}

/** Whether this is the config of a model that has layers of its own. */
export function isModel(className: string, config: unknown): boolean {
  const layers = Array.isArray(config) ? config : isObject(config) ? own(config, "layers") : undefined;
  return Array.isArray(layers) && /^(Sequential|Functional|Model|[A-Z]\w*Model|[A-Z]\w*)$/.test(className) &&
    layers.every((layer) => isObject(layer) && typeof own(layer, "class_name") === "string");
}

/**
 * Reads a model's config.
 *
 * @param className its class: `Sequential` is a chain, whatever else has layers is a graph
 * @throws {SyntaxError} when it has no layers, or they are not described as Keras does
 */
export function parseModel(place: string, className: string, config: unknown): KerasModel {
  const described = Array.isArray(config) ? config : isObject(config) ? own(config, "layers") : undefined;
  if (!Array.isArray(described) || described.length > MOST_LAYERS) {
    throw new SyntaxError(
      `${place}: layers: found ${show(described)}, required at most ${MOST_LAYERS} of them`,
    );
  }
  const fields = isObject(config) ? config : {};
  const layers = described.map((each: unknown, index) => parseLayer(`${place}: layer ${index}`, each));
  const graph = className !== "Sequential" && own(fields, "output_layers") !== undefined;
  return {
    kind: graph ? "graph" : "chain",
    layers,
    inputs: references(own(fields, "input_layers")),
    outputs: references(own(fields, "output_layers")),
  };
}

/** One layer's entry. @throws {SyntaxError} when it is none */
export function parseLayer(place: string, value: unknown): KerasLayer {
  const className = isObject(value) ? own(value, "class_name") : undefined;
  if (!isObject(value) || typeof className !== "string") {
    throw new SyntaxError(`${place}: found ${show(value)}, required an object with a class_name`);
  }
  const config = own(value, "config");
  const name = own(value, "name") ?? (isObject(config) ? own(config, "name") : undefined);
  const nodes = own(value, "inbound_nodes");
  const module = own(value, "module");
  return {
    // Keras registers classes of users under `package>name`.
    className: className.slice(className.lastIndexOf(">") + 1),
    name: typeof name === "string" ? name : "",
    module: typeof module === "string" ? module : "",
    config: isObject(config) ? config : Array.isArray(config) ? { layers: config } : {},
    buildConfig: part(value, "build_config"),
    calls: Array.isArray(nodes) ? nodes.map(parseCall) : [],
  };
}

function parseCall(node: unknown): KerasCall {
  const inputs: KerasReference[] = [];
  const constants: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  if (isObject(node)) {
    collect(own(node, "args"), inputs, 0);
    for (const [key, value] of Object.entries(part(node, "kwargs"))) {
      collect(value, inputs, 0);
      if (isPlain(value)) constants[key] = value;
    }
  } else if (Array.isArray(node)) {
    // One input may stand without a list around it.
    const list: readonly unknown[] = typeof node[0] === "string" ? [node] : node;
    for (const each of list) {
      collect(each, inputs, 0);
      const keywords = Array.isArray(each) && isObject(each[3]) ? each[3] : {};
      for (const [key, value] of Object.entries(keywords)) {
        collect(value, inputs, 0);
        if (isPlain(value) && referenceOf(value) === null) constants[key] = value;
      }
    }
  }
  return { inputs, constants };
}

/** Numbers, texts, and lists of numbers. */
function isPlain(value: unknown): boolean {
  return typeof value === "number" || typeof value === "string" ||
    Array.isArray(value) && value.every((each) => typeof each === "number" || each === null);
}

/** All references in a tree of arguments, in order. */
function collect(value: unknown, found: KerasReference[], depth: number): void {
  if (depth > DEEPEST_ARGUMENT) return;
  const reference = referenceOf(value);
  if (reference !== null) found.push(reference);
  else if (Array.isArray(value)) { for (const each of value) collect(each, found, depth + 1); }
  else if (isObject(value)) {
    const history = own(part(value, "config"), "keras_history");
    const made = own(value, "class_name") === "__keras_tensor__" ? referenceOf(history) : null;
    if (made !== null) found.push(made);
    else for (const each of Object.values(value)) collect(each, found, depth + 1);
  }
}

function referenceOf(value: unknown): KerasReference | null {
  if (!Array.isArray(value) || value.length < 3) return null;
  const [layer, node, output] = value as readonly unknown[];
  return typeof layer === "string" && isIndex(node) && isIndex(output) ? { layer, node, output } : null;
}

function isIndex(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function references(value: unknown): KerasReference[] {
  const found: KerasReference[] = [];
  collect(value, found, 0);
  return found;
}
