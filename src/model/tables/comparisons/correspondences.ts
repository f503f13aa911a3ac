/** The table `correspondences`: a row per pair of layers that correspond. */

import { column, type TableColumn } from "../column.ts";
import { LAYER_ENDS, LOG_P } from "./ends.ts";

const count = { unit: "count", range: "0 or more" };
const untested = { whenNull: "where no match can be tested (depthwise layers)" };
const name = { unit: "none", range: "any text", formula: "as in layers" };

/** The columns of the table `correspondences`, in order. */
export const CORRESPONDENCE_COLUMNS: readonly TableColumn[] = [
  ...LAYER_ENDS,
  column("base_name", "utf8", { description: "The name of the base's layer", ...name }),
  column("other_name", "utf8", { description: "The name of the other model's layer", ...name }),
  column("evidence", "utf8", {
    description: "How the layers are known to correspond",
    unit: "none",
    range: "name, alias (the same network's name in another format) or spectrum (singular values alone)",
    formula: "the first of these that gives one layer of the same shape",
  }),
  column("reordered", "utf8", {
    description: "Which channels stand in another order in the other model, and were put in the base's first",
    unit: "none",
    range: "out, in or both",
    formula: "the assignment of channels by their weights, where each is like its own",
    whenNull: "where none were",
  }),
  column("relative_change", "float64", {
    description: "How much of the weight has changed",
    unit: "none (a share)",
    range: "0 or more",
    formula: "|W' - W| / |W|, Frobenius norms",
    whenNull: "where the base's weight is 0",
  }),
  column("change_rank", "int32", {
    description: "The numerical rank of the change; 0 where it is no more than rounding",
    unit: "count",
    range: "0 to 64 for each group of channels",
    formula: "number of singular values of W' - W above the rounding of the weights' types",
    whenNull: "where there are more than 64, and where a weight is quantized",
  }),
  column("change_stable_rank", "float64", {
    description: "How many directions share the change",
    unit: "none (a ratio)",
    range: "1 or more",
    formula: "|W' - W|^2 / s_1(W' - W)^2",
    whenNull: "where nothing has changed",
  }),
  column("spectrum_distance", "float64", {
    description: "How far the spectra are apart",
    unit: "none (a share)",
    range: "[0, 1]",
    formula: "Wasserstein-1 distance of the singular values, each divided by its layer's largest",
  }),
  column("leading_neurons", "int32", {
    description: "Leading neurons of the other model's layer among which intruders were looked for",
    ...count,
    formula: "those of the setting leading that have a direction of their own",
  }),
  column("intruders", "int32", {
    description: "Intruders among them",
    unit: "count",
    range: "0 to leading_neurons",
    formula: "rows of intruders",
  }),
  column("kept", "int32", {
    description: "Neurons with a match that is more than chance",
    ...count,
    formula: "matches with log_p_corrected <= ln(0.00135)",
    ...untested,
  }),
  column("lost", "int32", {
    description: "Neurons of the base without such a match",
    ...count,
    formula: "neurons of the base that have a direction of their own - kept",
    ...untested,
  }),
  column("gained", "int32", {
    description: "Neurons of the other model without such a match",
    ...count,
    formula: "neurons of the other model that have a direction of their own - kept",
    ...untested,
  }),
  column("shared_log_p", "float64", {
    description: "Natural logarithm of the p-value that the layer's hidden channels agree by chance",
    ...LOG_P,
    formula: "permutation test of the Gram matrices of both layers' out channels",
    whenNull: "where the layer does not stand for a space of hidden channels",
  }),
];
