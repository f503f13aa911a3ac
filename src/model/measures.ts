/** Figures of a whole model, of which no single connection could tell. */

/** One edge, of a chain or among the strongest. */
export interface ChainEdge {
  readonly sourceLayer: number;
  readonly sourceNeuron: number;
  readonly targetLayer: number;
  readonly targetNeuron: number;
  /** The `part` of its connection. */
  readonly part: number;
  readonly overlap: number;
  /** `ln P(X >= overlap)` under the null. */
  readonly logP: number;
}

/** Edges that follow one another: each begins at the neuron where the one before ends. */
export interface Chain {
  /** In the order of flow; `k` of them join `k + 1` layers. */
  readonly edges: readonly ChainEdge[];
  /** `ln` of Fisher's combined p: `P(chi2 with 2k degrees of freedom >= -2 sum logP)`. */
  readonly logFisher: number;
  /** `ln` of the number of chains, of all admissible lengths, among which this one was chosen. */
  readonly logChains: number;
  /** `min(0, logFisher + logChains)`: the joint p after Bonferroni over all chains. */
  readonly logP: number;
}

/**
 * `sum over all input-output paths of prod(overlap) * prod(singular values)`, of Meller and Berkouk, as natural logarithms: the products
 * leave the range of a float64 in deep models. `-Infinity` where the sum is 0.
 */
export interface PathMetric {
  /** With the singular values of all neurons on a path, the first and the last included. */
  readonly logWithSingularValues: number;
  /** Overlaps only. */
  readonly logWithout: number;
  /** With singular values, over paths through neurons with `s_j > floor * s_1` only. */
  readonly logAboveFloor: number;
  /** In [0, 1]: a share of each layer's largest singular value. */
  readonly floor: number;
}

/** What is known of a model once all its connections have been seen. */
export interface ModelMeasures {
  /**
   * The dominant connection and the next best chains that share no neuron with a better one, best first; as many as were asked for.
   * Whether one is more than chance, its `logP` says. Empty where no two edges follow one another.
   */
  readonly chains: readonly Chain[];
  /** Null, with the reason, where it cannot be had. */
  readonly pathMetric: PathMetric | { readonly unknown: string };
}

/** A strong edge, for the report. */
export interface StrongEdge extends ChainEdge {
  /** The normal quantile of its unadjusted p. */
  readonly sigma: number;
  /** Whether its adjusted p is at most alpha. */
  readonly significant: boolean;
}

/** A neuron at which several of the strongest edges meet. */
export interface Hub {
  readonly layer: number;
  readonly neuron: number;
  /** Whether it is the source of these edges, or their target. */
  readonly end: "source" | "target";
  /** Those of the model's strongest edges, significant ones, that end there. */
  readonly strongest: readonly StrongEdge[];
  /** All its significant edges on that side. */
  readonly edges: number;
  /** Layers at the other ends of these. */
  readonly layers: number;
}
