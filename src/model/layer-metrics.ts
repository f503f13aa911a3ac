/** Figures of a layer's spectrum and vectors, under the names of the tables' columns, which are WeightWatcher's where it has one. */

/** A figure; null where it is undefined. Never NaN. */
export type Metric = number | null;

/** Figures of a set of eigenvalues, the squares of singular values. `src/model/tables/layer-metrics.ts` says what each is. */
export interface SpectralMetrics {
  readonly alpha: Metric;
  readonly xmin: Metric;
  readonly D: Metric;
  readonly sigma: Metric;
  readonly num_pl_spikes: Metric;
  readonly alpha_weighted: Metric;
  readonly log_alpha_norm: Metric;
  readonly log_norm: Metric;
  readonly log_spectral_norm: Metric;
  readonly stable_rank: Metric;
  readonly matrix_rank: Metric;
  readonly entropy: Metric;
  readonly rank_loss: Metric;
  readonly detX_num: Metric;
  readonly detX_val: Metric;
}

/** How sure a power law is; of no layer where no bootstrap was asked for. */
export interface PowerLawEvidence {
  readonly alpha_low: Metric;
  readonly alpha_high: Metric;
  readonly alpha_p: Metric;
}

/** Means over the neurons below and above `xmin`. */
export interface VectorMeans {
  readonly bulk_mean_loc_ratio: Metric;
  readonly tail_mean_loc_ratio: Metric;
  readonly bulk_mean_part_ratio: Metric;
  readonly tail_mean_part_ratio: Metric;
  readonly bulk_mean_vec_entropy: Metric;
  readonly tail_mean_vec_entropy: Metric;
}

/** Figures of the weight with its entries permuted, beside those of the weight. */
export interface PermutedMetrics {
  readonly rand_alpha: Metric;
  readonly rand_D: Metric;
  readonly rand_mp_distance: Metric;
  readonly max_rand_eval: Metric;
  readonly rand_distance: Metric;
  readonly ww_softrank: Metric;
}

/** What is measured of each neuron; NaN stands for what is undefined, here only: it becomes null in the tables. */
export interface NeuronMetrics {
  readonly locRatio: Float64Array;
  readonly partRatio: Float64Array;
  readonly vecEntropy: Float64Array;
  /** See `spikes`. */
  readonly spikeLogP: Float64Array;
}

/** All that is measured of a layer; its bulk is not here, for it depends on a level of significance. */
export interface LayerMetrics {
  readonly spectrum: SpectralMetrics;
  readonly vectors: VectorMeans;
  readonly neurons: NeuronMetrics;
  readonly evidence: PowerLawEvidence | null;
  /** With the permuted weight's own `spikeLogP`. */
  readonly permuted: (PermutedMetrics & { readonly spikeLogP: Float64Array }) | null;
  /** Of WeightWatcher's matrices: each position of a convolution is one, and their eigenvalues are pooled. */
  readonly pooled: SpectralMetrics | null;
}
