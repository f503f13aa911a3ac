/** All tensors of an ONNX file, under names of their own, wherever in it they are. */

import { show } from "../../../src/model/errors.ts";
import { elementCount, type TensorInfo } from "../../../src/model/tensor.ts";
import type { OnnxGraph } from "./proto.ts";
import { type Dequantized, dequantized } from "./quantized.ts";
import { type OnnxTensor, storedBytes } from "./tensor.ts";

/** A tensor that can be asked for: stored, or made of stored ones. */
export type TableEntry =
  | { readonly kind: "stored"; readonly info: TensorInfo; readonly tensor: OnnxTensor }
  | { readonly kind: "dequantized"; readonly info: TensorInfo; readonly made: Dequantized };

/** The tensors of a file. */
export interface TensorTable {
  readonly entries: ReadonlyMap<string, TableEntry>;
  /** The constants that a graph defines itself, by their names in it. */
  readonly scopes: ReadonlyMap<OnnxGraph, ReadonlyMap<string, TableEntry>>;
}

/** Integers that shapes, axes and indices are computed from are few; longer tensors are data. */
const LONGEST_INDEX = 1024;

/** Bodies that repeat a name and have one themselves: a handful in what exporters write. */
const MOST_NAMESAKES = 1000;

/**
 * Lists initializers, tensors of `Constant` nodes and dequantized weights of a graph and of the bodies in it. Names of the graph itself are
 * kept as they are; a name that a body repeats gets the node's name before it.
 *
 * @throws {SyntaxError} when the graph itself defines a constant twice
 */
export function tensorTable(path: string, graph: OnnxGraph): TensorTable {
  const entries = new Map<string, TableEntry>();
  const scopes = new Map<OnnxGraph, ReadonlyMap<string, TableEntry>>();
  const collect = (each: OnnxGraph, outer: (name: string) => TableEntry | undefined, body: string) => {
    const own = new Map<string, TableEntry>();
    const add = (local: string, make: (name: string) => TableEntry) => {
      if (own.has(local) || body === "" && entries.has(local)) {
        throw new SyntaxError(`${path}: tensor ${show(local)}: found it twice in one graph, required once`);
      }
      let name = local;
      for (let n = 0; entries.has(name); n++) {
        if (n > MOST_NAMESAKES) {
          throw new SyntaxError(`${path}: tensor ${show(local)}: found in over ${n} bodies, required fewer`);
        }
        name = `${body}/${n === 0 ? "" : `${n}/`}${local}`;
      }
      const entry = make(name);
      entries.set(name, entry);
      own.set(local, entry);
    };
    const stored = (tensor: OnnxTensor, local: string) =>
      add(local, (name) => ({ kind: "stored", info: infoOf(tensor, name), tensor }));
    for (const tensor of each.initializers) stored(tensor, tensor.name);
    for (const { op, outputs, attributes } of each.nodes) {
      const tensor = op === "Constant" ? attributes.get("value")?.tensor : undefined;
      if (tensor !== undefined && outputs[0] !== undefined) {
        stored({ ...tensor, name: outputs[0] }, outputs[0]);
      }
    }
    const visible = (name: string) => own.get(name) ?? outer(name);
    const constant = (name: string) => {
      const entry = visible(name);
      return entry?.kind === "stored" ? entry.tensor : undefined;
    };
    for (const node of each.nodes) {
      const [output] = node.outputs;
      if (output === undefined || dequantized(node, output, constant) === null) continue;
      add(output, (name) => {
        const made = dequantized(node, name, constant)!;
        return { kind: "dequantized", info: made.info, made };
      });
    }
    scopes.set(each, own);
    each.nodes.forEach((node, at) => {
      for (const [key, { graph: inner }] of node.attributes) {
        if (inner !== undefined) collect(inner, visible, `${node.name || `${node.op} ${at}`}/${key}`);
      }
    });
  };
  collect(graph, () => undefined, "");
  return { entries, scopes };
}

function infoOf(tensor: OnnxTensor, name: string): TensorInfo {
  const { shape, type } = tensor;
  const info = { name, dtype: type.name, shape, byteLength: storedBytes(tensor) };
  return type.readable
    ? info
    : { ...info, unreadable: `dtype ${type.name} is neither a real floating point type nor an integer one` };
}

/** Whether a tensor may be a shape, axes, indices or the scales of a resize, which the graph's shapes depend on. */
export function isIndex({ shape, type, data }: OnnxTensor): boolean {
  const count = elementCount(shape);
  const small = type.integer && type.bits >= 32 && count <= LONGEST_INDEX ||
    type.name === "F32" && count <= 8;
  return small && shape.length <= 2 && data.kind !== "external";
}
