/**
 * TorchScript's code, followed on values of which only shapes and origins are known. Operators on tensors put the network
 * together; branches are taken where their conditions are constants. No file's code is run: there is no way from here to anything
 * but the network that is being put together.
 */

import { messageOf, show } from "../../../src/model/errors.ts";
import type { AtenNetwork } from "../aten/network.ts";
import { type AtenValue, isList, knownOf, listOf, scalar } from "../aten/values.ts";
import { UNKNOWN_CONSTANT } from "../onnx/values.ts";
import { isKind, type PickleValue } from "../pytorch/pickle-values.ts";
import { listFunction } from "./lists.ts";
import { type Block, type Expression, raises, type ScriptFunction, type Statement } from "./syntax.ts";
import {
  atenOf,
  isAten,
  isModule,
  named,
  partOf,
  type ScriptName,
  type ScriptObject,
  type ScriptSurroundings,
  type ScriptValue,
} from "./values.ts";

/** The code cannot be followed, and why. */
export class ScriptError extends Error {}

/** Statements, and passes of loops, of all calls together: a network of a thousand layers takes ten thousand. */
const MOST_STEPS = 2 ** 18;

/** Expressions, and items of lists, of all calls together. */
const MOST_ITEMS = MOST_STEPS * 8;

/** Modules within modules, and functions that call functions. */
const DEEPEST = 64;

/** Of a record's attributes and of lists within lists. */
const DEEPEST_ATTRIBUTE = 8;

type Scope = Map<string, ScriptValue>;

/** Follows code. */
export class Evaluation {
  readonly #network: AtenNetwork;
  readonly #around: ScriptSurroundings;
  /** The modules whose methods are being followed. */
  readonly #modules: string[] = [];
  #steps = 0;
  #expressions = 0;
  #items = 0;
  #depth = 0;
  #place = "";
  #line = 0;

  constructor(network: AtenNetwork, around: ScriptSurroundings) {
    this.#network = network;
    this.#around = around;
  }

  /** The root module's `forward`, given inputs of which nothing is known. @throws {ScriptError} where the code cannot be followed */
  forward(root: ScriptObject): void {
    try {
      const method = this.#methodOf(root, "forward");
      this.#called(method, [root], new Map(), root.path);
    } catch (failure) {
      if (failure instanceof ScriptError) throw failure;
      throw new ScriptError(`${this.#place}, line ${this.#line}: ${messageOf(failure)}`, { cause: failure });
    }
  }

