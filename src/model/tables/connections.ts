/** The table `connections`: a row per pair of layers of which one feeds the other. */

import { column, type TableColumn } from "./column.ts";

const count = { unit: "count", range: "0 or more" };
const expected = { unit: "count, expected", range: "0 or more" };
const logarithm = { unit: "natural logarithm of a probability", range: "at most 0" };
const overlaps = { unit: "overlaps, summed", range: "0 or more" };
const block = { whenNull: "where one of the layers has no near-kernel" };
const chance = {
  whenNull:
    "where one of the layers has no near-kernel, where the energy cannot vary, or where its null is not known",
};

/** The columns of the table `connections`, in order. */
export const CONNECTION_COLUMNS: readonly TableColumn[] = [
  column("source_layer", "int32", {
    description: "The layer that feeds",
    unit: "index from 0",
    range: "a layer_index of layers",
    formula: "as in layers",
  }),
  column("target_layer", "int32", {
    description: "The layer that is fed",
    unit: "index from 0",
    range: "a layer_index of layers",
    formula: "as in layers",
  }),
  column("part", "int32", {
    description:
      "Tells connections between the same two layers apart: the number of an attention head; 1 of a composition with keys; otherwise 0",
    unit: "index from 0",
    range: "0 or more",
    formula: "from the topology",
  }),
  column("via", "utf8", {
    description: "The most telling thing on the path between the layers",
    unit: "none",
    range: "direct, residual, concat, split, flatten, pool, attention-head, recurrent or tied",
    formula: "from the topology",
  }),
  column("evidence", "utf8", {
    description: "How the connection is known",
    unit: "none",
    range:
      "graph (the model says it), declared (a config or a known architecture), inferred (from the weights) or guessed",
    formula: "from the topology",
  }),
  column("shared_channels", "int32", {
    description: "Channels n that the connection carries",
    unit: "count",
    range: "1 or more",
    formula: "sum of the lengths of the channel map's ranges",
  }),
  column("tested_channels", "int32", {
    description: "Channels N of the vector that the null turns; the expected overlap is about 1 / N",
    ...count,
    formula:
      "live channels of the end that is turned, in its largest group; under beta and chi2 all of its group's",
  }),
  column("positions", "int32", {
    description: "Positions z of the end that carries them",
    unit: "count",
    range: "1 or more",
    formula: "positions of the target in svr, of the source in cosvr",
  }),
  column("shared_log_p", "float64", {
    description: 'Natural logarithm of the p-value of "these two layers share no channels"',
    ...logarithm,
    formula:
      "ln p of the RV coefficient of both channel Gram matrices, channels of one end relabelled at random; not corrected, neither for other connections nor where the connection was chosen by the weights",
    whenNull: "where the test cannot be made",
  }),
  column("sparse", "bool", {
    description: "Whether many weights of one of the two layers are zero",
    unit: "none",
    range: "true or false",
    formula:
      "more than a quarter of the weights of a side, dead channels aside, are exactly zero; pairs are tested then only where the permutation test sees shared channels",
  }),
  column("tests", "int64", {
    description: "Pairs of neurons that were tested",
    ...count,
    formula:
      "pairs whose overlap can vary: no null neuron, not both of clusters, no pair of groups that do not meet",
  }),
  column("threshold", "float64", {
    description: "The overlap from which an edge is significant",
    unit: "none (an overlap)",
    range: "[0, 1]",
    formula: "quantile of the null at the critical p of the correction",
    whenNull: "where targets have thresholds of their own, and where no edge can pass",
  }),
  column("significant", "int64", {
    description: "Pairs that pass the correction, written or not",
    ...count,
    formula: "number of log_q <= ln(alpha)",
  }),
  column("expected_by_chance", "float64", {
    description: "How many significant pairs chance gives",
    ...expected,
    formula:
      "expected number of rejections of the correction under the null, in proportion to tests where the family is the model; with `rank` the " +
      "correction is for the pairs of all neurons",
  }),
  column("nominal", "int64", {
    description: "Pairs with an unadjusted p of at most alpha; chance gives alpha * tests",
    ...count,
    formula: "number of log_p <= ln(alpha)",
  }),
  column("max_overlap", "float64", {
    description: "The largest overlap",
    unit: "none (an overlap)",
    range: "[0, 1]; up to the number of repeats where the channel map repeats a source channel",
    formula: "max A[i, j] of the overlap matrix A (rows: target neurons, columns: source neurons)",
  }),
  column("entropy", "float64", {
    description: "Entropy of the overlap matrix",
    unit: "nats",
    range: "any number",
    formula: "-sum A ln A, with 0 ln 0 = 0",
  }),
  column("total_overlap", "float64", {
    description: "Sum of all overlaps",
    ...overlaps,
    formula: "sum A",
  }),
  column("internal_target", "int32", {
    description: "Leading target neurons of the block that is most above even",
    unit: "count",
    range: "1 to the target's rank",
    formula: "i of argmax over (i, j) of n * cumsum2d(A)[i, j] - i * j, from 1",
  }),
  column("internal_source", "int32", {
    description: "Leading source neurons of the block that is most above even",
    unit: "count",
    range: "1 to the source's rank",
    formula: "j of the same argmax, from 1",
  }),
  column("near_kernel_energy", "float64", {
    description: "Overlap between the near-kernels of both layers",
    ...overlaps,
    formula: "sum of A over the near-kernel block",
    ...block,
  }),
  column("near_kernel_expected", "float64", {
    description: "Mean under the null of the overlap between the near-kernels of both layers",
    ...overlaps,
    formula: "sum over the block of the expected overlaps",
    ...block,
  }),
  column("near_kernel_log_p", "float64", {
    description: "Natural logarithm of the chance of so much overlap between near-kernels, under the null",
    ...logarithm,
    formula: "ln P(E >= near_kernel_energy) under the null",
    ...chance,
  }),
  column("near_kernel_log_p_low", "float64", {
    description: "Natural logarithm of the chance of so little overlap between near-kernels, under the null",
    ...logarithm,
    formula: "ln P(E <= near_kernel_energy) under the null",
    ...chance,
  }),
  column("near_kernel_tests", "int64", {
    description: "Pairs of near-kernels that were tested",
    ...count,
    formula: "tests of the near-kernel block",
  }),
  column("near_kernel_significant", "int64", {
    description: "Pairs of near-kernels that pass the correction, written or not",
    ...count,
    formula: "number of log_q <= ln(alpha) in the block",
  }),
  column("near_kernel_significant_expected", "float64", {
    description: "How many significant pairs of near-kernels chance gives",
    ...expected,
    formula: "expected_by_chance * near_kernel_tests / tests; 0 where nothing was tested",
  }),
  column("near_kernel_nominal", "int64", {
    description:
      "Pairs of near-kernels with an unadjusted p of at most alpha; chance gives alpha * near_kernel_tests",
    ...count,
    formula: "number of log_p <= ln(alpha) in the block",
  }),
  column("sparsification", "float64", {
    description: "The share of all overlap that lies between near-kernels",
    unit: "none (a share)",
    range: "[0, 1]",
    formula: "sum of A over the near-kernel block / total_overlap",
    whenNull: "where there is no overlap",
  }),
  column("sparsification_expected", "float64", {
    description: "The share of all overlap that lies between near-kernels under the null",
    unit: "none (a share)",
    range: "[0, 1]",
    formula: "expected overlap of the block / expected overlap of all pairs",
    whenNull: "where no overlap is expected",
  }),
  column("composition", "utf8", {
    description: "How a circuit reads what an earlier OV circuit writes",
    unit: "none",
    range: "Q (as queries, the left vectors of a QK circuit), K (as keys, its right ones) or V (as values)",
    formula: "the layer of the network that reads: of queries, keys or values",
    whenNull: "where the two layers are not both circuits",
  }),
  column("composition_score", "float64", {
    description:
      "How much of two circuits is left in their product: the composition score of Elhage et al. 2021",
    unit: "none (a ratio)",
    range: "[0, 1]",
    formula:
      "|B A| / (|B| |A|), Frobenius, of what A writes and B reads: sqrt(sum t_i^2 s_j^2 overlap_ij) over both norms",
    whenNull: "where the two layers are not both circuits, and where one of them is 0",
  }),
];
