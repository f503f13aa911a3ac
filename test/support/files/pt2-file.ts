/** Writes what `torch.export.save` writes since torch 2.9, by hand. Shares no code with the reader. */

import { encoded, type WrittenTensor } from "./written-tensor.ts";
import { type ZipMember, zipOf } from "./zip-file.ts";

const CODES: Readonly<Record<string, number>> = {
  U8: 1,
  I8: 2,
  I16: 3,
  I32: 4,
  I64: 5,
  F16: 6,
  F32: 7,
  F64: 8,
  C64: 10,
  BOOL: 12,
  BF16: 13,
  U16: 28,
};

/** An object's text from its entries: `__proto__` is a key like any other. */
const object = (entries: readonly (readonly [key: string, value: unknown])[]) =>
  `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}`;

const sizes = (shape: readonly number[]) => shape.map((each) => ({ as_int: each }));

/** A value that a node made, or an input. */
export const value = (name: string): unknown => ({ as_tensor: { name } });

/** Several values. */
export const values = (...names: readonly string[]): unknown => ({
  as_tensors: names.map((name) => ({ name })),
});

/** Integers. */
export const ints = (...numbers: readonly number[]): unknown => ({ as_ints: numbers });

/** An integer. */
export const int = (number: number): unknown => ({ as_int: number });

/** A node of ATen: `conv2d.default`. A list of outputs is one output that is a list. */
export function node(
  target: string,
  inputs: Readonly<Record<string, unknown>>,
  outputs: readonly (string | readonly string[])[],
): unknown {
  return {
    target: target.includes("torch.ops.") || target.startsWith("_") ? target : `torch.ops.aten.${target}`,
    inputs: Object.entries(inputs).map(([name, arg]) => ({ name, arg, kind: 1 })),
    outputs: outputs.map((each) => typeof each === "string" ? value(each) : values(...each)),
    metadata: {},
  };
}

/** What a program says beside its weights. */
export interface WrittenProgram {
  /** Inputs of the network, with their shapes. */
  readonly inputs?: Readonly<Record<string, readonly number[]>>;
  readonly nodes?: readonly unknown[];
  readonly outputs?: readonly unknown[];
}

/** The JSON of a program. Parameters are called as their tensors are, dots and all. */
export function programText(
  tensors: readonly Pick<WrittenTensor, "name">[],
  { inputs = {}, nodes = [], outputs = [] }: WrittenProgram = {},
): string {
  const shapes = Object.entries(inputs).map(([name, shape]) =>
    [name, { dtype: 7, sizes: sizes(shape) }] as const
  );
  const specs = [
    ...tensors.map(({ name }) => ({ parameter: { arg: { name }, parameter_name: name } })),
    ...Object.keys(inputs).map((name) => ({ user_input: { arg: value(name) } })),
  ];
  const graph = [
    `"inputs":${JSON.stringify([...tensors.map(({ name }) => name), ...Object.keys(inputs)].map(value))}`,
    `"outputs":${JSON.stringify(outputs)}`,
    `"nodes":${JSON.stringify(nodes)}`,
    `"tensor_values":${object(shapes)}`,
  ];
  return `{"graph_module":{"graph":{${graph.join()}},"signature":{"input_specs":${JSON.stringify(specs)}}},` +
    `"range_constraints":{"s0":{"min_val":2,"max_val":Infinity}}}`;
}

/** Of a tensor what its table says in place of the truth. */
export type Lies = Readonly<Record<string, unknown>>;

/** The entries of an archive, raw numbers each in its own. */
export function pt2Members(
  tensors: readonly WrittenTensor[],
  program: string,
  lies: Lies = {},
): ZipMember[] {
  const table = object(tensors.map(({ name, dtype, shape }, at) => {
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
    const meta = {
      dtype: CODES[dtype],
      sizes: sizes(shape),
      strides: sizes(strides),
      storage_offset: int(0),
      ...lies,
    };
    return [name, {
      path_name: `weight_${at}`,
      is_param: true,
      use_pickle: false,
      tensor_meta: meta,
      ...lies,
    }];
  }));
  return [
    { name: "m/archive_format", data: "pt2" },
    { name: "m/models/model.json", data: program },
    { name: "m/data/weights/model_weights_config.json", data: `{"config":${table}}` },
    ...tensors.map((tensor, at) => ({ name: `m/data/weights/weight_${at}`, data: encoded(tensor) })),
  ];
}

/** A file of these tensors and this program. */
export function pt2File(tensors: readonly WrittenTensor[], program: WrittenProgram = {}): Buffer {
  return zipOf(pt2Members(tensors, programText(tensors, program)));
}
