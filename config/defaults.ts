/** What a run does where its config is silent. */

/** Default of every setting that has one. */
export const DEFAULTS = {
  out: "svr-out",
  replace: false,
  series: "auto",
  unfolding: "svr",
  batchNorm: "raw",
  normGain: "raw",
  null: "rotation",
  /** Used where neither `sigma` nor `alpha` is given; as in the reference program. */
  sigma: 3,
  correction: "bh",
  correctionOver: "connection",
  weight: "overlap",
  edges: "significant",
  nearKernel: { relative: 0.1 },
  layerMetrics: { pooled: false, permuted: false, bootstrap: 0, seed: 0, alpha: 0.001 },
  rank: "auto",
  tolerance: 1e-8,
  dominant: 1,
  nullControl: false,
  nullControlSeed: 0,
  guess: true,
  infer: "auto",
  audit: false,
  strict: false,
  sinks: ["parquet", "arrow"],
  graph: "embedded",
  kernel: "auto",
  precision: "f64",
  memory: "auto",
  cache: { limit: "4GiB" },
  /** As Shuttleworth, Andreas, Torralba and Sharma 2024 (arXiv 2410.21228) define intruders. */
  compare: { leading: 10, cosine: 0.5, fileOrder: false },
} as const;
