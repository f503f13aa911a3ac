/**
 * Layers that are nearly copies of others: target networks, averages of weights, experts that were made of one. The weights show of each what they show of
 * all. Only names tell them apart.
 */

import type { Layer } from "../../../model/layer.ts";
import type { Feeding } from "./fed-layers.ts";
import type { Port } from "./ports.ts";

/** Of each layer those that are nearly copies of it. */
export type Copies = ReadonlyMap<number, ReadonlySet<number>>;

type Named = Pick<Layer, "name">;

/** Lists whose members stand side by side: none feeds another. */
const SIDE_BY_SIDE = /^(experts|branches|heads|towers|critics|estimators|members|ensemble)$/i;

/**
 * Layers of one shape whose ports are alike on every side that both have. Layers of trained networks that feed the same ones or read the same ones are
 * alike on one side at most.
 *
 * @param alike pairs of ports of one side whose kernels are alike
 */
export function copiesAmong(
  ports: readonly Port[],
  layers: readonly Layer[],
  alike: readonly (readonly [number, number])[],
): Copies {
  const sides = new Map<string, number>();
  for (const [first, second] of alike) {
    const key = `${ports[first]!.layer}/${ports[second]!.layer}`;
    sides.set(key, (sides.get(key) ?? 0) + 1);
  }
  const portsOf = (layer: number) =>
    ports.filter((port) => port.layer === layer && port.part === undefined).length;
  const copies = new Map<number, Set<number>>();
  for (const [key, count] of sides) {
    const [a, b] = key.split("/").map(Number) as [number, number];
    if (shapeOf(layers[a]!) !== shapeOf(layers[b]!) || count < portsOf(a)) continue;
    for (const [one, other] of [[a, b], [b, a]] as const) {
      copies.set(one, (copies.get(one) ?? new Set()).add(other));
    }
  }
  return copies;
}

/** What two layers have in common that may be copies of each other, or stand in each other's place. */
export const shapeOf = ({ outChannels, inChannels, positions, groups }: Layer): string =>
  `${outChannels}/${inChannels}/${positions}/${groups}`;

/**
 * What is known of connections where there are copies. Of writers that are copies of each other only the one whose name is nearest to the reader's is
 * shown to feed it, and nothing is shown from one branch of copies to the other. Where a nearer copy feeds a reader the others do not. Members of lists
 * like `experts` do not feed each other.
 */
export function toldFromCopies(
  found: readonly Feeding[],
  layers: readonly Named[],
  copies: Copies,
): Feeding[] {
  const names = layers.map(({ name }) => partsOf(name));
  const near = (a: number, b: number) => partingOf(names[a]!, names[b]!);
  const rivals = (of: number, other: number) => [...copies.get(of) ?? []].filter((copy) => copy !== other);
  const branches = branchesOf(names, copies);
  const isAcross = (source: number, target: number) =>
    branches.some(([a, b]) =>
      isWithin(names[source]!, a) && isWithin(names[target]!, b) ||
      isWithin(names[source]!, b) && isWithin(names[target]!, a)
    );
  const fed = new Set(found.map(({ source, target }) => `${source}/${target}`));
  return found.flatMap((feeding) => {
    const { source, target } = feeding;
    if (isSideBySide(names[source]!, names[target]!)) return [];
    const own = near(source, target);
    const writers = rivals(source, target);
    if (writers.some((copy) => near(copy, target) > own && fed.has(`${copy}/${target}`))) return [];
    const isUndecided = writers.some((copy) => near(copy, target) >= own) ||
      rivals(target, source).some((copy) => near(source, copy) > own) || isAcross(source, target);
    return isUndecided ? [{ ...feeding, shown: false }] : [feeding];
  });
}

/** Words and numbers of a name. */
const partsOf = (name: string): readonly string[] => name.match(/\d+|[^\d./_-]+/g) ?? [];

/** How many parts two names have in common before they part. */
function partingOf(a: readonly string[], b: readonly string[]): number {
  const at = a.findIndex((part, i) => part !== b[i]);
  return at < 0 ? a.length : at;
}

/** Where copies lie in two modules: the names of these. */
function branchesOf(
  names: readonly (readonly string[])[],
  copies: Copies,
): (readonly [readonly string[], readonly string[]])[] {
  const found = new Map<string, readonly [readonly string[], readonly string[]]>();
  for (const [layer, others] of copies) {
    for (const other of others) {
      const [a, b] = [names[layer]!, names[other]!];
      const end = partingOf(a, b) + 1;
      if (layer > other || a.length <= end || b.length <= end) continue;
      const branches = [a.slice(0, end), b.slice(0, end)] as const;
      found.set(branches.join("/"), branches);
    }
  }
  return [...found.values()];
}

const isWithin = (name: readonly string[], branch: readonly string[]) =>
  branch.every((part, at) => name[at] === part);

/** Whether two names part at the number of a list whose members stand side by side. */
function isSideBySide(a: readonly string[], b: readonly string[]): boolean {
  const at = partingOf(a, b);
  return at > 0 && [a[at], b[at]].every((part) => part !== undefined && /^\d+$/.test(part)) &&
    SIDE_BY_SIDE.test(a[at - 1]!);
}
