/** The figures of the table `layers` that WeightWatcher's users know, under its names where it has one. */

import { column, type ColumnText, type ColumnType, type TableColumn } from "./column.ts";

const PARTIAL = "where the layer was skipped, or only leading neurons were asked for";
const noFit = `${PARTIAL}, and where fewer than 8 eigenvalues are above 1e-5, or all are equal`;

/** Columns of a set of eigenvalues, of ours and of the pooled ones. */
const SPECTRAL: readonly (readonly [name: string, type: ColumnType, text: ColumnText])[] = [
  ["alpha", "float64", {
    description: "The exponent of a power law in the tail of the eigenvalues",
    unit: "none (an exponent)",
    range: "above 1",
    formula:
      "1 + t / sum ln(l_j / xmin) over the t eigenvalues from xmin on (of fewer than 20 in all: t - 1 for t)",
    whenNull: noFit,
  }],
  ["xmin", "float64", {
    description: "Where the power law begins",
    unit: "as the squared weight",
    range: "above 1e-5",
    formula:
      "the eigenvalue, the largest aside, from which on D is least (of fewer than 20: with 8 or more above it)",
    whenNull: noFit,
  }],
  ["D", "float64", {
    description: "How far the tail is from its power law",
    unit: "none (a share)",
    range: "[0, 1]",
    formula: "max over the tail of |1 - (l_j / xmin)^(1 - alpha) - j/t|, j from 0",
    whenNull: noFit,
  }],
  ["sigma", "float64", {
    description: "Standard error of alpha, were the eigenvalues independent and xmin known",
    unit: "as alpha",
    range: "above 0",
    formula: "(alpha - 1) / sqrt(t)",
    whenNull: noFit,
  }],
  ["num_pl_spikes", "int32", {
    description: "Eigenvalues in the tail of the power law",
    unit: "count",
    range: "2 to rank",
    formula: "number of l_j >= xmin",
    whenNull: noFit,
  }],
  ["alpha_weighted", "float64", {
    description: "alpha, weighted by the size of the layer",
    unit: "none",
    range: "any number",
    formula: "alpha * log10 l_1",
    whenNull: noFit,
  }],
  ["log_alpha_norm", "float64", {
    description: "The Schatten norm of alpha",
    unit: "log10",
    range: "any number",
    formula: "log10 sum l_j^alpha",
    whenNull: noFit,
  }],
  ["log_norm", "float64", {
    description: "The squared Frobenius norm",
    unit: "log10 of the squared weight",
    range: "any number",
    formula: "log10 sum l_j",
    whenNull: "where the layer was skipped, and where all of it is 0",
  }],
  ["log_spectral_norm", "float64", {
    description: "The largest eigenvalue",
    unit: "log10 of the squared weight",
    range: "any number",
    formula: "log10 l_1",
    whenNull: "where the layer was skipped, and where all of it is 0",
  }],
  ["stable_rank", "float64", {
    description: "How many neurons share the layer's energy",
    unit: "none (a ratio)",
    range: "[1, rank]",
    formula: "sum l_j / l_1",
    whenNull: "where the layer was skipped, and where all of it is 0",
  }],
  ["matrix_rank", "int32", {
    description: "Singular values that are more than rounding",
    unit: "count",
    range: "0 to rank",
    formula: "number of s_j > max(rows, cols) * eps * s_1, s_1 the largest of all",
    whenNull: PARTIAL,
  }],
  ["entropy", "float64", {
    description: "How evenly the eigenvalues share their sum: 1 where all are equal",
    unit: "none (a ratio)",
    range: "0 to about 1",
    formula: "-sum p_j ln p_j / ln(matrix_rank + 1e-10), p_j = l_j / sum l + 1e-10",
    whenNull: `${PARTIAL}, and where matrix_rank is below 2`,
  }],
  ["rank_loss", "int32", {
    description: "Singular values that are rounding",
    unit: "count",
    range: "0 to rank",
    formula: "number of s_j <= max(rows, cols) * eps * s_1, s_1 that of the same matrix",
    whenNull: PARTIAL,
  }],
  ["detX_num", "int32", {
    description: "The largest eigenvalues whose product is 1, once all are scaled to a mean of 1",
    unit: "count",
    range: "1 to rank",
    formula: "the least number of the largest l_j / mean(l) with a product below 1; rank where there is none",
    whenNull: `${PARTIAL}, and where all eigenvalues are equal`,
  }],
  ["detX_val", "float64", {
    description: "The smallest of these eigenvalues",
    unit: "as the squared weight",
    range: "0 or more",
    formula: "l_j, j = detX_num; the second smallest where no product is below 1",
    whenNull: `${PARTIAL}, and where all eigenvalues are equal`,
  }],
];

const NO_BULK = `${PARTIAL}, of a matrix with a side below 8, and of layers in groups`;
const bulkText = { unit: "as the squared weight", range: "0 or more", whenNull: NO_BULK };
const unasked = (what: string) =>
  `where layerMetrics.${what} was not asked for, the layer was skipped, or only leading neurons were asked for`;
const mean = (side: string, name: string, what: string, formula: string, range: string) =>
  column(`${side}_mean_${name}`, "float64", {
    description: `Mean ${what} of the neurons ${side === "bulk" ? "below" : "from"} xmin${
      side === "bulk" ? "" : " on"
    }`,
    unit: "none",
    range,
    formula: `mean of ${formula}, null neurons aside`,
    whenNull: "where alpha is null, and where there is no such neuron",
  });

