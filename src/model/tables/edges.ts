/** The table `edges`: a row per pair of spectral neurons that was kept. */

import { column, type TableColumn } from "./column.ts";

const logarithm = { unit: "natural logarithm of a probability", range: "at most 0; -infinity where p is 0" };

/** The columns of the table `edges`, in order. The first five are the order of rows in Parquet. */
export const EDGE_COLUMNS: readonly TableColumn[] = [
  column("source_layer", "int32", {
    description: "The layer that feeds",
    unit: "index from 0",
    range: "a layer_index of layers",
    formula: "as in layers",
  }),
  column("source_neuron", "int32", {
    description: "The spectral neuron of the source, j: its output pattern is u_j",
    unit: "index from 0",
    range: "0 to rank - 1 of the source",
    formula: "as in neurons",
  }),
  column("target_layer", "int32", {
    description: "The layer that is fed",
    unit: "index from 0",
    range: "a layer_index of layers",
    formula: "as in layers",
  }),
  column("target_neuron", "int32", {
    description: "The spectral neuron of the target, i: its input pattern is v_i",
    unit: "index from 0",
    range: "0 to rank - 1 of the target",
    formula: "as in neurons",
  }),
  column("part", "int32", {
    description:
      "Tells connections between the same two layers apart: the number of an attention head, otherwise 0",
    unit: "index from 0",
    range: "0 or more",
    formula: "as in connections",
  }),
  column("overlap", "float64", {
    description: "How well the source's output pattern fits the target's input pattern",
    unit: "none (a share)",
    range: "[0, 1]; up to the number of repeats where the channel map repeats a source channel",
    formula:
      "sum_k ( sum_c V'[c, k, i] * U[c, j] )^2 over positions k and shared channels c; in cosvr the positions are U's",
  }),
  column("cosine", "float64", {
    description:
      "The root of the overlap with its sign: whether the source's output pattern or its opposite fits",
    unit: "none (a cosine)",
    range: "[-1, 1]",
    formula: "sum_c V'[c, i] * U[c, j]; its square is overlap",
    whenNull: "where the connection has more than one position",
  }),
  column("log_p", "float64", {
    description: "Natural logarithm of the p-value: how surprising so large an overlap is under the null",
    ...logarithm,
    formula: "ln P(X >= overlap), X being an overlap under the run's null",
  }),
  column("log_q", "float64", {
    description: "Natural logarithm of the adjusted p-value: after the correction for the number of tests",
    ...logarithm,
    formula:
      "ln of the adjusted p; bh: min over ranks r >= its own of ln p_r + ln(m / r), at most 0, of m tests; likewise for the others",
  }),
  column("q_value", "float64", {
    description: "The adjusted p-value as a number; log_q tells edges apart where it is 0",
    unit: "none (a probability)",
    range: "[0, 1]; 0 below 1e-308",
    formula: "exp(log_q)",
  }),
  column("sigma", "float64", {
    description: "The unadjusted p-value in standard deviations",
    unit: "standard deviations",
    range: "-infinity to infinity",
    formula: "p = 1 - Phi(sigma), Phi being the normal distribution",
  }),
  column("weight", "float64", {
    description: "The edge's weight by the run's setting `weight`: a preset or an expression",
    unit: "none for overlap and amplitude; the square of the weights' for gain",
    range: "any number, NaN where the expression has no value",
    formula:
      "overlap: overlap; amplitude: sqrt(overlap); gain: sourceSingularValue * sqrt(overlap) * targetSingularValue",
  }),
  column("significant", "bool", {
    description: "Whether the edge passes the test",
    unit: "none",
    range: "true or false",
    formula: "log_q <= ln(alpha)",
  }),
];
