/** Tests of pairs of ports of equal width: whether they index the same channels. */

import { Pace } from "../../../base/pace.ts";
import type { CallOptions, Kernel } from "../../../kernels/kernel.ts";
import { random, shuffle } from "../../../model/random.ts";
import { matrix } from "../../../model/tensor.ts";
import { type Assignment, jointLogP, type TailCheck } from "../../../stats/joint-permutation-test.ts";
import { forEachPermutation } from "../../../stats/relabellings.ts";
import type { Side } from "./channel-weights.ts";
import { isSmall, LOG_ALPHA } from "./level.ts";
import type { VectorName } from "./channel-vectors.ts";
import { localLogP, orderLogP } from "./ordered-channels.ts";
import type { Port } from "./ports.ts";
import { Union } from "../../../model/union.ts";

/** A pair of ports that has been tested: indices of the list of ports, `first < second`. */
export interface PairTest {
  readonly first: number;
  readonly second: number;
  /** `ln p`, corrected for the statistics within the pair, not for the number of pairs. */
  readonly logP: number;
}

/** What all pairs show. */
export interface PairTests {
  readonly tests: readonly PairTest[];
  /** Pairs of ports of one side that resemble each other as copies do, by their numbers; first one first. */
  readonly alike: readonly (readonly [number, number])[];
  /** How many pairs may have been looked at: what is read in several forms counts in each. */
  readonly looked: number;
}

/**
 * Kernels of two ports of one side are alike from this inner product on: copies with noise of up to 1.5 times their weights. Ports of trained networks that
 * share a space were seen at 0.26 at most, and no two layers at more than 0.15 on both sides.
 */
const ALIKE = 0.3;

/** How much each vector counts between ports of two kinds: what one side knows of the other's numbers. */
const WEIGHTS: Readonly<Record<string, Partial<Record<VectorName, number>>>> = {
  "in/out": { norm: 1, structure: 1, active: 1, level: 0.7 },
  "depthwise/out": { norm: 0.7, structure: 0.5, active: 1, level: 0.7, spread: 1.3 },
  "in/in": { norm: 0.6, structure: 0.8, active: 1, smooth: 0.8 },
  "depthwise/in": { norm: 0.3, structure: 0.3 },
  "depthwise/depthwise": { norm: 0.7, structure: 0.5, smooth: 0.3 },
  "out/out": { norm: 0.2, structure: 0.5, level: 0.7, smooth: 0.6 },
};

/** Statistics by their number: three kernels, the vectors together, what biases say. Each alone, and sums. */
const SETS: readonly (readonly number[])[] = [
  [0],
  [1],
  [2],
  [3],
  [4],
  [0, 3],
  [0, 1, 2, 3],
  [0, 1, 2, 3, 4],
];

/** Below this the tails are checked by relabellings, and the order of channels by local ones. */
const CHECKED = Math.log(1e-3);

/** Relabellings that a tail is checked with: as many as take so many products, within bounds. */
const CHECKED_PRODUCTS = 4e6;
const [LEAST_CHECKS, MOST_CHECKS] = [200, 4000];

/** Up to here all relabellings are looked at: 40,320 at most. */
const MOST_ENUMERATED = 8;

/** Ports whose neighbouring channels are alike with less p than this have ordered channels. */
const ORDERED = Math.log(0.01);

/**
 * All pairs of one width, by equal size of what is looked at. Others have the thread in between.
 *
 * The tails of pairs whose ports other pairs have joined already are not checked: they change no space. Their p counts as no smaller than what joins.
 * Ports that may be left out afterwards join none: without them a space would rest on what was not checked.
 *
 * @param formsOf in how many forms a port may be looked at. Default: in one
 * @throws the signal's reason once it is aborted
 */
export async function pairTests(
  ports: readonly Port[],
  isPair: (a: Port, b: Port) => boolean,
  kernel: Kernel,
  options: CallOptions = {},
  formsOf: (port: Port) => number = () => 1,
): Promise<PairTests> {
  const groups = [...Map.groupBy(ports.keys(), (at) => ports[at]!.width).values()].map((members) => ({
    members,
    pairs: pairsOf(members.map((at) => ports[at]!), isPair),
  }));
  const most = groups.reduce((sum, { members, pairs }) => {
    const forms = members.map((at) => formsOf(ports[at]!));
    return sum + pairs.reduce((part, [i, j]) => part + forms[i]! * forms[j]!, 0);
  }, 0);
  const tests: PairTest[] = [];
  const alike: (readonly [number, number])[] = [];
  const order = new Map<Port, number>();
  const joined = new Union(ports.length);
  const stays = staying(ports);
  const pace = new Pace(options.signal);
  let left = 0;
  for (const { members, pairs } of groups) {
    if (pairs.length === 0) continue;
    const group = members.map((at) => ports[at]!);
    const inner = await innerProducts(group, kernel, options);
    const relabellings = relabellingsOf(group[0]!.view.size);
    for (const [i, j] of pairs) {
      await pace.step();
      const [first, second] = [members[i]!, members[j]!];
      const products = inner.map((table) => table[i * group.length + j]!);
      if (areAlike(group[i]!, group[j]!, products)) alike.push([first, second]);
      const isJoined = joined.find(first) === joined.find(second);
      const logP = isJoined
        ? joinedPairLogP(group[i]!, group[j]!, products, most)
        : pairLogP(group[i]!, group[j]!, products, relabellings, order);
      if (logP === null) {
        left += formsOf(group[i]!) * formsOf(group[j]!);
        continue;
      }
      tests.push({ first, second, logP });
      if (isSmall(logP, most) && stays(group[i]!) && stays(group[j]!)) joined.join(first, second);
    }
  }
  return { tests, alike, looked: most - left };
}

