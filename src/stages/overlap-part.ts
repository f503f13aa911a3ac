/**
 * What is seen of consecutive rows of an overlap matrix: candidates for edges, figures, products. The matrix is made, looked through and
 * let go in one place, which may be a thread of the kernel's: what comes out of it is small.
 */

import type { Handed, Kernel } from "../kernels/kernel.ts";
import type { Connection } from "../model/layer.ts";
import type { MeasureOverlap, OverlapPart, OverlapShape } from "../model/ports.ts";
import type { Spectrum } from "../model/spectrum.ts";
import { BLOCK_BYTES } from "./memory-needs.ts";
import { overlapBlocks } from "./overlap.ts";
import type { OverlapGeometry } from "./overlap-geometry.ts";
import {
  candidateCollector,
  type KeptCandidates,
  keptLevel,
  type PairSides,
  type TestSettings,
} from "./candidates.ts";
import { expectedOverlaps, type PairNulls, pairNulls } from "./pair-null.ts";

/** Rows `first` to `first + rows` of a connection's overlap matrix, and what is asked of them. Plain data. */
export interface PartQuestion {
  readonly connection: Connection;
  /** Its right vectors are not looked at. */
  readonly source: Spectrum;
  /** Of the neurons that are the rows, as if there were no others; its left vectors are not looked at. */
  readonly target: Spectrum;
  readonly first: number;
  /** Of the whole connection, as are the flags of its neurons. */
  readonly geometry: OverlapGeometry;
  readonly sides: PairSides;
  readonly test: TestSettings;
  /** Each as long as there are sources. */
  readonly vectors: readonly Float64Array[];
}

/** What they have shown. Plain data. */
export interface PartScan {
  readonly candidates: KeptCandidates;
  readonly measures: OverlapPart;
  /** Products with the vectors, each as long as there are rows. */
  readonly products: readonly Float64Array[];
}

/** Computes the overlaps of a part and looks through them. */
export async function scanPart(
  question: PartQuestion,
  kernel: Kernel,
  measure: MeasureOverlap,
  signal?: AbortSignal,
): Promise<PartScan> {
  const { connection, source, target, first, geometry, sides, test, vectors } = question;
  const nulls = nullsOf(question);
  const collector = candidateCollector(geometry, test, nulls, sides);
  const measurer = measure(shapeOf(question));
  const products = vectors.map(() => new Float64Array(target.singularValues.length));
  for await (const block of overlapBlocks(connection, source, target, kernel, BLOCK_BYTES, signal)) {
    const placed = { ...block, first: first + block.first };
    collector.add(placed);
    const expected = expectedOverlaps(nulls, placed);
    measurer.block(block.rows, block.overlap, expected);
    vectors.forEach((vector, at) => multiply(block.overlap, vector, products[at]!, block.first, block.rows));
  }
  return { candidates: collector.finish(), measures: measurer.part(), products };
}

/** The null distributions of a part's pairs, its target neurons by their places among the connection's. */
function nullsOf({ connection, source, target, first, geometry, test }: PartQuestion): PairNulls {
  const nulls = pairNulls(test.null, connection, source, target, geometry, keptLevel(geometry, test));
  const placed = { ...nulls, of: (neuron: number) => nulls.of(neuron - first) };
  if (nulls.unturned === null) return placed;
  const unturned = { ...nulls.unturned, target: new Uint8Array(geometry.targets) };
  unturned.target.set(nulls.unturned.target, first);
  return { ...placed, unturned };
}

/** The rows of a part as an overlap matrix of their own. */
function shapeOf({ connection, source, target, first, geometry, sides }: PartQuestion): OverlapShape {
  const targets = target.singularValues.length;
  return {
    ...geometry,
    connection,
    unfolding: source.unfolding,
    targets,
    sourceNearKernel: sides.source,
    targetNearKernel: sides.target.subarray(first, first + targets),
  };
}

/** `product[first + i] = sum_j overlaps[i, j] vector[j]`. */
function multiply(
  overlaps: Float64Array,
  vector: Float64Array,
  product: Float64Array,
  first: number,
  rows: number,
): void {
  for (let i = 0; i < rows; i++) product[first + i] = inner(overlaps, i * vector.length, vector);
}

/** `sum_j values[from + j] vector[j]`. */
function inner(values: Float64Array, from: number, vector: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < vector.length; j++) sum += values[from + j]! * vector[j]!;
  return sum;
}

/** A question for a thread, with the module that measures. */
export interface HandedQuestion {
  readonly question: PartQuestion;
  /** See `MeasureOverlap.module`. */
  readonly measure: string;
}

/** Answers in a thread of the kernel's: the work that its `within` is asked to do. */
export default async function answer(
  { question, measure }: HandedQuestion,
  kernel: Kernel,
): Promise<Handed<PartScan>> {
  const measures = await import(measure) as { readonly default: MeasureOverlap };
  const value = await scanPart(question, kernel, measures.default);
  const { candidates: { logP, overlap, cosine, sourceNeuron, targetNeuron } } = value;
  const large = [logP, overlap, sourceNeuron, targetNeuron, ...cosine === null ? [] : [cosine]];
  return { value, given: large.map(({ buffer }) => buffer) };
}
