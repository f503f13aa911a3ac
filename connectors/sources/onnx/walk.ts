/** The walk over an ONNX graph, node by node: from operators on tensors to a network's dataflow. */

import { show } from "../../../src/model/errors.ts";
import type { OperatorGraph } from "../../../src/model/operators.ts";
import { repeatedBody } from "./bodies.ts";
import { folded } from "./constants.ts";
import { Context, label } from "./context.ts";
import { HANDLERS } from "./handlers.ts";
import { numbersOf } from "./integers.ts";
import { isActivation } from "./movement.ts";
import type { OnnxFile, OnnxGraph, OnnxNode } from "./proto.ts";
import { either } from "./selection.ts";
import { type RealOperator, realOperator } from "./quantized-operators.ts";
import { axesOfInput, constantOf, shaped, shapeOf, turnedMatrix } from "./shapes.ts";
import type { TableEntry, TensorTable } from "./table.ts";
import type { OnnxTensor } from "./tensor.ts";
import { type Constant, UNKNOWN_CONSTANT, type Value } from "./values.ts";

/** Operators of other domains that mean what ONNX's own of that name mean, or are handled by name. */
const DOMAINS = new Set(["", "com.microsoft"]);

const QUANTIZED = ["input", "scale", "zero point", "quantized weight", "scale", "zero point"];

/** What constant inputs are, by operator: their names in ONNX's specification. */
const INPUTS: Readonly<Record<string, readonly string[]>> = {
  Conv: ["input", "weight", "bias"],
  ConvTranspose: ["input", "weight", "bias"],
  Gemm: ["matrix", "matrix", "bias"],
  BatchNormalization: ["input", "scale", "shift", "mean", "variance"],
  LayerNormalization: ["input", "scale", "shift"],
  InstanceNormalization: ["input", "scale", "shift"],
  GroupNormalization: ["input", "scale", "shift"],
  LSTM: [
    "input",
    "input weight",
    "hidden weight",
    "bias",
    "lengths",
    "initial state",
    "initial memory",
    "peepholes",
  ],
  GRU: ["input", "input weight", "hidden weight", "bias", "lengths", "initial state"],
  RNN: ["input", "input weight", "hidden weight", "bias", "lengths", "initial state"],
  DynamicQuantizeLSTM: [
    "input",
    "quantized weight",
    "quantized weight",
    "bias",
    "lengths",
    "initial state",
    "initial memory",
    "peepholes",
    "scale",
    "zero point",
    "scale",
    "zero point",
  ],
  PRelu: ["input", "slope"],
  DequantizeLinear: ["quantized weight", "scale", "zero point"],
  QuantizeLinear: ["input", "scale", "zero point"],
  QLinearConv: [...QUANTIZED, "scale", "zero point", "bias"],
  QLinearMatMul: [...QUANTIZED, "scale", "zero point"],
  ConvInteger: ["input", "quantized weight", "zero point", "zero point"],
  MatMulInteger: ["input", "quantized weight", "zero point", "zero point"],
  MatMulNBits: ["input", "quantized weight", "scale", "zero point", "order of the blocks", "bias"],
};

/**
 * Walks a graph.
 *
 * @param indices the numbers of small constants that shapes are computed from
 * @returns the dataflow, with evidence `graph`
 * @throws {SyntaxError} when a node reads what no node before it makes: a cycle, or nodes out of order
 */
export function walk(
  path: string,
  file: OnnxFile,
  table: TensorTable,
  indices: ReadonlyMap<OnnxTensor, readonly number[]>,
): OperatorGraph {
  return new Walker(path, file, table, indices).finish();
}

type Scope = Map<string, Value>;

class Walker {
  readonly #path: string;
  readonly #file: OnnxFile;
  readonly #table: TensorTable;
  readonly #indices: ReadonlyMap<OnnxTensor, readonly number[]>;
  readonly #context: Context;
  readonly #scopes: Scope[] = [];