/** Whether a port is certain to stay: parts of what is read do not, and of several forms of a matrix one does. */
function staying(ports: readonly Port[]): (port: Port) => boolean {
  const several = new Set(ports.flatMap(({ layer, flattening }) => flattening === undefined ? [] : [layer]));
  return ({ layer, side, part }) => side !== "in" || part === undefined && !several.has(layer);
}

/** By the first kernel that both have. */
function areAlike(a: Port, b: Port, inner: readonly number[]): boolean {
  const k = a.view.kernels.findIndex((each, at) => each !== null && (b.view.kernels[at] ?? null) !== null);
  return a.side === b.side && a.part === undefined && b.part === undefined && k >= 0 && inner[k]! > ALIKE;
}

/** Pairs of a group that are tested, by their numbers in it. */
function pairsOf(
  group: readonly Port[],
  isPair: (a: Port, b: Port) => boolean,
): (readonly [number, number])[] {
  return group.flatMap((b, j) => group.slice(0, j).flatMap((a, i) => isPair(a, b) ? [[i, j] as const] : []));
}

/** Of ports that are joined already, without a check of tails. */
function joinedPairLogP(a: Port, b: Port, inner: readonly number[], looked: number): number | null {
  const logP = isCopy(a, b, inner)
    ? null
    : jointLogP(a.view, b.view, inner, [vectorsOf(a, b), driveOf(a, b)], SETS);
  return logP === null ? null : Math.max(logP, LOG_ALPHA - Math.LN2 - Math.log(looked));
}

/** Copies of one weight show nothing but that. */
const isCopy = (a: Port, b: Port, inner: readonly number[]) => inner[0]! > 1 - 1e-9 && a.side === b.side;

function pairLogP(
  a: Port,
  b: Port,
  inner: readonly number[],
  relabellings: () => TailCheck,
  order: Map<Port, number>,
): number | null {
  if (isCopy(a, b, inner)) return null;
  const assignments = [vectorsOf(a, b), driveOf(a, b)];
  const logP = jointLogP(a.view, b.view, inner, assignments, SETS);
  if (logP === null || logP > CHECKED) return logP;
  const checked = Math.max(logP, jointLogP(a.view, b.view, inner, assignments, SETS, relabellings())!);
  if (checked > CHECKED) return checked;
  const isOrdered = (port: Port) => {
    const known = order.get(port) ?? orderLogP(port);
    order.set(port, known);
    return known < ORDERED;
  };
  return isOrdered(a) && isOrdered(b) ? Math.max(checked, localLogP(a, b, assignments[0]!)) : checked;
}

/** `<A_k, B_k>` of all pairs of a group: one product of matrices per kernel. */
async function innerProducts(
  group: readonly Port[],
  kernel: Kernel,
  options: CallOptions,
): Promise<Float64Array[]> {
  const kernels = group[0]!.view.kernels.length;
  const size = group[0]!.view.size;
  const tables: Float64Array[] = [];
  for (let k = 0; k < kernels; k++) {
    const rows = matrix(group.length, size * size);
    group.forEach(({ view }, at) => {
      const part = view.kernels[k]?.part.data;
      if (part !== undefined) rows.data.set(part, at * size * size);
    });
    tables.push((await kernel.multiply(rows, rows, { ...options, transposeB: true })).data);
  }
  return tables;
}

/** Relabellings of so many channels, made when first asked for: all of them where they are few, else seeded ones. */
export function relabellingsOf(n: number): () => TailCheck {
  let made: TailCheck | null = null;
  return () =>
    made ??= n <= MOST_ENUMERATED
      ? { relabellings: everyRelabelling(n), all: true }
      : { relabellings: seededRelabellings(n) };
}

function everyRelabelling(n: number): Int32Array[] {
  const all: Int32Array[] = [];
  forEachPermutation(n, (each) => all.push(Int32Array.from(each)));
  return all;
}

function seededRelabellings(n: number): Int32Array[] {
  const source = random(n, "relabellings");
  const count = Math.max(LEAST_CHECKS, Math.min(MOST_CHECKS, Math.floor(CHECKED_PRODUCTS / (n * n))));
  return Array.from({ length: count }, () => {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    shuffle(order, 0, n, source);
    return order;
  });
}

const kindOf = (a: Side, b: Side) => a < b ? `${a}/${b}` : `${b}/${a}`;

/** The vectors that both ports have, each weighed. */
function vectorsOf(a: Port, b: Port): Assignment | null {
  const weights = Object.entries(WEIGHTS[kindOf(a.side, b.side)]!) as [VectorName, number][];
  const [left, right]: [Float64Array[], Float64Array[]] = [[], []];
  for (const [name, weight] of weights) {
    const [x, y] = [a.vectors[name], b.vectors[name]];
    if (x === undefined || y === undefined) continue;
    left.push(x.map((value) => weight * value));
    right.push(y);
  }
  return left.length === 0 ? null : { left, right };
}

/** What biases say: alike where gradients met, opposite where a batch norm was folded. */
function driveOf(a: Port, b: Port): Assignment | null {
  const [x, y] = [a.vectors.drive, b.vectors.drive];
  return x === undefined || y === undefined
    ? null
    : { left: [x], right: [y], twoSided: (a.side === "out") !== (b.side === "out") };
}
