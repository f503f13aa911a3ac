/** Which tensors of a model may be weights, by shape and name alone: for graphs that are declared or guessed. */

import { show } from "../../model/errors.ts";
import type { BatchNorm, Folding, Skipped } from "../../model/layer.ts";
import type { LayerDraft } from "../../model/layer-draft.ts";
import type { Model } from "../../model/ports.ts";
import type { TensorInfo } from "../../model/tensor.ts";

/** More axes than a 3-D convolution has (out, in, depth, height, width) are nothing this method knows. */
const MOST_AXES = 5;

/** PyTorch's default, which a state dict does not say. */
export const EPSILON = 1e-5;

/** Why a tensor is no layer's weight; null where it may be one. */
export function skipReason(tensor: TensorInfo): string | null {
  if (tensor.shape.length < 2) {
    return `${tensor.shape.length} dimensions: a bias, a normalization or a counter, not a linear map`;
  }
  if (tensor.shape.length > MOST_AXES) return `${tensor.shape.length} dimensions, required 2 to ${MOST_AXES}`;
  if (tensor.shape.includes(0)) return `shape ${show(tensor.shape)} holds no element`;
  if (tensor.unreadable !== undefined) return tensor.unreadable;
  return /^([IU]\d+|BOOL)$/.test(tensor.dtype)
    ? `dtype ${tensor.dtype}: indices, a mask or quantized numbers, not weights`
    : null;
}

/** Tensors that may be weights, and the others with the reason. */
export function sorted(tensors: readonly TensorInfo[]): {
  readonly weights: readonly TensorInfo[];
  readonly skipped: readonly Skipped[];
} {
  return {
    weights: tensors.filter((tensor) => skipReason(tensor) === null),
    skipped: tensors.flatMap((tensor): Skipped[] => {
      const reason = skipReason(tensor);
      return reason === null ? [] : [{ subject: "tensor", name: tensor.name, reason }];
    }),
  };
}

/** PyTorch calls a layer's weight `<module>.weight`: the module's name says more. */
export function layerName(tensor: string): string {
  return tensor.endsWith(".weight") && tensor.length > 7 ? tensor.slice(0, -7) : tensor;
}

/** A normalization with running statistics of the right size that belongs to a weight by its name, or stands right behind it. */
export function normalizationBehind(
  draft: LayerDraft,
  all: readonly TensorInfo[],
): { readonly batchNorm: BatchNorm; readonly folding?: Folding } {
  const { name } = draft.tensor;
  if (draft.kind !== "conv-transpose" && isSorted(all) && preceded(all).has(kindOf(name))) {
    return { batchNorm: "none" };
  }
  const variance = statistics(name, all, (width) => width === draft.outChannels)[0];
  if (variance === undefined) return { batchNorm: "none" };
  const gamma = `${variance.name.slice(0, -VARIANCE.length)}weight`;
  const known = all.some(({ name, shape }) =>
    name === gamma && shape.length === 1 && shape[0] === draft.outChannels
  );
  const scale = { gamma: known ? gamma : null, variance: variance.name, epsilon: EPSILON, assumed: true };
  return { batchNorm: "raw", folding: { batchNorm: scale } };
}

/** Widths of the normalization that belongs to a weight, as `normalizationBehind` finds it, whatever the weight's own are. */
export function normalizedWidths(weight: string, all: readonly TensorInfo[]): readonly number[] {
  return statistics(weight, all, () => true).map(({ shape }) => shape[0]!);
}

const VARIANCE = "running_var";

/** Variances of the normalization that belongs to a weight: at most one. */
function statistics(
  weight: string,
  all: readonly TensorInfo[],
  fits: (width: number) => boolean,
): readonly TensorInfo[] {
  const module = layerName(weight);
  const variances = all.filter(({ name, shape }) => name.endsWith(VARIANCE) && shape.length === 1);
  const fitting = variances.filter(({ shape }) => fits(shape[0]!));
  if (fitting.length === 0) return [];
  const named = (names: readonly string[]) =>
    fitting.find(({ name }) => names.some((each) => name === `${each}.${VARIANCE}`));
  const at = all.findIndex(({ name }) => name === weight);
  const partner = named(partnersOf(module));
  // A normalization that a module makes before its convolution is another's, unless it is the alphabet that puts it there.
  if (partner !== undefined && (all.indexOf(partner) > at || isSorted(all))) return [partner];
  const neighbour = behind(weight, all).find((each) => {
    const normalization = each.name.slice(0, -VARIANCE.length - 1);
    const isForeign = () =>
      all.some(({ name, shape }, index) =>
        shape.length > 1 && name !== weight && partnersOf(layerName(name)).includes(normalization) &&
        (index < all.indexOf(each) || isSorted(all))
      );
    return fitting.includes(each) && isNear(module, normalization) && !isForeign();
  });
  return neighbour === undefined ? [] : [neighbour];
}

