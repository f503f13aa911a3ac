/** The table `matches`: a row per pair of neurons of corresponding layers that are each other's most similar. */

import { column, type TableColumn } from "../column.ts";
import { COSINE, LOG_P, NEURON_ENDS } from "./ends.ts";

const untested = { whenNull: "where neither side can be tested (depthwise layers)" };

/** The columns of the table `matches`, in order. */
export const MATCH_COLUMNS: readonly TableColumn[] = [
  ...NEURON_ENDS,
  column("left_cosine", "float64", {
    description: "Cosine of the left vectors",
    ...COSINE,
    formula: "u . u'",
  }),
  column("right_cosine", "float64", {
    description: "Cosine of the right vectors",
    ...COSINE,
    formula: "v . v'",
  }),
  column("similarity", "float64", {
    description: "Inner product of the two rank-one maps",
    ...COSINE,
    formula: "left_cosine times right_cosine",
  }),
  column("log_p", "float64", {
    description: "Natural logarithm of the p-value of so large cosines of random directions",
    ...LOG_P,
    formula: "cos^2 ~ Beta(1/2, (d-1)/2) of each side without kernel positions, joined by Fisher's method",
    ...untested,
  }),
  column("log_p_corrected", "float64", {
    description: "The same after the correction for the number of pairs",
    ...LOG_P,
    formula: "min(0, log_p + ln(neurons of the base times neurons of the other model))",
    ...untested,
  }),
];
