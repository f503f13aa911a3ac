/** All tensors of an ONNX file, under names of their own, wherever in it they are. */

import { show } from "../../../src/model/errors.ts";
import { elementCount, type TensorInfo } from "../../../src/model/tensor.ts";
import type { OnnxGraph, OnnxNode } from "./proto.ts";
import { quantizedWeights, scaleBehind } from "./quantized-operators.ts";
import { type Dequantized, dequantized, type Unnamed } from "./quantized.ts";
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
  /** The real numbers of quantized weights, by the node that reads them and the input that they are. */
  readonly weights: ReadonlyMap<OnnxNode, ReadonlyMap<number, TableEntry>>;
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
  const weights = new Map<OnnxNode, ReadonlyMap<number, TableEntry>>();
  const made = new Map<string, TableEntry>();
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
      const result = output === undefined ? null : dequantized(node, constant);
      if (result !== null) add(output!, (name) => entryOf(result, name));
    }
    const behind = scaleBehind(each.nodes, constant);
    for (const node of each.nodes) {
      const own = new Map<number, TableEntry>();
      for (const [at, result] of quantizedWeights(node, constant, behind)) {
        // Who reads the same numbers in the same way reads the same tensor.
        const stored = node.inputs.map((name) => visible(name)?.info.name ?? "");
        const key = JSON.stringify([node.op, at, result.info, ...stored.slice(1)]);
        const entry = made.get(key) ?? entryOf(result, unused(entries, `${stored[at]}_dequantized`));
        made.set(key, entry);
        entries.set(entry.info.name, entry);
        own.set(at, entry);
      }
      if (own.size > 0) weights.set(node, own);
    }
    scopes.set(each, own);
    each.nodes.forEach((node, at) => {
      for (const [key, { graph: inner }] of node.attributes) {
        if (inner !== undefined) collect(inner, visible, `${node.name || `${node.op} ${at}`}/${key}`);
      }
    });
  };
  collect(graph, () => undefined, "");
  return { entries, scopes, weights };
}

const entryOf = (result: Unnamed, name: string): TableEntry => {
  const info = { name, ...result.info };
  return { kind: "dequantized", info, made: { ...result, info } };
};

/** A name that nothing has yet. @throws {SyntaxError} where very many have it */
function unused(entries: ReadonlyMap<string, TableEntry>, name: string): string {
  for (let n = 0; n <= MOST_NAMESAKES; n++) {
    const candidate = n === 0 ? name : `${name}_${n}`;
    if (!entries.has(candidate)) return candidate;
  }
  throw new SyntaxError(`tensor ${show(name)}: found over ${MOST_NAMESAKES} of that name, required fewer`);
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
