/** An exported program as its JSON says it: the graph, checked in shape, and which tensor each of its inputs is. */

import { show } from "../../../src/model/errors.ts";
import { isObject } from "../keras/config.ts";
import type { Extent } from "../onnx/proto.ts";
import { countOf, field } from "./json.ts";

/** Networks have thousands of operators; more than a million are an attack on memory. */
const MOST_NODES = 2 ** 20;

/** Graphs within graphs: exporters write one or two. */
const DEEPEST = 8;

/** No tensor has more axes. */
const MOST_AXES = 64;

/** An argument of a node. Names are those of values that nodes before it made. */
export type ProgramArgument =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "list"; readonly items: readonly ProgramArgument[] }
  | { readonly kind: "graph"; readonly graph: ProgramGraph }
  | { readonly kind: "plain"; readonly value: number | boolean | string | null };

/** An operator's call. */
export interface ProgramNode {
  /** Such as `torch.ops.aten.conv2d.default`. */
  readonly target: string;
  readonly inputs: ReadonlyMap<string, ProgramArgument>;
  /** The names of what it makes; a list where it makes a list. */
  readonly outputs: readonly (string | null | readonly string[])[];
}

/** A graph: of the program, or of a block that runs under other settings. */
export interface ProgramGraph {
  readonly inputs: readonly ProgramArgument[];
  readonly outputs: readonly ProgramArgument[];
  readonly nodes: readonly ProgramNode[];
  readonly shapes: ReadonlyMap<string, readonly Extent[]>;
}

/** A program. */
export interface Program {
  readonly graph: ProgramGraph;
  /** Of the graph's inputs, by name: the parameter, buffer or constant that each is, by its full name. */
  readonly tensors: ReadonlyMap<string, string>;
}

/**
 * Reads a program.
 *
 * @param what the file and its entry, for messages
 * @throws {SyntaxError} when it has no graph, or one that is none; names the place
 */
export function programOf(what: string, value: unknown): Program {
  const module = field(value, "graph_module") ?? field(value, "exported_program");
  const reader = new Reader(what);
  const graph = reader.graph(field(module, "graph"), "graph", 0);
  const specs = field(field(module, "signature"), "input_specs");
  const tensors = new Map<string, string>();
  for (const [at, spec] of reader.list(specs, "signature, input_specs").entries()) {
    const [kind, body] = reader.only(spec, `signature, input_specs[${at}]`);
    const key = ({
      parameter: "parameter_name",
      buffer: "buffer_name",
      tensor_constant: "tensor_constant_name",
    } as Partial<Record<string, string>>)[kind];
    if (key === undefined) continue;
    const [name, full] = [field(field(body, "arg"), "name"), field(body, key)];
    if (typeof name !== "string" || typeof full !== "string") {
      throw reader.error(`signature, input_specs[${at}]`, show(body), `the name of an input and its ${key}`);
    }
    tensors.set(name, full);
  }
  return { graph, tensors };
}

class Reader {
  readonly #what: string;
  #nodes = 0;

  constructor(what: string) {
    this.#what = what;
  }

  error(place: string, found: string, required: string): SyntaxError {
    return new SyntaxError(`${this.#what}: ${place}: found ${found.slice(0, 200)}, required ${required}`);
  }

  list(value: unknown, place: string): readonly unknown[] {
    if (!Array.isArray(value)) throw this.error(place, show(value ?? null), "a list");
    return value;
  }

  /** The one key of a tagged value, and what is under it. Newer exporters write the others as null. */
  only(value: unknown, place: string): readonly [string, unknown] {
    const entries = isObject(value) ? Object.entries(value) : [];
    const said = entries.filter(([, each]) => each !== null);
    const [first] = said.length > 0 ? said : entries;
    if (first === undefined) throw this.error(place, show(value ?? null), "an object of one key");
    return first;
  }

