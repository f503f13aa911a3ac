/** The table `neurons`: a row per spectral neuron. */

import { column, type TableColumn } from "./column.ts";

const flag = { unit: "none", range: "true or false" };
const vector = { unit: "none", range: "1 or more", whenNull: "of null neurons, which have no direction" };

/** The columns of the table `neurons`, in order. */
export const NEURON_COLUMNS: readonly TableColumn[] = [
  column("layer_index", "int32", {
    description: "The layer that the neuron belongs to",
    unit: "index from 0",
    range: "a layer_index of layers",
    formula: "as in layers",
  }),
  column("neuron", "int32", {
    description: "The neuron's place in its layer, by singular value: 0 has the largest",
    unit: "index from 0",
    range: "0 to rank - 1",
    formula: "order of descending singular values",
  }),
  column("group", "int32", {
    description: "The group of channels that it reads and writes",
    unit: "index from 0",
    range: "0 to groups - 1; 0 in a dense layer",
    formula: "the group whose decomposition it comes from",
  }),
  column("singular_value", "float64", {
    description: "The neuron's gain: what it multiplies its input pattern by",
    unit: "as the weight",
    range: "0 or more",
    formula: "s_j of M = sum_j s_j u_j v_j', M being the unfolded weight",
  }),
  column("relative", "float64", {
    description: "The gain as a share of the layer's largest",
    unit: "none (a share)",
    range: "[0, 1]",
    formula: "s_j / s_1; 0 where s_1 is 0",
  }),
  column("energy", "float64", {
    description: "The neuron's share of the layer's squared norm",
    unit: "none (a share)",
    range: "[0, 1]",
    formula: "(s_j / frobenius_norm)^2; 0 in a layer of zeros",
  }),
  column("intensity", "float64", {
    description:
      "How much more than even the neuron overlaps with the leading neurons of the layers that it feeds",
    unit: "none (a share)",
    range: "[0, 1]",
    formula:
      "max over rows i of sum_(k <= i) (n * A[k, j] - 1), at least 0, divided by the layer's maximum; A: overlaps (rows: targets, " +
      "columns: sources), n: shared channels; the largest of all connections; 1 in a layer that feeds none",
  }),
  column("near_kernel", "bool", {
    description: "Whether the gain is a small share of the layer's largest",
    ...flag,
    formula: "s_j <= nearKernel * s_1; nearKernel is 0.1 by default",
  }),
  column("null", "bool", {
    description:
      "Whether the singular value is rounding: such a neuron has no direction and is no end of an edge",
    ...flag,
    formula: "s_j <= max(rows, cols) * eps * s_1 of the unfolded weight",
  }),
  column("cluster", "bool", {
    description:
      "Whether the singular value is that of others of its group too: its vectors are a choice within their common subspace",
    ...flag,
    formula: "neighbours in the order of singular values differ by rounding only",
  }),
  column("residual", "float64", {
    description: "How far the neuron is from a singular triplet: a singular value lies within it",
    unit: "none (a share of s_1)",
    range: "0 or more",
    formula: "max(|M v_j - s_j u_j|, |M' u_j - s_j v_j|) / s_1, measured; s_1 of the neuron's group",
    whenNull: "where all neurons of the layer were computed: rounding of the decomposition",
  }),
  column("converged", "bool", {
    description:
      "Whether the residual is within the tolerance, and the neuron told apart from its neighbours; others are no ends of edges",
    ...flag,
    formula:
      "residual <= tolerance, and s_j farther from its neighbours than their residuals or equal to them; true where all neurons were computed",
  }),
  column("loc_ratio", "float64", {
    description: "Localization ratio: over how many channels the neuron's largest entry would be spread",
    ...vector,
    formula:
      "|x|_1 / |x|_inf; x: the vector on the shorter side of the unfolded weight, u_j where both are as long",
  }),
  column("part_ratio", "float64", {
    description: "Participation ratio of the same vector",
    ...vector,
    formula: "|x|_2 / |x|_4",
  }),
  column("vec_entropy", "float64", {
    description: "Entropy of a histogram of the same vector's entries",
    ...vector,
    range: "[0, ln 100]",
    formula:
      "-sum p ln p over 100 bins of |x| from its smallest to its largest; p: density + 1e-10, scaled to a sum of 1",
  }),
  column("spike_log_p", "float64", {
    description:
      "Whether the neuron stands out of noise: the probability that noise alone brings so many, adjusted for the layer",
    unit: "natural logarithm",
    range: "0 or less",
    formula:
      "Tracy-Widom tail (beta = 1) of s_j^2 against the mean square of what is below it, running maximum from the largest on; times groups",
    whenNull: "where only leading neurons were asked for, and of the last 7 of a group's shorter side",
  }),
];
