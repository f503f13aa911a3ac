/** The walk over an exported program: from its calls of PyTorch's operators to a network's dataflow. */

import { show } from "../../../src/model/errors.ts";
import type { OperatorGraph } from "../../../src/model/operators.ts";
import type { TensorInfo } from "../../../src/model/tensor.ts";
import { AtenNetwork } from "../aten/network.ts";
import { OPERATORS } from "../aten/operators.ts";
import { type AtenValue, isList, listOf } from "../aten/values.ts";
import type { Program, ProgramArgument, ProgramGraph, ProgramNode } from "./program.ts";

/**
 * Walks a program.
 *
 * @param what the file, for messages
 * @param tensors by their full names
 * @returns the dataflow, with evidence `graph`
 * @throws {SyntaxError} when a node reads what no node before it makes
 * @throws {RangeError} when the dataflow grows too large
 */
export function walkProgram(
  what: string,
  program: Program,
  tensors: ReadonlyMap<string, TensorInfo>,
): OperatorGraph {
  const network = new AtenNetwork(OPERATORS);
  const scope = new Map<string, AtenValue>();
  for (const input of program.graph.inputs) {
    if (input.kind !== "name") continue;
    const full = program.tensors.get(input.name);
    const info = full === undefined ? undefined : tensors.get(full);
    const shape = program.graph.shapes.get(input.name) ?? null;
    if (info !== undefined) scope.set(input.name, network.stored(info));
    else if (full === undefined) scope.set(input.name, network.input(shape));
    else {
      throw new SyntaxError(
        `${what}: graph, input ${show(input.name)}: found no tensor ${
          show(full)
        }, required one in the archive`,
      );
    }
  }
  new Walk(what, network, scope).graph(program.graph);
  return network.finish();
}

class Walk {
  readonly #what: string;
  readonly #network: AtenNetwork;
  readonly #scope: Map<string, AtenValue>;

  constructor(what: string, network: AtenNetwork, scope: Map<string, AtenValue>) {
    this.#what = what;
    this.#network = network;
    this.#scope = scope;
  }

  /** @returns the graph's outputs */
  graph({ nodes, outputs, shapes }: ProgramGraph): readonly AtenValue[] {
    for (const node of nodes) this.#node(node, shapes);
    return outputs.map((each) => this.#value(each, "outputs"));
  }

  #node(node: ProgramNode, shapes: ProgramGraph["shapes"]): void {
    const results = this.#results(node);
    const set = (name: string, value: AtenValue) => {
      const shape = shapes.get(name);
      this.#scope.set(name, shape === undefined ? value : this.#network.shaped(value, shape));
    };
    node.outputs.forEach((made, at) => {
      // One output that is a list takes the whole result, several outputs take it apart.
      const value = node.outputs.length === 1 && typeof made === "object" ? results : resultAt(results, at);
      if (made === null) return;
      if (typeof made === "string") set(made, value);
      else made.forEach((name, i) => set(name, resultAt(value, i)));
    });
  }

  #results(node: ProgramNode): AtenValue {
    const body = [...node.inputs.values()].find((each) => each.kind === "graph");
    if (body !== undefined && /higher_order\.(wrap_\w+|invoke_subgraph)$/.test(node.target)) {
      const results = this.#block(node, body.graph);
      if (results !== null) return results;
    }
    const named = new Map<string, AtenValue>();
    const called = node.outputs.flat().find((each) => each !== null && each !== "") ?? "";
    for (const [key, each] of node.inputs) {
      if (each.kind !== "graph") named.set(key, this.#value(each, `${node.target} ${show(called)}`));
    }
    try {
      return this.#network.run({ ...targetOf(node.target), name: called, positional: [], named });
    } catch (cause) {
      throw cause instanceof RangeError
        ? new RangeError(`${this.#what}: graph, ${cause.message}`, { cause })
        : cause;
    }
  }

  /** A block that runs once, under other settings: its operators are the network's. Null where it is given other inputs than it has. */
  #block(node: ProgramNode, graph: ProgramGraph): AtenValue {
    const all = [...node.inputs.values()];
    // A graph that is invoked has an identifier in front of what it is given.
    const before = /invoke_subgraph$/.test(node.target) ? 2 : 1;
    const given = all.slice(all.findIndex((each) => each.kind === "graph") + before).flatMap((each) =>
      each.kind === "list" ? each.items : [each]
    );
    if (given.length !== graph.inputs.length) return null;
    const scope = new Map<string, AtenValue>();
    graph.inputs.forEach((input, at) => {
      const value = given[at];
      if (input.kind === "name" && value !== undefined) {
        scope.set(input.name, this.#value(value, node.target));
      }
    });
    return listOf(new Walk(this.#what, this.#network, scope).graph(graph));
  }

  #value(argument: ProgramArgument, reader: string): AtenValue {
    if (argument.kind === "plain") return argument.value;
    if (argument.kind === "list") return listOf(argument.items.map((each) => this.#value(each, reader)));
    if (argument.kind === "graph") return null;
    const value = this.#scope.get(argument.name);
    if (value !== undefined) return value;
    throw new SyntaxError(
      `${this.#what}: graph, ${reader}: found ${
        show(argument.name)
      }, which no node before it makes, required nodes in order, without cycles`,
    );
  }
}

/** One of several results; a call of which nothing is known gives the same for each. */
function resultAt(value: AtenValue, at: number): AtenValue {
  return isList(value) ? value.items[at] ?? null : value;
}

/** `torch.ops.aten.conv2d.default`, or a function of Python's: `_operator.mul`. */
function targetOf(
  target: string,
): { readonly namespace: string; readonly op: string; readonly overload: string } {
  const [, namespace, op, overload = ""] = /^torch\.ops\.(\w+)\.(\w+)(?:\.(\w+))?$/.exec(target) ?? [];
  if (namespace !== undefined && op !== undefined) return { namespace, op, overload };
  const builtin = /^(?:_operator|math|torch)\.(\w+)$/.exec(target)?.[1];
  return builtin === undefined
    ? { namespace: "operator", op: target, overload: "" }
    : { namespace: "aten", op: builtin, overload: "" };
}
