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
import { type Activation, type Constant, UNKNOWN_CONSTANT, type Value } from "../onnx/values.ts";
import type { TensorInfo } from "../../../src/model/tensor.ts";
import { Aliases, isInPlace, isView } from "./aliases.ts";
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

/** Of a dataflow: networks of a thousand layers have some ten thousand. */
const MOST_OPERATORS = 2 ** 20;

/** A network while it is put together. */
export class AtenNetwork {
  readonly context: Context = new Context(OPSET, () => []);
  readonly #handlers: AtenHandlers;
  readonly #aliases = new Aliases();
  readonly #stored = new Map<string, Constant>();
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
    const known = this.#stored.get(info.name);
    if (known !== undefined) return known;
    const { shape } = info;
    const axes = shape.map((_, axis) => axis);
    const integers = data === undefined ? null : { shape, data };
    const made: Constant = { kind: "constant", shape, views: [{ tensor: info, axes }], integers };
    this.#stored.set(info.name, made);
    return made;
  }

  /**
   * What an operator makes of its arguments; several results are a list.
   *
   * @throws {RangeError} when the dataflow grows too large; names the operator
   */
  run(said: AtenCall): AtenValue {
    const now = (value: AtenValue) => this.#aliases.now(value);
    const named = new Map(Array.from(said.named, ([name, each]) => [name, now(each)]));
    const call = { ...said, positional: said.positional.map(now), named };
    this.#call = call;
    const { operators, roles } = this.context.network;
    const first = operators.length;
    const node = this.node(call.op, {});
    if (first > MOST_OPERATORS) {
      throw new RangeError(
        `${label(node)}: found over ${MOST_OPERATORS} operators before it, required at most so many`,
      );
    }
    const given = new Arguments(call, (value, role) => {
      if (value.kind !== "constant") return;
      for (const { tensor } of value.views) {
        const what = ROLES.get(role) ?? "a constant";
        if (!roles.has(tensor.name) || ROLES.has(role)) roles.set(tensor.name, `${what} of ${label(node)}`);
      }
    });
    const result = this.#kept(said, given, computed(call) ?? this.#result(given));
    for (let at = first; at < operators.length; at++) {
      operators[at] = { node: label(node), ...operators[at]! };
    }
    return result;
  }

  /** A result as a value of its own; where the call writes to a tensor, whoever reads that afterwards reads the result. */
  #kept(said: AtenCall, given: Arguments, result: AtenValue): AtenValue {
    const { op, positional, named } = said;
    const [first] = [...positional, ...named.values()];
    const target = named.get("out") ?? (isInPlace(op) ? first : undefined);
    if (!isTensor(target) || !isTensor(result)) return this.#aliases.results(op, result, first);
    const before = this.#aliases.now(target);
    if (result === before) return target;
    return this.#aliases.written(
      target,
      result,
      (value) => isView(op) ? value : this.#beside(given, before, value),
    );
  }

  /** What becomes of a tensor that shares numbers with one that the present call writes to. */
  #beside(given: Arguments, target: AtenValue, value: Value): Value {
    const others = given.all().filter(isActivation).filter(({ nature }) => nature !== "input");
    if (this.#handler(given.call) !== undefined && others.every((each) => each === target)) {
      return isActivation(value) ? this.context.keep(value) : { ...value, integers: null };
    }
    const active = isActivation(value) ? [value, ...others] : others;
    if (active.some(({ nature }) => nature !== "input")) {
      return this.context.stop(this.node("", {}), active, "a part of it is written to");
    }
    return isActivation(value) || given.all().some(isActivation)
      ? this.context.input(null)
      : { ...UNKNOWN_CONSTANT, shape: value.shape };
  }

  #handler({ namespace, op }: AtenCall): AtenHandler | undefined {
    const known = namespace === "aten" || namespace === "prims";
    return known
      ? this.#handlers.get(op) ?? this.#handlers.get(op.replace(/(?<=[a-z0-9])_$/, ""))
      : undefined;
  }

  #result(given: Arguments): AtenValue {
    const handler = this.#handler(given.call);
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
  stop(given: Arguments, why: string): Activation {
    return this.context.stop(this.node("", {}), given.all(), why);
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
    if (!isTensor(value)) return value;
    const made = shaped(this.context, value, shape);
    if (made !== value) this.#aliases.share(made, value, true);
    return made;
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