  constructor(
    path: string,
    file: OnnxFile,
    table: TensorTable,
    indices: ReadonlyMap<OnnxTensor, readonly number[]>,
  ) {
    this.#path = path;
    this.#file = file;
    this.#table = table;
    this.#indices = indices;
    this.#context = new Context(file.opset, (graph, inputs) => this.#graph(graph, inputs));
  }

  finish(): OperatorGraph {
    this.#graph(this.#file.graph);
    return this.#context.network.finish("graph");
  }

  /** Walks a graph in a scope of its own; its first inputs are given. @returns its outputs */
  #graph(graph: OnnxGraph, given: readonly Value[] = []): readonly Value[] {
    const scope: Scope = new Map();
    this.#scopes.push(scope);
    for (const [name, entry] of this.#table.scopes.get(graph) ?? []) scope.set(name, this.#constant(entry));
    for (const [at, [name, shape]] of [...graph.inputs].entries()) {
      const value = given[at];
      if (value !== undefined) scope.set(name, shaped(this.#context, value, shape ?? undefined));
      else if (!scope.has(name)) {
        scope.set(name, this.#context.input(shape === null ? null : axesOfInput(this.#context, shape)));
      }
    }
    for (const node of graph.nodes) this.#node(graph, node, scope);
    const outputs = graph.outputs.map((name) => this.#find(name) ?? UNKNOWN_CONSTANT);
    this.#scopes.pop();
    return outputs;
  }

  #find(name: string): Value | undefined {
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const value = this.#scopes[i]!.get(name);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  #constant(entry: TableEntry): Constant {
    const { info } = entry;
    const data = entry.kind === "stored" ? this.#indices.get(entry.tensor) : undefined;
    return {
      kind: "constant",
      shape: info.shape,
      views: [{ tensor: info, axes: info.shape.map((_, axis) => axis) }],
      integers: data === undefined ? null : { shape: info.shape, data },
    };
  }

  #node(graph: OnnxGraph, node: OnnxNode, scope: Scope): void {
    const inputs = node.inputs.map((name) => name === "" ? null : this.#input(node, name));
    inputs.forEach((value, at) => this.#noteRole(node, value, at));
    const { operators } = this.#context.network;
    const first = operators.length;
    const values = this.#step(node, inputs, scope);
    for (let at = first; at < operators.length; at++) {
      operators[at] = { node: label(node), ...operators[at]! };
    }
    node.outputs.forEach((name, at) => {
      if (name === "" || scope.has(name) && (node.op === "Constant" || node.op === "DequantizeLinear")) {
        return;
      }
      scope.set(
        name,
        shaped(
          this.#context,
          values[at] ?? this.#context.stop(node, inputs, "an output that is not known"),
          graph.shapes.get(name),
        ),
      );
    });
  }

  #input(node: OnnxNode, name: string): Value {
    const value = this.#find(name);
    if (value !== undefined) return value;
    throw new SyntaxError(
      `${this.#path}: node ${label(node)}: found input ${show(name)}, which no node before it makes, ` +
        `required nodes in order, without cycles`,
    );
  }

  #noteRole(node: OnnxNode, value: Value | null, at: number): void {
    if (value?.kind !== "constant") return;
    const { roles } = this.#context.network;
    const what = INPUTS[node.op]?.[at];
    for (const { tensor } of value.views) {
      if (roles.has(tensor.name) && what === undefined) continue;
      const index = value.integers !== null && /^[IU]\d/.test(tensor.dtype);
      const role = what ??
        (index
          ? "shape, axes or indices"
          : node.op === "Add" && tensor.shape.length > 0
          ? "bias"
          : `constant ${at}`);
      roles.set(tensor.name, `the ${role} of ${label(node)}`);
    }
  }

  #step(node: OnnxNode, inputs: readonly (Value | null)[], scope: Scope): readonly Value[] {
    const { op } = node;
    const context = this.#context;
    if (op === "Constant") return [constantOf(node)];
    if (op === "If" && DOMAINS.has(node.domain)) return this.#branches(node, inputs);
    const bodies = [...node.attributes.values()].flatMap(({ graph }) => graph ?? []);
    const repeated = DOMAINS.has(node.domain) ? repeatedBody(context, node, inputs) : null;
    if (repeated !== null) return repeated;
    if (bodies.length > 0) {
      for (const body of bodies) this.#unwalked(body, `in the body of ${label(node)}, which is not walked`);
      return node.outputs.map((name) =>
        scope.get(name) ?? context.stop(node, inputs, "its body is not walked")
      );
    }
    if (op === "Shape" || op === "Size") return [shapeOf(node, inputs[0])];
    if (/^Random|^Bernoulli$|^Multinomial$/.test(op)) return node.outputs.map(() => context.input(null));
    if (!inputs.some(isActivation) && DOMAINS.has(node.domain)) return folded(node, inputs);
    const real = DOMAINS.has(node.domain) ? realOperator(node) : null;
    const handler = DOMAINS.has(node.domain) ? HANDLERS.get(real?.op ?? op) : undefined;
    if (real !== null && handler !== undefined) {
      const read = { ...node, op: real.op, writtenAs: op };
      return handler(context, read, this.#realInputs(node, real, inputs));
    }
    if (handler !== undefined) return handler(context, node, inputs);
    const unread = inputs.flatMap((each) => each?.kind === "constant" ? each.views : []);
    const role = `a constant of ${label(node)}, an operator that is not read`;
    context.network.role(role, ...unread.map(({ tensor }) => tensor.name));
    const active = inputs.filter(isActivation);
    if (active.every(({ nature }) => nature === "input") && active.length > 0) {
      return node.outputs.map(() => context.input(null));
    }
    const lost = context.stop(node, inputs, "an operator that is not known to keep channels");
    return node.outputs.map(() => lost);
  }

  /** What an operator on real numbers would read: of stored integers, only what they mean. */
  #realInputs(
    node: OnnxNode,
    { inputs: places, turned = false }: RealOperator,
    inputs: readonly (Value | null)[],
  ): readonly (Value | null)[] {
    return places.map((at) => {
      const value = inputs[at] ?? null;
      if (value?.kind !== "constant") return value;
      const weight = this.#table.weights.get(node)?.get(at);
      if (weight === undefined) return { ...value, views: [], integers: null };
      const role = `the quantized weight of ${label(node)}`;
      this.#context.network.role(role, ...value.views.map(({ tensor }) => tensor.name));
      const made = this.#constant(weight);
      return turned ? turnedMatrix(made) : made;
    });
  }

  /** The branch that is taken, where that is known; else both, which must agree on the channels. */
  #branches(node: OnnxNode, inputs: readonly (Value | null)[]): readonly Value[] {
    const [condition] = numbersOf(inputs[0]) ?? [];
    const branches = ["then_branch", "else_branch"].flatMap((key) => node.attributes.get(key)?.graph ?? []);
    if (condition !== undefined && branches.length === 2) {
      this.#unwalked(
        branches[condition === 0 ? 0 : 1]!,
        `in the branch of ${label(node)} that is never taken`,
      );
    }
    const walked = condition === undefined || branches.length !== 2
      ? branches
      : [branches[condition === 0 ? 1 : 0]!];
    const results = walked.map((branch) => this.#graph(branch));
    return node.outputs.map((_, at) => {
      const values = results.flatMap((each) => each[at] ?? []);
      const [first] = values;
      if (first === undefined) return this.#context.stop(node, inputs, "a branch without this output");
      const active = values.filter(isActivation);
      if (active.length === 0) return values.length === 1 ? first : UNKNOWN_CONSTANT;
      // The same signal on both ways: what differs is its shape, of which the first is as good as the other.
      if (active.every(({ signal }) => signal === active[0]!.signal)) return active[0]!;
      return either(this.#context, active, active[0]!.axes);
    });
  }

  #unwalked(graph: OnnxGraph, role: string): void {
    for (const { info } of this.#table.scopes.get(graph)?.values() ?? []) {
      this.#context.network.role(role, info.name);
    }
    for (const { attributes } of graph.nodes) {
      for (const { graph: inner } of attributes.values()) {
        if (inner !== undefined) this.#unwalked(inner, role);
      }
    }
  }
}
