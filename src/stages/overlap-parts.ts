/** A whole overlap matrix, seen in parts: as many at a time as the kernel has threads. */

import type { Handed, Kernel } from "../kernels/kernel.ts";
import type { NearKernels, OverlapMeasures } from "../model/graph.ts";
import type { Connection } from "../model/layer.ts";
import type { MeasureOverlap, WantedProducts } from "../model/ports.ts";
import { type Spectrum, undirected } from "../model/spectrum.ts";
import { type Matrix, matrix } from "../model/tensor.ts";
import { productFlops } from "./flops.ts";
import { BLOCK_BYTES } from "./memory-needs.ts";
import { neuronsOf } from "./overlap.ts";
import { nearKernelChance } from "./near-kernel-null.ts";
import {
  type OverlapGeometry,
  overlapGeometry,
  type SideFlags,
  unturnedNeurons,
} from "./overlap-geometry.ts";
import { type HandedQuestion, type PartQuestion, type PartScan, scanPart } from "./overlap-part.ts";
import { compositionScore } from "./circuits/compositions.ts";
import { moduleUrl } from "../base/module-url.ts";
import { sharedChannels } from "./shared-channels.ts";
import { type Candidates, joinedCandidates, type TestSettings } from "./candidates.ts";

/** What is asked of a connection's overlaps. */
export interface OverlapQuestion {
  readonly connection: Connection;
  readonly source: Spectrum;
  readonly target: Spectrum;
  /** Under the rotation null those among them that it cannot turn do not count. */
  readonly near: NearKernels;
  readonly test: TestSettings;
  readonly measure: MeasureOverlap;
  /** What else somebody has to know of the matrix. */
  readonly products: WantedProducts | null;
}

/** What a connection's overlaps, and its layers' channels, have shown. */
export interface OverlapScan {
  readonly geometry: OverlapGeometry;
  readonly candidates: Candidates;
  readonly measures: OverlapMeasures;
  /** `ln p` of the permutation test of the connection; null where it cannot be made. */
  readonly sharedLogP: number | null;
  /** Whether one of the two layers is sparse. */
  readonly sparse: boolean;
  readonly near: NearKernels;
  /** Of two circuits, see `compositionScore`; absent of other layers, and where it is not defined. */
  readonly compositionScore?: number;
}

/** Rows of a part: so many that computing them is far more work than handing the sources' vectors over once more. */
const PART_ROWS = 256;

/**
 * Computes the overlaps of a connection and looks through them. How they are cut into parts depends on their number alone, so that every
 * sum is the same to the last bit whatever the kernel's threads.
 *
 * @throws {TypeError} when the spectra were unfolded differently
 */
export async function scanOverlaps(
  { connection, source, target, near: all, test, measure, products }: OverlapQuestion,
  kernel: Kernel,
  signal?: AbortSignal,
): Promise<OverlapScan> {
  const geometry = overlapGeometry(connection, source, target, kernel.info.precision);
  // What is not turned says nothing about what turning would give.
  const known = without(all, { source: unconverged(source), target: unconverged(target) });
  const near = test.null === "rotation" ? without(known, unturnedNeurons(geometry, source, target)) : known;
  const options = signal === undefined ? {} : { signal };
  const asks = products?.vectors ?? [];
  const isComposition = connection.composition !== undefined;
  const vectors = isComposition ? [...asks, source.singularValues.map((value) => value ** 2)] : asks;
  const { null: name, logAlpha, correction, edges, keep } = test;
  const asked = {
    connection,
    source,
    geometry,
    vectors,
    sides: {
      ...near,
      sourceNull: undirected(source),
      targetNull: undirected(target),
      sourceClustered: source.clustered,
      targetClustered: target.clustered,
    },
    // No more than can be handed over: settings carry functions.
    test: { null: name, logAlpha, correction, edges, ...keep === undefined ? {} : { keep } },
  };
  const step = partRows(geometry);
  const firsts = Array.from({ length: Math.ceil(geometry.targets / step) }, (_, at) => at * step);
  const seen = async (first: number) => {
    const rows = Math.min(step, geometry.targets - first);
    const question = { ...asked, first, target: neuronsOf(target, first, rows) };
    return { first, part: await answered(question, kernel, measure, signal) };
  };
  const asker = { null: name, connection, source, target, geometry, near };
  // Beside the parts, and not behind them: these may leave a thread idle.
  const beside = [
    nearKernelChance(asker, kernel, options),
    // Of circuits it is known, and pairs of heads are too many to ask each time.
    isOfCircuits(source, target)
      ? Promise.resolve(null)
      : sharedChannels(connection, source, target, kernel, options),
  ] as const;
  const ended = Promise.allSettled(beside);
  const candidates: PartScan["candidates"][] = [];
  const measurer = measure({
    ...geometry,
    connection,
    unfolding: source.unfolding,
    sourceNearKernel: near.source,
    targetNearKernel: near.target,
  });
  const found = vectors.map(() => new Float64Array(geometry.targets));
  try {
    for await (const { first, part } of ahead(firsts, kernel.concurrency, seen, signal)) {
      candidates.push(part.candidates);
      measurer.add(part.measures);
      part.products.forEach((product, at) => found[at]!.set(product, first));
    }
  } finally {
    // After a failure nothing may still be going on.
    await ended;
  }
  products?.take(found.slice(0, asks.length));
  const score = isComposition ? compositionScore(source, target, found.at(-1)!) : null;
  const [chance, sharedLogP] = [await beside[0], await beside[1]];
  return {
    geometry,
    candidates: joinedCandidates(candidates, geometry),
    measures: measurer.finish(chance),
    sharedLogP,
    sparse: source.sparse || target.sparse,
    near,
    ...score === null ? {} : { compositionScore: score },
  };
}

