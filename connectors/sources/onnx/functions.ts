/** Functions local to a model: the nodes that a call stands for, put in its place. */

import { label } from "./context.ts";
import type { OnnxAttribute, OnnxFile, OnnxFunction, OnnxGraph, OnnxNode } from "./proto.ts";

/** Functions within functions: exporters write three or four; recursion never ends. */
const DEEPEST = 16;

/**
 * What calls may amount to: so much for each node, so much for each of its attributes and each value of its bodies, and one for each
 * letter of their names. Functions that call twice double every time.
 */
const LARGEST = 2 ** 24;
const NODE_SIZE = 64;
const ENTRY_SIZE = 16;

/**
 * A file without calls of its own functions. Values within a call get its name in front of theirs.
 *
 * @throws {SyntaxError} where functions call each other too deeply, or stand for too many nodes
 */
export function inlined(path: string, file: OnnxFile): OnnxFile {
  if (file.functions.length === 0) return file;
  return { ...file, functions: [], graph: new Inliner(path, file).graph(file.graph, plain, 0) };
}

/** How names and attributes of a body read where it is called. */
interface Call {
  readonly name: (name: string) => string;
  readonly attribute: (attribute: OnnxAttribute) => OnnxAttribute | undefined;
  readonly node: (name: string) => string;
}

const plain: Call = { name: (name) => name, attribute: (attribute) => attribute, node: (name) => name };

const keyOf = (domain: string, name: string, overload: string) => JSON.stringify([domain, name, overload]);

/** What an attribute of a call amounts to; the nodes of a body count by themselves. */
function sizeOf(key: string, body: OnnxGraph | undefined): number {
  if (body === undefined) return ENTRY_SIZE + key.length;
  const names = [
    ...body.inputs.keys(),
    ...body.outputs,
    ...body.shapes.keys(),
    ...body.initializers.map(({ name }) => name),
  ];
  return names.reduce((sum, { length }) => sum + ENTRY_SIZE + length, ENTRY_SIZE + key.length);
}

class Inliner {
  readonly #path: string;
  readonly #functions = new Map<string, OnnxFunction>();
  readonly #names: Set<string>;
  /** By name, the number that is tried next where the name is taken. */
  readonly #next = new Map<string, number>();
  #size = 0;

  constructor(path: string, { functions, graph }: OnnxFile) {
    this.#path = path;
    for (const each of functions) this.#functions.set(keyOf(each.domain, each.name, each.overload), each);
    this.#names = new Set([
      ...graph.inputs.keys(),
      ...graph.initializers.map(({ name }) => name),
      ...graph.nodes.flatMap(({ outputs }) => outputs),
    ]);
  }

  /** A graph, or a body of one, as it reads where it is called. */
  graph(graph: OnnxGraph, call: Call, depth: number): OnnxGraph {
    const renamed = <T>(values: ReadonlyMap<string, T>) =>
      new Map([...values].map(([name, value]) => [call.name(name), value] as const));
    return {
      nodes: graph.nodes.flatMap((node) => this.#node(node, call, depth)),
      initializers: call === plain
        ? graph.initializers
        : graph.initializers.map((each) => ({ ...each, name: call.name(each.name) })),
      inputs: renamed(graph.inputs),
      outputs: graph.outputs.map(call.name),
      shapes: renamed(graph.shapes),
    };
  }

  #node(node: OnnxNode, call: Call, depth: number): readonly OnnxNode[] {
    const attributes = new Map<string, OnnxAttribute>();
    for (const [key, each] of node.attributes) {
      const value = call.attribute(each);
      if (value === undefined) continue;
      if (depth > 0) this.#grow(node, sizeOf(key, value.graph));
      const graph = value.graph === undefined
        ? {}
        // What a call gives as a body has its names already.
        : { graph: this.graph(value.graph, value === each ? call : plain, depth) };
      attributes.set(key, { ...value, ...graph });
    }
    const own: OnnxNode = {
      ...node,
      name: call.node(node.name),
      inputs: node.inputs.map(call.name),
      outputs: node.outputs.map(call.name),
      attributes,
    };
    if (depth > 0) {
      this.#grow(
        node,
        [own.name, ...own.inputs, ...own.outputs].reduce((sum, { length }) => sum + length, NODE_SIZE),
      );
    }
    const called = this.#functions.get(keyOf(node.domain, node.op, node.overload));
    if (called === undefined) return [own];
    if (depth === DEEPEST) {
      throw this.#error(node, `functions ${depth + 1} deep`, `at most ${DEEPEST}`);
    }
    return this.#called(own, called, depth + 1);
  }

  #called(node: OnnxNode, { inputs, outputs, nodes, defaults }: OnnxFunction, depth: number): OnnxNode[] {
    const prefix = node.name || node.outputs.find((each) => each !== "") || node.op;
    const names = new Map<string, string>([["", ""]]);
    const passed: OnnxNode[] = [];
    inputs.forEach((name, at) => names.set(name, node.inputs[at] ?? ""));
    outputs.forEach((name, at) => {
      const output = node.outputs[at] ?? "";
      if (output === "") return;
      const known = names.get(name);
      if (known === undefined) names.set(name, output);
      else {
        const identity = { op: "Identity", domain: "", overload: "", attributes: new Map() };
        passed.push({ ...identity, name: `${prefix}/${name}`, inputs: [known], outputs: [output] });
      }
    });
    const call: Call = {
      name: (name) => {
        const known = names.get(name) ?? this.#unused(`${prefix}/${name}`);
        names.set(name, known);
        return known;
      },
      attribute: (attribute) =>
        attribute.refers === undefined
          ? attribute
          : node.attributes.get(attribute.refers) ?? defaults.get(attribute.refers),
      node: (name) => name === "" ? "" : `${prefix}/${name}`,
    };
    return [...nodes.flatMap((each) => this.#node(each, call, depth)), ...passed];
  }

  #unused(name: string): string {
    let unused = name;
    let n = this.#next.get(name) ?? 2;
    while (this.#names.has(unused)) unused = `${name}#${n++}`;
    if (n > 2) this.#next.set(name, n);
    this.#names.add(unused);
    return unused;
  }

  #grow(node: OnnxNode, size: number): void {
    this.#size += size;
    if (this.#size > LARGEST) {
      throw this.#error(
        node,
        "functions that stand for more nodes than that",
        `at most ${LARGEST / NODE_SIZE}`,
      );
    }
  }

  #error(node: OnnxNode, found: string, required: string): SyntaxError {
    return new SyntaxError(`${this.#path}: node ${label(node)}: found ${found}, required ${required}`);
  }
}
