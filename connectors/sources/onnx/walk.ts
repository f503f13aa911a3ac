/** The walk over an ONNX graph, node by node: from operators on tensors to a network's dataflow. */

import { show } from "../../../src/model/errors.ts";
import type { OperatorGraph } from "../../../src/model/operators.ts";
import { folded } from "./constants.ts";
import { Context, type Handlers, label } from "./context.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { numbersOf, vector } from "./integers.ts";
import { LAYERS } from "./layers.ts";
import { isActivation, MOVEMENTS } from "./movement.ts";
import type { Extent, OnnxFile, OnnxGraph, OnnxNode } from "./proto.ts";
import { RECURRENT } from "./recurrent.ts";
import { REDUCTIONS } from "./reductions.ts";
import { either, SELECTIONS } from "./selection.ts";
import type { TableEntry, TensorTable } from "./table.ts";
import type { OnnxTensor } from "./tensor.ts";
import { type Axis, type Constant, positions, sizeOf, UNKNOWN_CONSTANT, type Value } from "./values.ts";

const HANDLERS: Handlers = new Map([
  ...SELECTIONS,
  ...MOVEMENTS,
  ...REDUCTIONS,
  ...ELEMENTWISE,
  ...RECURRENT,
  ...LAYERS,
]);

/** Operators of other domains that mean what ONNX's own of that name mean, or are handled by name. */
const DOMAINS = new Set(["", "com.microsoft"]);

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
  PRelu: ["input", "slope"],
  DequantizeLinear: ["quantized weight", "scale", "zero point"],
  QuantizeLinear: ["input", "scale", "zero point"],
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
    this.#context = new Context(file.opset, (graph) => this.#graph(graph));
  }

  finish(): OperatorGraph {
    this.#graph(this.#file.graph);
    return this.#context.network.finish("graph");
  }

  /** Walks a graph in a scope of its own. @returns its outputs */
  #graph(graph: OnnxGraph): readonly Value[] {
    const scope: Scope = new Map();
    this.#scopes.push(scope);
    for (const [name, entry] of this.#table.scopes.get(graph) ?? []) scope.set(name, this.#constant(entry));
    for (const [name, shape] of graph.inputs) {
      if (!scope.has(name)) {
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
    const values = this.#step(node, inputs, scope);
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
    if (bodies.length > 0) {
      for (const body of bodies) this.#unwalked(body, `in the body of ${label(node)}, which is not walked`);
      return node.outputs.map((name) =>
        scope.get(name) ?? context.stop(node, inputs, "its body is not walked")
      );
    }
    if (op === "Shape" || op === "Size") return [shapeOf(node, inputs[0])];
    if (/^Random|^Bernoulli$|^Multinomial$/.test(op)) return node.outputs.map(() => context.input(null));
    if (!inputs.some(isActivation) && DOMAINS.has(node.domain)) return folded(node, inputs);
    const handler = DOMAINS.has(node.domain) ? HANDLERS.get(op) : undefined;
    if (handler !== undefined) return handler(context, node, inputs);
    const active = inputs.filter(isActivation);
    if (active.every(({ nature }) => nature === "input") && active.length > 0) {
      return node.outputs.map(() => context.input(null));
    }
    const lost = context.stop(node, inputs, "an operator that is not known to keep channels");
    return node.outputs.map(() => lost);
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

function axesOfInput(context: Context, shape: readonly Extent[]): readonly Axis[] {
  return shape.map((extent, at): Axis => {
    const known = typeof extent === "number" && extent >= 1;
    const size = known ? extent : typeof extent === "string" && extent !== "" ? extent : context.symbol();
    const [factor] = positions(size);
    return factor === undefined ? [] : at === 0 && shape.length > 1 ? [{ ...factor, batch: true }] : [factor];
  });
}

/** A constant of integers in an attribute of its own; a `value` is a tensor of the table. */
function constantOf({ attributes }: OnnxNode): Constant {
  const several = attributes.get("value_ints");
  if (several !== undefined) return vector(several.ints);
  const single = attributes.get("value_int") ?? attributes.get("value_float");
  if (single === undefined) return UNKNOWN_CONSTANT;
  const value = attributes.has("value_int") ? single.i : single.f;
  return { kind: "constant", shape: [], views: [], integers: { shape: [], data: [value] } };
}

function shapeOf({ op, attributes }: OnnxNode, value: Value | null | undefined): Constant {
  const extents = value?.kind === "constant" ? value.shape : value?.axes?.map(sizeOf) ?? null;
  if (extents === null) return { ...UNKNOWN_CONSTANT, shape: op === "Size" ? [] : null };
  if (op === "Shape") return vector(extents.slice(attributes.get("start")?.i ?? 0, attributes.get("end")?.i));
  const count = extents.reduce<number>(
    (product, extent) => typeof extent === "number" ? product * extent : NaN,
    1,
  );
  return {
    kind: "constant",
    shape: [],
    views: [],
    integers: { shape: [], data: [Number.isNaN(count) ? null : count] },
  };
}

/** A value with what the exporter knew of its shape, where the walk does not. */
function shaped(context: Context, value: Value, shape: readonly Extent[] | undefined): Value {
  if (!isActivation(value) || shape === undefined) return value;
  const known = (at: number) => {
    const extent = shape[at];
    return typeof extent === "number" && extent >= 1 ? extent : null;
  };
  if (value.axes === null) {
    const axes = shape.map((_, at): Axis => positions(known(at) ?? context.symbol()));
    return value.nature === "channels" ? value : { ...value, axes };
  }
  if (value.axes.length !== shape.length) return value;
  const axes = value.axes.map((axis, at): Axis => {
    const [factor] = axis;
    const extent = known(at);
    const open = axis.length === 1 && factor!.step === null && typeof factor!.size === "string";
    return open && extent !== null ? (extent === 1 ? [] : [{ ...factor!, size: extent }]) : axis;
  });
  return { ...value, axes };
}