/** The vectors and scalars that stand behind a weight, up to the next. */
export function behind(weight: string, all: readonly TensorInfo[]): readonly TensorInfo[] {
  const at = all.findIndex(({ name }) => name === weight);
  const next = all.findIndex(({ shape }, index) => index > at && shape.length > 1);
  return all.slice(at + 1, next < 0 ? all.length : next);
}

/** Names without their numbers: of the same weight in each block. */
const kindOf = (name: string) => name.replace(/\d+/g, "#");

const PRECEDED = new WeakMap<readonly TensorInfo[], ReadonlySet<string>>();

/**
 * Kinds of convolutions that stand behind their namesakes, as the widths of some show: as wide as what these read, and not as what they write. In a file
 * that is sorted by name nothing else tells that.
 */
function preceded(all: readonly TensorInfo[]): ReadonlySet<string> {
  const known = PRECEDED.get(all);
  if (known !== undefined) return known;
  const widths = new Map(all.map(({ name, shape }) => [name, shape[0]]));
  const found = new Set(all.flatMap(({ name, shape }) => {
    const width = shape.length < 3
      ? undefined
      : partnersOf(layerName(name)).map((each) => widths.get(`${each}.${VARIANCE}`)).find((each) =>
        each !== undefined
      );
    return width !== undefined && width === shape[1] && width !== shape[0] ? [kindOf(name)] : [];
  }));
  PRECEDED.set(all, found);
  return found;
}

const SORTED = new WeakMap<readonly TensorInfo[], boolean>();

/** Whether names stand in the order of the alphabet, which says nothing of their modules. */
export function isSorted(all: readonly TensorInfo[]): boolean {
  const known = SORTED.get(all);
  if (known !== undefined) return known;
  const names = all.filter(({ shape }) => shape.length > 0).map(({ name }) => name);
  const found = !areNumbered(names) && names.every((name, i) => i === 0 || names[i - 1]! <= name);
  SORTED.set(all, found);
  return found;
}

/** Whether the order of tensors is that of the network's modules. */
export const isInOrder = ({ moduleOrder, tensors }: Pick<Model, "moduleOrder" | "tensors">): boolean =>
  moduleOrder === true && !isSorted(tensors);

/** Whether names are one word and a number, as NumPy's `arr_0`, `arr_1`: they are numbered in an order that somebody chose. */
export function areNumbered(names: readonly string[]): boolean {
  const words = new Set(names.map((name) => /^([^\d./]*)\d+$/.exec(name)?.[1]));
  return words.size === 1 && !words.has(undefined);
}

/** What a weight's normalization is called, where it is named after the weight: `conv1` and `bn1`, `0` and `1`. */
function partnersOf(module: string): readonly string[] {
  const at = Math.max(module.lastIndexOf("."), module.lastIndexOf("/")) + 1;
  const [list, leaf] = [module.slice(0, at), module.slice(at)];
  if (/^\d{1,6}$/.test(leaf)) return [`${list}${Number(leaf) + 1}`];
  const words = ["bn", "norm", "batchnorm", "batch_norm"];
  return [
    ...words.flatMap((word) => [`${module}_${word}`, `${module}.${word}`, `${list}${word}_${leaf}`]),
    .../conv/i.test(leaf) ? words.map((word) => list + leaf.replace(/conv([123]d)?/i, word)) : [],
  ];
}

/** Whether one of two modules is in the other's list, or in a list around it. */
function isNear(a: string, b: string): boolean {
  const [inA, inB] = [a, b].map((module) =>
    module.slice(0, Math.max(module.lastIndexOf("."), module.lastIndexOf("/")) + 1)
  ) as [string, string];
  return a.startsWith(inB) || b.startsWith(inA);
}
