/** The tensors of a network of a known family, by names relative to the prefix that they share. */

import { show } from "../../../model/errors.ts";
import type { TensorInfo } from "../../../model/tensor.ts";
import { skipReason } from "../weights.ts";
import type { ModelFacts } from "./architecture.ts";

/**
 * Residual networks connect every block with every later one: the number of connections is the square of this. No published network
 * has as many blocks in one list (the deepest ResNet has 200 in a stage, the deepest language models about 130).
 */
const MOST_BLOCKS = 256;

/** Tensors of a normalization beside its gain. */
export const PARTS_OF_NORMS: readonly (readonly [leaf: string, what: string])[] = [
  ["bias", "the shift of a normalization"],
  ["beta", "the shift of a normalization"],
  ["running_mean", "the mean of a batch normalization"],
  ["running_var", "the variance of a batch normalization"],
  ["num_batches_tracked", "a counter"],
];

/** Whose tensors they are, and where. */
export interface Place {
  /** The family's name, for messages. */
  readonly family: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly prefix: string;
  /** What separates a module from its weight, and the weight's own name: `.weight`, Chainer's `/W`. */
  readonly leaf: string;
  /** See `ModelFacts.inPart`. */
  readonly inPart?: boolean | undefined;
}

/**
 * Where a network's tensors are: all of these names, behind any one prefix (`module.`, `model.`, `state_dict.`); the shortest.
 *
 * @param signs names of tensors, whole
 * @returns null where there is none
 */
export function findPlace(
  family: string,
  { tensors, inPart }: ModelFacts,
  signs: readonly [string, ...string[]],
  leaf = ".weight",
): Place | null {
  const [first] = signs;
  let found: string | null = null;
  for (const name of tensors.keys()) {
    if (!name.endsWith(first)) continue;
    const prefix = name.slice(0, name.length - first.length);
    const whole = prefix === "" || /[./]$/.test(prefix);
    if (!whole || found !== null && found.length <= prefix.length) continue;
    if (signs.every((sign) => tensors.has(prefix + sign))) found = prefix;
  }
  return found === null ? null : { family, tensors, prefix: found, leaf, inPart };
}

/** A network's tensors. */
export class NamedTensors {
  readonly #place: Place;
  /** Whole names of what the family has a place for. */
  #known = new Set<string>();
  /** Beginnings of the names of blocks, without their numbers. */
  readonly #lists = new Set<string>();

  constructor(place: Place) {
    this.#place = place;
  }

  /** Whether there is such a tensor. */
  has(tensor: string): boolean {
    return this.full(tensor) !== null;
  }

  /** Whether there is a module with a weight. */
  hasLayer(module: string): boolean {
    return this.has(this.weight(module));
  }

  /** The shape of a tensor, empty where there is none. */
  shape(tensor: string): readonly number[] {
    const full = this.full(tensor);
    return full === null ? [] : this.#place.tensors.get(full)!.shape;
  }

  /** The name of a module's weight. */
  weight(module: string): string {
    return module + this.#place.leaf;
  }

  /** The numbers `i` for which tensors are called `<list><i>.…`, ascending: `numbers("features.")`. */
  numbers(list: string): readonly number[] {
    const start = this.#place.prefix + list;
    const found = new Set<number>();
    for (const name of this.#place.tensors.keys()) {
      const digits = name.startsWith(start)
        ? /^(\d{1,6})[./]/.exec(name.slice(start.length))?.[1]
        : undefined;
      if (digits !== undefined) found.add(Number(digits));
    }
    return [...found].sort((a, b) => a - b);
  }

  /**
   * The numbers of the blocks of a residual network, whose tensors must then all be known.
   *
   * @param options `gaps`: whether numbers may be missing, by default not; `first`: the first of them, by default 0
   * @throws {RangeError} when they do not run from the first on, or there are too many
   */
  blocks(
    list: string,
    { gaps = false, first = 0 }: { readonly gaps?: boolean; readonly first?: number } = {},
  ): readonly number[] {
    const found = this.numbers(list);
    if (found.length > MOST_BLOCKS) this.fail(list, `${found.length} blocks`, `at most ${MOST_BLOCKS}`);
    if (gaps) return found;
    const gap = found.findIndex((number, i) => number !== first + i);
    if (gap >= 0) this.fail(list, `block ${found[gap]}`, `block ${first + gap} before it`);
    this.#lists.add(this.#place.prefix + list);
    return found;
  }

  /** Whether blocks that do not fit may be left unconnected. */
  get inPart(): boolean {
    return this.#place.inPart === true;
  }

  /** The tensors of a block, in the file's order. */
  within(block: string): readonly TensorInfo[] {
    const start = this.#place.prefix + block;
    return [...this.#place.tensors.values()].filter(({ name }) =>
      name.startsWith(start) && /^[./]/.test(name.slice(start.length))
    );
  }

  /** Marks what is known now. @returns what forgets all that has become known since */
  mark(): () => void {
    const before = new Set(this.#known);
    return () => void (this.#known = before);
  }

  /** The whole name of a tensor: behind the prefix, or behind what encloses it, where heads stand beside a trunk. */
  full(tensor: string): string | null {
    const { tensors, prefix } = this.#place;
    if (tensors.has(prefix + tensor)) return prefix + tensor;
    const outer = this.outer + tensor;
    return tensors.has(outer) ? outer : null;
  }

  /** The prefix without its last module. */
  get outer(): string {
    return this.#place.prefix.replace(/[^./]*[./]$/, "");
  }

  /** The prefix. */
  get prefix(): string {
    return this.#place.prefix;
  }

  /** Marks a tensor as one that the family has a place for. @returns its whole name; null where there is none */
  know(tensor: string): string | null {
    const full = this.full(tensor);
    if (full !== null) this.#known.add(full);
    return full;
  }

  /**
   * A weight, which is then known.
   *
   * @throws {RangeError} when it is missing or cannot be read; names it
   */
  tensor(name: string): TensorInfo {
    const full = this.know(name);
    if (full === null) return this.fail(name, "none", "a weight of this name");
    const info = this.#place.tensors.get(full)!;
    const reason = skipReason(info);
    return reason === null ? info : this.fail(name, reason, "a weight");
  }

  /**
   * Weights beside the network that the family has no place for, and vectors called weights.
   *
   * @throws {RangeError} when one is within the network: it may work otherwise than the family says
   */
  unknown(): readonly string[] {
    const { tensors, family, prefix } = this.#place;
    const lists = [...this.#lists];
    return [...tensors.values()].flatMap((tensor) => {
      const { name } = tensor;
      if (!this.isUnknown(tensor)) return [];
      if (lists.some((list) => name.startsWith(list) && /^\d/.test(name.slice(list.length)))) {
        throw new RangeError(
          `${family}: found a weight ${show(name)}, required none that its blocks do not have`,
        );
      }
      if (name.startsWith(prefix) && skipReason(tensor) === null) {
        throw new RangeError(
          `${family}: found a weight ${show(name)}, required only what the family has a place for`,
        );
      }
      return [name];
    });
  }

  /** Whether a tensor is a weight, or of a normalization, that the family has no place for. */
  isUnknown(tensor: TensorInfo): boolean {
    const { name } = tensor;
    return !this.#known.has(name) && (skipReason(tensor) === null || name.endsWith(this.#place.leaf));
  }

  /** @throws {RangeError} always: what of the network is not as the family has it */
  fail(what: string, found: string, required: string): never {
    const { family, prefix } = this.#place;
    throw new RangeError(`${family}, ${show(prefix + what)}: found ${found}, required ${required}`);
  }
}
