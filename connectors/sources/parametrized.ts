/**
 * Weights that a file holds in parts, as PyTorch's parametrizations leave them: weight norm, spectral norm, pruning masks. The layer's
 * weight is computed from its parts when it is read. Wrappers (torch.compile, FSDP, activation checkpoints) go out of the names.
 */

import type { Model, SourceFormat } from "../../src/model/ports.ts";
import { elementCount, type TensorInfo } from "../../src/model/tensor.ts";
import { type Computed, withComputed } from "./computed.ts";

/** What wrappers put into names, wherever they wrap. */
const WRAPPERS = /(^|\.)(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|_forward_module)(?=\.)/g;

/** The same format, whose models have the weights that their networks use, under the names that their modules have. */
export function withPlainWeights(format: SourceFormat): SourceFormat {
  return { ...format, open: async (...from) => plainWeights(await format.open(...from)) };
}

/** The same model, its weights put together from their parts. A model whose format knows the dataflow stays as it is. */
export function plainWeights(model: Model): Model {
  if (model.graph !== undefined || model.operators !== undefined) return model;
  const originals = new Map(unwrapped(model.tensors).map((name, at) => [name, model.tensors[at]!]));
  if (originals.size < model.tensors.length) return model;
  const named = Array.from(originals, ([name, tensor]): TensorInfo => ({ ...tensor, name }));
  const tensors = new Map(named.map((tensor) => [tensor.name, tensor]));
  const computed = new Map<string, Computed>();
  for (const tensor of named) {
    const found = computedFrom(tensor, tensors);
    if (found === null || tensors.has(found.tensor.name)) continue;
    computed.set(tensor.name, found);
  }
  const renamed = named.some(({ name }, at) => name !== model.tensors[at]!.name);
  if (computed.size === 0 && !renamed && !named.some(isHalfKnown)) return model;
  return withComputed(
    {
      ...model,
      tensors: named.map((tensor) =>
        isHalfKnown(tensor) && !computed.has(tensor.name) ? { ...tensor, unreadable: HALF_KNOWN } : tensor
      ),
    },
    computed,
    (name) => originals.get(name)?.name ?? name,
  );
}

const HALF_KNOWN =
  "of a parametrization of which the file does not say what it computes: not the weight that is used";

/** Whatever is left of `parametrizations` was put together by nobody: originals, and what the modules beside them hold. */
function isHalfKnown({ name, shape }: TensorInfo): boolean {
  return shape.length > 1 && /(^|\.)parametrizations\.\w+\.(original\d*$|\d+\.)/.test(name);
}

function unwrapped(tensors: readonly TensorInfo[]): readonly string[] {
  return tensors.map(({ name }) => name.replace(WRAPPERS, "").replace(/^\.+(?=.)/, ""));
}

/** The weight that a tensor is the main part of; null where it is none's. */
function computedFrom(tensor: TensorInfo, all: ReadonlyMap<string, TensorInfo>): Computed | null {
  const { name, shape } = tensor;
  const of = (weight: string, others: readonly string[], compute: Computed["compute"]): Computed => ({
    tensor: { ...tensor, name: weight },
    parts: [name, ...others],
    compute,
  });
  const there = (...names: readonly string[]) => names.every((each) => all.has(each));
  const count = (part: string) => elementCount(all.get(part)!.shape);
  const old = oldOf(name);
  const now = /^((?:.*\.)?)parametrizations\.(\w+)\.original(1?)$/.exec(name);
  const weight = old?.weight ?? (now === null ? "" : now[1]! + now[2]!);
  const magnitude = old === null ? name.replace(/1$/, "0") : `${weight}_g`;
  if ((old?.part === "v" || now?.[3] === "1") && there(magnitude)) {
    const axis = axisOf(all.get(magnitude)!.shape, shape);
    return axis === null ? null : of(weight, [magnitude], (v, g) => weightNorm(v, g, shape, axis));
  }
  if (old?.part === "orig" && there(`${weight}_mask`) && count(`${weight}_mask`) === elementCount(shape)) {
    return of(weight, [`${weight}_mask`], (values, mask) => values.map((value, i) => value * mask[i]!));
  }
  const [u, v] = old === null
    ? ["0._u", "0._v"].map((part) => name.replace(/original$/, part))
    : ["_u", "_v"].map((part) => weight + part);
  if ((old?.part === "orig" || old?.part === "bar" || now?.[3] === "") && there(u!, v!)) {
    const rows = count(u!);
    // A transposed convolution is normalized along its second axis.
    const axes = [0, 1].filter((axis) => rows === shape[axis]);
    if (axes.length === 0 || rows * count(v!) !== elementCount(shape)) return null;
    return of(weight, [u!, v!], (values, left, right) => spectralNorm(values, left, right, shape, axes));
  }
  return null;
}