  graph(value: unknown, place: string, depth: number): ProgramGraph {
    if (!isObject(value)) throw this.error(place, show(value ?? null), "a graph");
    if (depth > DEEPEST) throw this.error(place, `graphs ${depth + 1} deep`, `at most ${DEEPEST}`);
    const nodes = this.list(field(value, "nodes"), `${place}, nodes`);
    this.#nodes += nodes.length;
    if (this.#nodes > MOST_NODES) throw this.error(place, `${this.#nodes} nodes`, `at most ${MOST_NODES}`);
    const args = (key: string) =>
      this.list(field(value, key), `${place}, ${key}`).map((each, at) =>
        this.argument(each, `${place}, ${key}[${at}]`, depth)
      );
    return {
      inputs: args("inputs"),
      outputs: args("outputs"),
      nodes: nodes.map((each, at) => this.#node(each, `${place}, nodes[${at}]`, depth)),
      shapes: this.#shapes(field(value, "tensor_values"), `${place}, tensor_values`),
    };
  }

  #node(value: unknown, place: string, depth: number): ProgramNode {
    const target = field(value, "target");
    if (typeof target !== "string") throw this.error(`${place}, target`, show(target ?? null), "a name");
    const inputs = new Map<string, ProgramArgument>();
    for (const [at, each] of this.list(field(value, "inputs"), `${place}, inputs`).entries()) {
      const name = field(each, "name");
      const key = typeof name === "string" && name !== "" && !inputs.has(name) ? name : `#${at}`;
      inputs.set(key, this.argument(field(each, "arg"), `${place}, inputs[${at}]`, depth));
    }
    const outputs = this.list(field(value, "outputs"), `${place}, outputs`).map((each, at) => {
      const made = this.argument(each, `${place}, outputs[${at}]`, depth);
      if (made.kind === "list") {
        return made.items.flatMap((item) => item.kind === "name" ? [item.name] : [""]);
      }
      return made.kind === "name" ? made.name : null;
    });
    return { target, inputs, outputs };
  }

  /** An argument; of its many kinds those that tell something of channels. */
  argument(value: unknown, place: string, depth: number): ProgramArgument {
    const [kind, body] = this.only(value, place);
    if (kind === "as_graph") {
      return { kind: "graph", graph: this.graph(field(body, "graph"), `${place}, graph`, depth + 1) };
    }
    if (/^as_(sym_)?(int|float|bool|string)$|^as_scalar_type$/.test(kind)) return this.#scalar(body);
    if (kind === "as_tensor" || kind === "as_custom_obj") return this.#named(body, place);
    if (kind === "as_optional_tensor") return this.#named(field(body, "as_tensor"), place);
    if (/^as_(tensors|optional_tensors|(sym_)?(ints|floats|bools)|strings)$/.test(kind)) {
      const items = this.list(body, place).map((each, at): ProgramArgument =>
        kind === "as_tensors"
          ? this.#named(each, `${place}[${at}]`)
          : kind === "as_optional_tensors"
          ? this.#named(field(each, "as_tensor"), `${place}[${at}]`)
          : this.#scalar(each)
      );
      return { kind: "list", items };
    }
    return { kind: "plain", value: null };
  }

  #named(value: unknown, place: string): ProgramArgument {
    if (value === undefined || value === null) return { kind: "plain", value: null };
    const name = field(value, "name");
    if (typeof name !== "string") throw this.error(place, show(value), "the name of a value");
    return { kind: "name", name };
  }

  #scalar(value: unknown): ProgramArgument {
    const name = field(value, "as_name");
    if (typeof name === "string") return { kind: "name", name };
    // Some writers say what a value is not, as nothing.
    const plain = isObject(value) ? Object.values(value).find((each) => each !== null) ?? null : value;
    return {
      kind: "plain",
      value: typeof plain === "number" || typeof plain === "boolean" || typeof plain === "string"
        ? plain
        : null,
    };
  }

  #shapes(value: unknown, place: string): ReadonlyMap<string, readonly Extent[]> {
    const shapes = new Map<string, readonly Extent[]>();
    if (!isObject(value)) return shapes;
    for (const [name, meta] of Object.entries(value)) {
      const sizes = field(meta, "sizes");
      if (sizes === undefined) continue;
      const list = this.list(sizes, `${place}, ${show(name)}, sizes`);
      if (list.length > MOST_AXES) {
        throw this.error(`${place}, ${show(name)}`, `${list.length} axes`, `at most ${MOST_AXES}`);
      }
      shapes.set(
        name,
        list.map((each): Extent => {
          const text = field(field(each, "as_expr"), "expr_str");
          return countOf(each) ?? (typeof text === "string" ? text : null);
        }),
      );
    }
    return shapes;
  }
}
