/** The table `layers`: a row per layer. */

import { column, type TableColumn } from "./column.ts";
import { LAYER_METRIC_COLUMNS } from "./layer-metrics.ts";

const skipped = { whenNull: "where the layer was skipped; `skipped` says why" };

/** The columns of the table `layers`, in order. */
export const LAYER_COLUMNS: readonly TableColumn[] = [
  column("layer_index", "int32", {
    description: "The layer's place in the model: what other tables mean by a layer",
    unit: "index from 0",
    range: "0 to the number of layers - 1, without gaps",
    formula: "order of the layers in the topology",
  }),
  column("name", "utf8", {
    description: "The layer's name",
    unit: "none",
    range: "any text",
    formula: "the weight tensor's name without its ending, or the topology's",
  }),
  column("kind", "utf8", {
    description: "What kind of linear map it is",
    unit: "none",
    range:
      "linear, conv, conv-transpose, embedding, recurrent or circuit (a product of two weights of an attention head)",
    formula: "from the weight's shape, the model's graph or the topology",
  }),
  column("out_channels", "int32", {
    description: "Out channels m, over all groups",
    unit: "count",
    range: "1 or more",
    formula: "from the weight's shape",
  }),
  column("in_channels", "int32", {
    description: "In channels n, over all groups",
    unit: "count",
    range: "1 or more",
    formula: "from the weight's shape",
  }),
  column("positions", "int32", {
    description: "Positions z for each in channel",
    unit: "count",
    range: "1 or more",
    formula: "kernel size of a convolution; H * W where a linear layer reads a flattened map; else 1",
  }),
  column("groups", "int32", {
    description: "Groups of channels that are decomposed one by one",
    unit: "count",
    range: "1 or more; divides m and n",
    formula: "from the weight's shape, the model's graph or the topology",
  }),
  column("rank", "int32", {
    description: "Spectral neurons of the layer",
    unit: "count",
    range: "1 or more",
    formula:
      "groups * min(m / groups, n * z / groups) in svr, groups * min(m * z / groups, n / groups) in cosvr; or as many as the run asked for; of a circuit at most the channels of its head",
    ...skipped,
  }),
  column("frobenius_norm", "float64", {
    description: "Frobenius norm of the weight",
    unit: "as the weight",
    range: "0 or more",
    formula: "sqrt(sum of all squared singular values), also of those that were not asked for",
    ...skipped,
  }),
  column("spectral_norm", "float64", {
    description: "The largest singular value",
    unit: "as the weight",
    range: "0 or more",
    formula: "s_1",
    ...skipped,
  }),
  column("stable_rank", "float64", {
    description: "How many neurons share the layer's energy",
    unit: "none (a ratio)",
    range: "[1, rank]",
    formula: "(frobenius_norm / spectral_norm)^2",
    whenNull: "where the layer was skipped, and where all of it is 0",
  }),
  column("near_kernels", "int32", {
    description: "Near-kernels: neurons whose singular value is a small share of the largest",
    unit: "count",
    range: "0 to rank",
    formula: "number of s_j <= nearKernel * s_1; nearKernel is 0.1 by default",
    ...skipped,
  }),
  column("null_neurons", "int32", {
    description:
      "Neurons whose singular value is rounding, so that they have no direction: all of a layer of zeros",
    unit: "count",
    range: "0 to rank",
    formula: "number of s_j <= max(rows, cols) * eps * s_1 of the unfolded weight",
    ...skipped,
  }),
  column("batch_norm", "utf8", {
    description: "What became of the batch normalization behind the layer",
    unit: "none",
    range: "none (there is none), raw (ignored) or folded (multiplied into the weight)",
    formula: "the model, and the setting batchNorm",
  }),
  column("norm_gain", "utf8", {
    description: "What became of the gain of a layer or RMS normalization in front of the layer",
    unit: "none",
    range: "none (there is none), raw (ignored) or folded (multiplied into the weight)",
    formula: "the model, and the setting normGain",
  }),
  column("dtype", "utf8", {
    description: "The weight's element type as its file spells it",
    unit: "none",
    range: "any text: F32, float16, …",
    formula: "from the file",
  }),
  ...LAYER_METRIC_COLUMNS,
];