/** The weight of a name that the first edition of weight norm, spectral norm or pruning gives its parts; `bar` is SNGAN's word for `orig`. */
function oldOf(name: string): { readonly weight: string; readonly part: "v" | "orig" | "bar" } | null {
  for (const part of ["v", "orig", "bar"] as const) {
    if (!name.endsWith(`_${part}`)) continue;
    const weight = name.slice(0, -part.length - 1);
    return /^\w*$/.test(weight.slice(weight.lastIndexOf("weight"))) && weight.includes("weight")
      ? { weight, part }
      : null;
  }
  return null;
}

/** The axis along which each slice has a magnitude of its own; -1 where all have one. */
function axisOf(magnitudes: readonly number[], shape: readonly number[]): number | null {
  if (elementCount(magnitudes) === 1 && magnitudes.length < shape.length) return -1;
  if (magnitudes.length !== shape.length) return null;
  const differing = magnitudes.flatMap((extent, axis) => extent === 1 && shape[axis] !== 1 ? [] : [axis]);
  const axis = differing.length === 0 ? 0 : differing.find((each) => magnitudes[each] !== 1) ?? differing[0]!;
  return magnitudes.every((extent, each) => extent === (each === axis ? shape[each] : 1)) ? axis : null;
}

/** The slice along an axis that each element is in. */
function sliceOf(shape: readonly number[], axis: number): (element: number) => number {
  if (axis < 0) return () => 0;
  const inner = elementCount(shape.slice(axis + 1));
  return (element) => Math.floor(element / inner) % shape[axis]!;
}

/** `g v / |v|`, the norms over all but an axis. */
function weightNorm(v: Float64Array, g: Float64Array, shape: readonly number[], axis: number): Float64Array {
  const slice = sliceOf(shape, axis);
  const squares = new Float64Array(g.length);
  v.forEach((value, i) => squares[slice(i)]! += value * value);
  const factors = g.map((magnitude, s) => squares[s] === 0 ? 0 : magnitude / Math.sqrt(squares[s]!));
  return v.map((value, i) => value * factors[slice(i)]!);
}

/**
 * `W / (u W v)`: what power iteration left of the largest singular value.
 *
 * @param axes along which `W` may have been unfolded. Power iteration ends with `u` along `W v`; so that one is taken where they
 * are the most parallel.
 */
function spectralNorm(
  values: Float64Array,
  u: Float64Array,
  v: Float64Array,
  shape: readonly number[],
  axes: readonly number[],
): Float64Array {
  const products = axes.map((axis) => {
    const product = new Float64Array(u.length);
    const [row, taken] = [sliceOf(shape, axis), new Int32Array(u.length)];
    values.forEach((value, i) => {
      const at = row(i);
      product[at]! += value * v[taken[at]!++]!;
    });
    const sigma = u.reduce((sum, each, at) => sum + each * product[at]!, 0);
    const length = Math.sqrt(product.reduce((sum, each) => sum + each * each, 0));
    return { sigma, cosine: sigma / (length || 1) };
  });
  const { sigma } = products.reduce((best, each) => each.cosine > best.cosine ? each : best);
  return values.map((value) => value / sigma);
}
