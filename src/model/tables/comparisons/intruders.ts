/** The table `intruders`: a row per leading neuron of the other model that resembles none of the base's. */

import { column, type TableColumn } from "../column.ts";
import { LAYER_ENDS, NEURON_ENDS } from "./ends.ts";

/** The columns of the table `intruders`, in order. */
export const INTRUDER_COLUMNS: readonly TableColumn[] = [
  ...LAYER_ENDS,
  NEURON_ENDS[3]!,
  column("singular_value", "float64", {
    description: "The intruder's gain",
    unit: "as the weight",
    range: "0 or more",
    formula: "as in neurons",
  }),
  column("cosine", "float64", {
    description: "How much it resembles a neuron of the base at most",
    unit: "none (a cosine)",
    range: "0 to the setting cosine",
    formula: "largest |u . u'| with a left vector of the base; with a cluster's subspace where there is one",
  }),
];
