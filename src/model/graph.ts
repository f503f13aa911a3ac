/** The spectral graph: its edges as columns, and what is known of a connection as a whole. */

import type { Connection } from "./layer.ts";

/** Edges of one connection, one array entry per edge. Arrays all have length `count`. */
export interface EdgeColumns {
  readonly count: number;
  /** Neuron index in the source layer. */
  readonly sourceNeuron: Int32Array;
  /** Neuron index in the target layer. */
  readonly targetNeuron: Int32Array;
  /** In [0, 1] (up to the number of repeats where the channel map repeats a source channel). */
  readonly overlap: Float64Array;
  /** Signed inner product in [-1, 1]; null where positions `z > 1`, where it is not defined. */
  readonly cosine: Float64Array | null;
  /** `ln P(X >= overlap)` under the null, at most 0. */
  readonly logP: Float64Array;
  /** `ln` of the adjusted p-value, at most 0. */
  readonly logQ: Float64Array;
  /** The normal quantile of the unadjusted p: `p = 1 - Phi(sigma)`. */
  readonly sigma: Float64Array;
  /** The run's weight expression at this edge. */
  readonly weight: Float64Array;
  /** 1 where the adjusted p is at most alpha. */
  readonly significant: Uint8Array;
}

/** Figures of the whole overlap matrix `A` (rows: target neurons, columns: source neurons) that need every entry of it. */
export interface OverlapMeasures {
  /** Largest overlap. */
  readonly max: number;
  /** `-sum A ln A`, with `0 ln 0 = 0`. */
  readonly entropy: number;
  /** Sum of all overlaps. */
  readonly total: number;
  /** 1-based row of `argmax n * cumsum2d(A) - i*j`. */
  readonly internalTarget: number;
  /** 1-based column of the same. */
  readonly internalSource: number;
  /** Per source neuron: `relu(max over rows of cumsum(n*A - 1))`, divided by its maximum; 0 where that is 0. */
  readonly sourceIntensity: Float64Array;
  /** Energy of the near-kernel block; null where the block is empty. */
  readonly nearKernel: NearKernelEnergy | null;
  /** The share of `total` that lies between near-kernels, in [0, 1]; null where `total` is 0. */
  readonly sparsification: number | null;
  /** Its mean under the null (of a ratio of means where `rho` varies); null where nothing is expected at all. */
  readonly sparsificationExpected: number | null;
}

/** The overlap between near-kernel neurons of both sides, against chance. */
export interface NearKernelEnergy {
  /** Sum of the overlaps in the block. */
  readonly energy: number;
  /** Its mean under the null. */
  readonly expected: number;
  /** `ln P(E >= energy)` under the null, finite; null where the variance is 0, or the connection is not direct. */
  readonly logP: number | null;
  /** `ln P(E <= energy)`, likewise. */
  readonly logPLow: number | null;
}

/** 1 for the near-kernel neurons of a connection's two layers. */
export interface NearKernels {
  readonly source: Uint8Array;
  readonly target: Uint8Array;
}

/** The tests between near-kernel neurons of both sides. */
export interface NearKernelTests {
  readonly tests: number;
  /** Significant edges among them. */
  readonly significant: number;
  /** Expected number of those, were every tested vector of the connection (of the model, where that is the family) random. */
  readonly significantExpected: number;
  /** Those with an unadjusted p of at most alpha; `alpha * tests` are expected by chance. */
  readonly nominal: number;
}

/** What is known of a connection once all its overlaps have been seen. */
export interface ConnectionSummary {
  readonly connection: Connection;
  /** `n`: channels shared. */
  readonly sharedChannels: number;
  /** `N`: channels in the support of the vector that is random under the null. */
  readonly testedChannels: number;
  /** `z` of the side that carries the positions. */
  readonly positions: number;
  /** Number of neuron pairs that can be tested (`rho > 0` and a null that is not a point). */
  readonly tests: number;
  /** The overlap from which an edge is significant; null when `rho` varies or no edge can pass. */
  readonly threshold: number | null;
  /** Edges whose adjusted p is at most alpha. */
  readonly significant: number;
  /** Expected number of those, were every tested vector random: see `expectedByChance` in stats. */
  readonly expectedByChance: number;
  /** Edges whose unadjusted p is at most alpha; `alpha * tests` are expected by chance. */
  readonly nominal: number;
  /** What was tested between near-kernel neurons of both sides. */
  readonly nearKernel: NearKernelTests;
  readonly measures: OverlapMeasures;
  /** `ln p` that the two layers share no channels: of a permutation test; null where it cannot be made. */
  readonly sharedLogP: number | null;
  /** Whether most weights of one of the two layers are zero: then it is tested only where it is known that they share channels. */
  readonly sparse: boolean;
  /** Of two circuits: `|B A| / (|B| |A|)`; absent of other layers, and where one of the two is 0. */
  readonly compositionScore?: number;
}
