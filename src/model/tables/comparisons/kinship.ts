/** The table `kinship`: one row, whether two models are of one lineage. */

import { column, type TableColumn } from "../column.ts";
import { LOG_P } from "./ends.ts";

const unknown = { whenNull: "where no space of hidden channels could be compared" };
const id = { unit: "none", range: "1 byte to 16 KiB of UTF-8", formula: "as in models" };
const uri = { unit: "none", range: "any text", formula: "as the config or the command line says it" };

/** The columns of the table `kinship`, in order. */
export const KINSHIP_COLUMNS: readonly TableColumn[] = [
  column("base_id", "utf8", {
    description: "The base's whole id, which the path `base=…` holds encoded and, where it is long, cut",
    ...id,
  }),
  column("other_id", "utf8", {
    description: "The other model's whole id, which the path `model=…` holds likewise",
    ...id,
  }),
  column("base_uri", "utf8", { description: "Where the base came from", ...uri }),
  column("other_uri", "utf8", { description: "Where the other model came from", ...uri }),
  column("key", "utf8", {
    description: "What was compared: other content or other settings have another key",
    unit: "none",
    range: "64 hexadecimal digits",
    formula: "SHA-256 of both models' digests and topologies and of all settings that shape the comparison",
  }),
  column("log_p", "float64", {
    description: "Natural logarithm of the p-value of agreeing so if the two had been trained apart",
    ...LOG_P,
    formula: "permutation test of each space of hidden channels, joined over spaces by Fisher's method",
    ...unknown,
  }),
  column("log_p_corrected", "float64", {
    description: "The same after the correction for the number of comparisons",
    ...LOG_P,
    formula: "min(0, log_p + ln(comparisons))",
    ...unknown,
  }),
  column("comparisons", "int32", {
    description: "Comparisons that were made together, for which p is corrected",
    unit: "count",
    range: "1 or more",
    formula: "pairs of models of the run or the command",
  }),
  column("spaces", "int32", {
    description: "Spaces of hidden channels that were tested",
    unit: "count",
    range: "0 or more",
    formula: "number of shared_log_p in correspondences",
  }),
  column("reordered", "int32", {
    description:
      "Layers whose hidden out channels are the base's in another order, which says kin without a p",
    unit: "count",
    range: "0 or more",
    formula: "reordered out or both in correspondences",
  }),
  column("distance", "float64", {
    description: "How far the weights are apart, as a share of their length",
    unit: "none (a share)",
    range: "0 or more",
    formula: "sqrt(sum of |W' - W|^2 / sum of (|W|^2 + |W'|^2) / 2) over the layers that correspond",
    whenNull: "where no layers correspond, and where all of them are 0",
  }),
  column("topology", "utf8", {
    description: "How it is known which channels are hidden",
    unit: "none",
    range: "graph, declared, inferred or guessed",
    formula: "the weakest evidence of a connection of both models",
    whenNull: "where neither model has connections",
  }),
  column("leading_neurons", "int32", {
    description: "How many leading neurons of a layer may be intruders",
    unit: "count",
    range: "1 or more",
    formula: "the setting leading",
  }),
  column("intruder_cosine", "float64", {
    description: "An intruder has no left cosine of so much with any neuron of the base",
    unit: "none (a cosine)",
    range: "[0, 1]",
    formula: "the setting cosine",
  }),
  column("layers", "int32", {
    description: "Pairs of layers that correspond",
    unit: "count",
    range: "0 or more",
    formula: "rows of correspondences",
  }),
  column("not_compared", "int32", {
    description: "Layers of both models that could not be compared",
    unit: "count",
    range: "0 or more",
    formula: "layers without a layer that corresponds; comparison.md says why",
  }),
];
