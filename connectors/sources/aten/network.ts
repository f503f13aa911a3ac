/**
 * A network that is put together from calls of PyTorch's operators, one after another. Each is said in ONNX's operators, whose
 * handlers know what becomes of channels.
 */

import type { OperatorGraph } from "../../../src/model/operators.ts";
import { folded } from "../onnx/constants.ts";
import { Context, label } from "../onnx/context.ts";
import { HANDLERS } from "../onnx/handlers.ts";
import { isActivation } from "../onnx/movement.ts";
import type { Extent, OnnxAttribute, OnnxNode } from "../onnx/proto.ts";
import { axesOfInput, shaped } from "../onnx/shapes.ts";
import { type Activation, type Axis, type Constant, type Value } from "../onnx/values.ts";
import type { TensorInfo } from "../../../src/model/tensor.ts";
import { Arguments, type AtenCall } from "./call.ts";
import { computed } from "./scalars.ts";
import { type AtenValue, isTensor } from "./values.ts";

/** Attributes of an ONNX operator: integers, lists of them, or texts. */
export type Attributes = Readonly<Record<string, number | readonly number[] | string>>;

/** What an operator makes of its arguments. */
export type AtenHandler = (network: AtenNetwork, given: Arguments) => AtenValue;

/** Handlers by operator, without namespace and overload. */
export type AtenHandlers = ReadonlyMap<string, AtenHandler>;

/** What a stored tensor is to an operator, by the name of the argument. */
const ROLES: ReadonlyMap<string, string> = new Map([
  ["weight", "the weight"],
  ["bias", "the bias"],
  ["running_mean", "the mean"],
  ["running_var", "the variance"],
]);

/** The opset whose operators take axes as inputs or as attributes, as it comes. */
const OPSET = 17;

/** A network while it is put together. */
export class AtenNetwork {
  readonly context: Context = new Context(OPSET, () => []);
  readonly #handlers: AtenHandlers;
  #call: AtenCall = {
    namespace: "aten",
    op: "",
    overload: "",
    name: "",
    positional: [],
    named: new Map(),
  };

  constructor(handlers: AtenHandlers) {
    this.#handlers = handlers;
  }

  /** An input of the network. */
  input(shape: readonly Extent[] | null): Activation {
    return this.context.input(shape === null ? null : axesOfInput(this.context, shape));
  }

  /** A stored tensor. @param data its numbers, where they may be a shape or an index */
  stored(info: TensorInfo, data?: readonly number[]): Constant {
    const { shape } = info;
    const axes = shape.map((_, axis) => axis);
    const integers = data === undefined ? null : { shape, data };
    return { kind: "constant", shape, views: [{ tensor: info, axes }], integers };
  }

  /** What an operator makes of its arguments; several results are a list. */
  run(call: AtenCall): AtenValue {
    this.#call = call;
    const { operators, roles } = this.context.network;
    const first = operators.length;
    const node = this.node(call.op, {});
    const given = new Arguments(call, (value, role) => {
      if (value.kind !== "constant") return;
      for (const { tensor } of value.views) {
        const what = ROLES.get(role) ?? "a constant";
        if (!roles.has(tensor.name) || ROLES.has(role)) roles.set(tensor.name, `${what} of ${label(node)}`);
      }
    });
    const result = computed(call) ?? this.#result(given);
    for (let at = first; at < operators.length; at++) {
      operators[at] = { node: label(node), ...operators[at]! };
    }
    return result;
  }

  #result(given: Arguments): AtenValue {
    const { namespace, op } = given.call;
    const known = namespace === "aten" || namespace === "prims";
    const handler = known
      ? this.#handlers.get(op) ?? this.#handlers.get(op.replace(/(?<=[a-z0-9])_$/, ""))
      : undefined;
    if (handler !== undefined) return handler(this, given);
    const active = given.all().filter(isActivation);
    if (active.every(({ nature }) => nature === "input") && active.length > 0) {
      return this.context.input(null);
    }
    for (const value of given.all()) {
      if (value.kind !== "constant") continue;
      const role = `a constant of ${label(this.node("", {}))}, an operator that is not read`;
      this.context.network.role(role, ...value.views.map(({ tensor }) => tensor.name));
    }
    return this.stop(given, "an operator that is not known to keep channels");
  }

  /** Nothing more is known of what an operator makes, and why. */
  stop(given: Arguments, why: string, axes: readonly Axis[] | null = null): Activation {
    return this.context.stop(this.node("", {}), given.all(), why, axes);
  }

  /** The results of an ONNX operator that stands for the present call, or for a part of it. */
  several(
    op: string,
    inputs: readonly (Value | null)[],
    attributes: Attributes = {},
    outputs = 1,
  ): readonly Value[] {
    const node = this.node(op, attributes, outputs);
    if (!inputs.some(isActivation)) return folded(node, inputs);
    const handler = HANDLERS.get(op);
    return handler === undefined
      ? [this.context.stop(node, inputs, "an operator that is not known to keep channels")]
      : handler(this.context, node, inputs);
  }

  /** The result of an ONNX operator that has one. */
  onnx(op: string, inputs: readonly (Value | null)[], attributes: Attributes = {}): Value {
    return this.several(op, inputs, attributes)[0]!;
  }

  /** A node that is named after the present call. */
  node(op: string, attributes: Attributes, outputs = 1): OnnxNode {
    const { namespace, op: written, name } = this.#call;
    return {
      name,
      op,
      writtenAs: `${namespace}.${written}`,
      domain: "",
      overload: "",
      inputs: [],
      outputs: Array.from({ length: outputs }, () => name),
      attributes: new Map(Object.entries(attributes).map(([key, value]) => [key, attribute(value)])),
    };
  }

  /** A value with what a file says of its shape. */
  shaped(value: AtenValue, shape: readonly Extent[]): AtenValue {
    return isTensor(value) ? shaped(this.context, value, shape) : value;
  }

  /** @returns the dataflow, with evidence `graph` */
  finish(): OperatorGraph {
    return this.context.network.finish("graph");
  }
}

function attribute(value: number | readonly number[] | string): OnnxAttribute {
  const number = typeof value === "number" ? value : 0;
  return {
    i: number,
    f: number,
    s: typeof value === "string" ? value : "",
    ints: typeof value === "object" ? value : [],
  };
}