function isOfCircuits(...ends: readonly Spectrum[]): boolean {
  return ends.some(({ layer }) => layer.circuit !== undefined);
}

function unconverged({ converged, group }: Spectrum): Uint8Array {
  return converged === undefined ? new Uint8Array(group.length) : converged.map((flag) => 1 - flag);
}

function without(flags: NearKernels, others: SideFlags): NearKernels {
  const left = (side: "source" | "target") =>
    flags[side].map((flag, neuron) => others[side][neuron] === 1 ? 0 : flag);
  return { source: left("source"), target: left("target") };
}

/** Rows of each part but the last: parts are about equal, and overlaps, inner products and `rho` of one fit into a block. */
function partRows({ sources, targets }: OverlapGeometry): number {
  const most = Math.max(1, Math.min(PART_ROWS, Math.floor(BLOCK_BYTES / (24 * sources))));
  return Math.ceil(targets / Math.ceil(targets / most));
}

/** In a thread of the kernel's, where it has some and the measure can be had there. */
async function answered(
  question: PartQuestion,
  kernel: Kernel,
  measure: MeasureOverlap,
  signal?: AbortSignal,
): Promise<PartScan> {
  const { within } = kernel;
  const { module } = measure;
  if (within === undefined || module === undefined) return await scanPart(question, kernel, measure, signal);
  const { source, target } = question;
  const tested = source.unfolding === "svr" ? target.right : source.left;
  const { href } = moduleUrl("./overlap-part", import.meta.url);
  return await within<HandedQuestion, PartScan>(href, () => handed(question, module), {
    flops: productFlops(target.singularValues.length, tested.cols, source.singularValues.length),
    ...signal === undefined ? {} : { signal },
  });
}

const NOTHING = matrix(0, 0);

/** Copies of the vectors that matter are given away; the others stay. */
function handed(question: PartQuestion, measure: string): Handed<HandedQuestion> {
  const left = copyOf(question.source.left);
  const right = copyOf(question.target.right);
  const source = { ...question.source, left, right: NOTHING };
  const target = { ...question.target, left: NOTHING, right };
  return {
    value: { question: { ...question, source, target }, measure },
    given: [left.data.buffer, right.data.buffer],
  };
}

const copyOf = ({ rows, cols, data }: Matrix): Matrix => matrix(rows, cols, data.slice());

/** Results in order, of which up to `width` are being computed at a time. */
async function* ahead<T>(
  items: readonly number[],
  width: number,
  compute: (item: number) => Promise<T>,
  signal?: AbortSignal,
): AsyncGenerator<T> {
  const running: Promise<T>[] = [];
  try {
    for (let next = 0; next < items.length || running.length > 0;) {
      signal?.throwIfAborted();
      while (next < items.length && running.length < width) {
        const result = compute(items[next++]!);
        result.catch(() => undefined); // told when its turn comes
        running.push(result);
      }
      yield await running.shift()!;
    }
  } finally {
    // After a failure nothing may still be going on.
    await Promise.allSettled(running);
  }
}