/** Columns behind those of `layers` that describe the layer. `l_j` is `s_j^2`, descending. */
export const LAYER_METRIC_COLUMNS: readonly TableColumn[] = [
  // Of ours there is one already.
  ...SPECTRAL.filter(([name]) => name !== "stable_rank").map((each) => column(...each)),
  column("num_spikes", "int32", {
    description: "Neurons that stand out of noise",
    unit: "count",
    range: "0 to rank - 7",
    formula: "number of spike_log_p (of neurons) <= ln layerMetrics.alpha, 0.001 by default",
    whenNull: `${PARTIAL}, and of a matrix with a side below 8`,
  }),
  column("sigma_mp", "float64", {
    description: "Standard deviation of the noise, were the mean of all eigenvalues 1",
    unit: "none (a ratio)",
    range: "[0, 1]",
    formula: "sqrt(mean of the l_j that are no spikes / mean of all)",
    whenNull: NO_BULK,
  }),
  column("bulk_min", "float64", {
    description: "Where the noise begins",
    ...bulkText,
    formula:
      "v (sqrt(m' - k) - sqrt(n' - k))^2, k = num_spikes, v = sum of other l_j / ((m' - k)(n' - k)); m' x n': unfolded weight",
  }),
  column("bulk_max", "float64", {
    description: "Where the noise ends",
    ...bulkText,
    formula: "v (sqrt(m' - k) + sqrt(n' - k))^2",
  }),
  column("mp_softrank", "float64", {
    description: "The end of the noise as a share of the largest eigenvalue",
    unit: "none (a ratio)",
    range: "0 or more",
    formula: "bulk_max / l_1",
    whenNull: NO_BULK,
  }),
  column("mp_distance", "float64", {
    description:
      "How far the eigenvalues that are no spikes are from the law of noise (Marchenko and Pastur)",
    unit: "none (a share)",
    range: "[0, 1]",
    formula: "max |F_n - F| (Kolmogorov and Smirnov)",
    whenNull: NO_BULK,
  }),
  ...["bulk", "tail"].flatMap((side) => [
    mean(side, "loc_ratio", "localization ratio", "loc_ratio", "1 or more"),
    mean(side, "part_ratio", "participation ratio", "part_ratio", "1 or more"),
    mean(side, "vec_entropy", "vector entropy", "vec_entropy", "[0, ln 100]"),
  ]),
  column("alpha_low", "float64", {
    description: "Lower end of a 95 % interval of alpha",
    unit: "as alpha",
    range: "above 1",
    formula: "2.5 % quantile of alpha over bootstrap samples of the eigenvalues, xmin fitted anew",
    whenNull: `${unasked("bootstrap")}, and where alpha is null or most samples have none`,
  }),
  column("alpha_high", "float64", {
    description: "Upper end of a 95 % interval of alpha",
    unit: "as alpha",
    range: "above 1",
    formula: "97.5 % quantile of the same",
    whenNull: `${unasked("bootstrap")}, and where alpha is null or most samples have none`,
  }),
  column("alpha_p", "float64", {
    description: "Goodness of fit of the power law: up to 0.1 there is none",
    unit: "none (a probability)",
    range: "(0, 1]",
    formula:
      "(1 + number of samples with a D as large) / (1 + samples), which are made of the fitted law and fitted (Clauset, Shalizi and Newman)",
    whenNull: `${unasked("bootstrap")}, and where alpha is null`,
  }),
  ...([
    ["rand_alpha", "alpha of the weight with its entries permuted", "as alpha", "above 1", "as alpha"],
    ["rand_D", "D of the same", "none (a share)", "[0, 1]", "as D"],
    [
      "rand_mp_distance",
      "mp_distance of the same, with no spikes",
      "none (a share)",
      "[0, 1]",
      "as mp_distance",
    ],
    [
      "max_rand_eval",
      "Its largest eigenvalue",
      "as the squared weight",
      "0 or more",
      "l_1 of the permuted weight",
    ],
    [
      "rand_distance",
      "How far the eigenvalues are from those of the permuted weight",
      "none",
      "[0, sqrt(ln 2)]",
      "root of the Jensen-Shannon divergence of l_j / sum l and that of the permuted weight, both in order",
    ],
    [
      "ww_softrank",
      "Its largest eigenvalue as a share",
      "none (a ratio)",
      "0 or more",
      "max_rand_eval / l_1",
    ],
  ] as const).map(([name, description, unit, range, formula]) =>
    column(name, "float64", {
      description,
      unit,
      range,
      formula,
      whenNull: `${unasked("permuted")}, or the figure is undefined for it`,
    })
  ),
  column("rand_num_spikes", "int32", {
    description: "Spikes of the permuted weight: single large entries, which WeightWatcher calls traps",
    unit: "count",
    range: "0 to rank - 7",
    formula: "as num_spikes",
    whenNull: `${unasked("permuted")}, and of a matrix with a side below 8`,
  }),
  ...SPECTRAL.map(([name, type, text]) =>
    column(`pooled_${name}`, type, {
      ...text,
      description: `${text.description}; of the pooled eigenvalues`,
      formula:
        `${text.formula}; l_j of WeightWatcher's matrices: one of each position of a convolution, times sqrt(1/2)`,
      whenNull: `${unasked("pooled")}, or the figure is undefined`,
    })
  ),
];