  #error(why: string): ScriptError {
    return new ScriptError(`${this.#place}, line ${this.#line}: ${why}`);
  }

  #methodOf({ record }: ScriptObject, name: string): ScriptFunction {
    const { module, name: type } = isKind(record.callable, "global")
      ? record.callable
      : { module: "", name: "" };
    const method = this.#around.file(module)?.classes.get(type)?.get(name);
    if (method === undefined) {
      throw this.#error(`found no method ${show(name)} of ${show(`${module}.${type}`)}`);
    }
    return method;
  }

  #called(
    { name, parameters, body }: ScriptFunction,
    positional: readonly ScriptValue[],
    named: ReadonlyMap<string, ScriptValue>,
    path: string | null,
  ): ScriptValue {
    if (this.#depth >= DEEPEST) throw this.#error(`found calls over ${DEEPEST} deep`);
    const scope: Scope = new Map();
    parameters.forEach((parameter, at) => {
      const value = named.get(parameter.name) ?? positional[at];
      if (value !== undefined) scope.set(parameter.name, value);
      else if (parameter.otherwise !== null) {
        scope.set(parameter.name, this.#value(parameter.otherwise, scope));
      } else scope.set(parameter.name, this.#unknown(parameter.type));
    });
    const before = this.#place;
    this.#depth++;
    if (path !== null) this.#modules.push(path);
    this.#place = [this.#modules.at(-1), name].filter((each) => each !== undefined && each !== "").join(".");
    const result = this.#block(body, scope) ?? null;
    if (path !== null) this.#modules.pop();
    this.#depth--;
    this.#place = before;
    return result?.value ?? null;
  }

  /** An input of the network, by the type that the code declares for it. */
  #unknown(type: string): ScriptValue {
    return /^(int|float|bool|str)$/.test(type) ? scalar(null) : this.#network.input(null);
  }

  /** @returns what is returned; undefined where the block ends without */
  #block(block: Block, scope: Scope): { readonly value: ScriptValue } | undefined {
    for (const statement of block) {
      this.#line = statement.line;
      this.#step();
      const returned = this.#statement(statement, scope);
      if (returned !== undefined) return returned;
    }
    return undefined;
  }

  #step(): void {
    if (++this.#steps > MOST_STEPS) throw this.#error(`found over ${MOST_STEPS} steps`);
  }

  #statement(statement: Statement, scope: Scope): { readonly value: ScriptValue } | undefined {
    switch (statement.kind) {
      case "pass":
        return undefined;
      case "expression":
        this.#value(statement.value, scope);
        return undefined;
      case "return":
        return { value: statement.value === null ? null : this.#value(statement.value, scope) };
      case "assign": {
        const value = this.#value(statement.value, scope);
        const { targets, unpacks } = statement;
        targets.forEach((name, at) => scope.set(name, unpacks ? partOf(value, at) : value));
        return undefined;
      }
      case "if":
        return this.#branch(statement, scope);
      case "for": {
        const over = this.#value(statement.over, scope);
        if (!isAten(over) || !isList(over)) throw this.#error("a loop whose length depends on the input");
        for (const each of over.items) {
          scope.set(statement.target, each);
          const returned = this.#block(statement.body, scope);
          if (returned !== undefined) return returned;
          this.#step();
        }
        return undefined;
      }
      case "while":
        while (this.#condition(statement.condition, scope, "a loop that ends by the input")) {
          const returned = this.#block(statement.body, scope);
          if (returned !== undefined) return returned;
          this.#step();
        }
        return undefined;
    }
  }

  /** A condition that is not known is one that holds, where the other branch refuses the input. */
  #branch({ condition, then, other }: Statement & { kind: "if" }, scope: Scope) {
    const known = this.#known(condition, scope);
    if (known === undefined && !raises(then) && !raises(other)) {
      throw this.#error("a branch that depends on the input");
    }
    return this.#block(known ?? !raises(then) ? then : other, scope);
  }

  #known(condition: Expression, scope: Scope): boolean | undefined {
    const value = this.#value(condition, scope);
    if (value === null) return false;
    const known = isAten(value) ? knownOf(value) : undefined;
    return typeof known === "number" ? known !== 0 : undefined;
  }

  #condition(condition: Expression, scope: Scope, why: string): boolean {
    const known = this.#known(condition, scope);
    if (known === undefined) throw this.#error(why);
    return known;
  }

  #value(expression: Expression, scope: Scope): ScriptValue {
    if (++this.#expressions > MOST_ITEMS) throw this.#error(`found over ${MOST_ITEMS} expressions`);
    switch (expression.kind) {
      case "literal":
        return expression.value;
      case "name":
        return scope.get(expression.name) ?? (scope.has(expression.name) ? null : named(expression.name));
      case "list":
        return listOf(expression.items.map((each) => atenOf(this.#value(each, scope))));
      case "dict":
        return UNKNOWN_CONSTANT;
      case "either":
        return this.#value(
          this.#condition(expression.condition, scope, "a branch that depends on the input")
            ? expression.then
            : expression.other,
          scope,
        );
      case "attribute":
        return this.#attribute(this.#value(expression.of, scope), expression.name);
      case "item":
        return this.#item(this.#value(expression.of, scope), this.#value(expression.index, scope));
      case "call":
        return this.#call(expression, scope);
    }
  }

  #attribute(of: ScriptValue, name: string): ScriptValue {
    if (typeof of === "object" && of?.kind === "name") {
      const constant = of.name === "CONSTANTS" ? /^c(\d{1,9})$/.exec(name)?.[1] : undefined;
      if (constant === undefined) return named(`${of.name}.${name}`);
      const value = this.#around.constant(Number(constant));
      if (value === undefined) throw this.#error(`found no constant ${show(name)}`);
      return value;
    }
    if (typeof of !== "object" || of?.kind !== "object") return UNKNOWN_CONSTANT;
    const { record: { state }, path } = of;
    const entries = isKind(state, "dict") ? state.entries : new Map<PickleValue, PickleValue>();
    if (!entries.has(name)) throw this.#error(`found no attribute ${show(name)}`);
    return this.#stored(entries.get(name) ?? null, path === "" ? name : `${path}.${name}`, 0);
  }

  #stored(value: PickleValue, path: string, depth: number): ScriptValue {
    const tensor = this.#around.tensor(path);
    if (tensor !== undefined) return this.#network.stored(tensor.info, tensor.data);
    if (
      value === null || typeof value === "number" || typeof value === "boolean" || typeof value === "string"
    ) {
      return value;
    }
    if (isKind(value, "list") && depth < DEEPEST_ATTRIBUTE) {
      return listOf(
        value.items.slice(0, 4096).map((each, at) => atenOf(this.#stored(each, `${path}.${at}`, depth + 1))),
      );
    }
    return isKind(value, "record") && isModule(value)
      ? { kind: "object", record: value, path }
      : UNKNOWN_CONSTANT;
  }

  #item(of: ScriptValue, index: ScriptValue): ScriptValue {
    // `List[int]`, a type, is nobody's value.
    if (!isAten(of)) return of;
    if (isList(of)) return typeof index === "number" ? of.items.at(index) ?? null : UNKNOWN_CONSTANT;
    return of;
  }

  #call({ callee, positional, named: keywords }: Expression & { kind: "call" }, scope: Scope): ScriptValue {
    const special = callee.kind === "name" && !scope.has(callee.name) ? callee.name : "";
    if (special === "annotate" || special === "unchecked_cast") {
      return positional[1] === undefined ? null : this.#value(positional[1], scope);
    }
    if (special === "uninitialized") return UNKNOWN_CONSTANT;
    const given = positional.map((each) => this.#value(each, scope));
    const others = new Map(Array.from(keywords, ([key, each]) => [key, this.#value(each, scope)]));
    if (special === "getattr") {
      const [of, name] = given;
      return this.#attribute(of ?? null, typeof name === "string" ? name : "");
    }
    if (special === "range") return this.#range(given);
    if (callee.kind === "attribute") {
      const of = this.#value(callee.of, scope);
      if (typeof of === "object" && of?.kind === "object") {
        return this.#called(this.#methodOf(of, callee.name), [of, ...given], others, of.path);
      }
    }
    const whose = this.#value(callee, scope);
    if (typeof whose !== "object" || whose?.kind !== "name") {
      throw this.#error("found a call of what is no function");
    }
    return this.#operator(whose, given, others);
  }

  /** The numbers before one: of other ranges the code says itself how long they are. */
  #range(given: readonly ScriptValue[]): ScriptValue {
    const [value, ...others] = given;
    const length = value !== undefined && isAten(value) ? knownOf(value) : undefined;
    if (typeof length !== "number" || others.length > 0) {
      throw this.#error("a loop whose length depends on the input");
    }
    if (length > MOST_STEPS) throw this.#error(`found over ${MOST_STEPS} steps`);
    return this.#counted(listOf(Array.from({ length: Math.max(0, length) }, (_, i) => i)));
  }

  #operator(
    { name }: ScriptName,
    given: readonly ScriptValue[],
    others: ReadonlyMap<string, ScriptValue>,
  ): ScriptValue {
    if (name.startsWith("__torch__.")) {
      const at = name.lastIndexOf(".");
      const found = this.#around.file(name.slice(0, at))?.functions.get(name.slice(at + 1));
      if (found === undefined) throw this.#error(`found ${show(name)}, which is no function of the archive`);
      return this.#called(found, given, others, null);
    }
    if (name === "ops.prim.RaiseException") throw this.#error("the code refuses its input");
    const [, space = "aten", op = name] = /^(?:torch|ops\.(\w+))\.(\w+)$/.exec(name) ?? [];
    const namespace = space === "prim" ? "aten" : space;
    const positional = given.map(atenOf);
    const list = listFunction(op, positional);
    if (list !== undefined) {
      // Where a list is changed, what is added counts.
      this.#counted(list === positional[0] ? positional[1] ?? null : list);
      return list;
    }
    return this.#counted(this.#network.run({
      namespace,
      op,
      overload: "",
      name: this.#place,
      positional,
      named: new Map(Array.from(others, ([key, each]) => [key, atenOf(each)])),
    }));
  }

  /** A value whose items are counted: lists that are kept are memory. */
  #counted(value: AtenValue): AtenValue {
    this.#items += isList(value) ? value.items.length : 0;
    if (this.#items > MOST_ITEMS) throw this.#error(`found over ${MOST_ITEMS} items of lists`);
    return value;
  }
}
