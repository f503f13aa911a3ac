/** The table `subspaces`: a row per pair of corresponding layers and number of leading neurons. */

import { column, type TableColumn } from "../column.ts";
import { LAYER_ENDS, LOG_P } from "./ends.ts";

const side = (name: "left" | "right"): readonly TableColumn[] => [
  column(`${name}_similarity`, "float64", {
    description: `What the leading ${name} subspaces have in common`,
    unit: "none (a share)",
    range: "[0, 1]",
    formula: `sum of the squared cosines of all pairs of ${name} vectors / dimensions`,
  }),
  column(`${name}_chance`, "float64", {
    description: "The same of random subspaces",
    unit: "none (a share)",
    range: "(0, 1]",
    formula: `dimensions / length of a ${name} vector`,
  }),
  column(`${name}_log_p`, "float64", {
    description: "Natural logarithm of the p-value of so much or more in common",
    ...LOG_P,
    formula: "ln P(X >= similarity), X being that of random subspaces",
    whenNull: "where the side carries kernel positions, or the subspaces fill their space",
  }),
];

/** The columns of the table `subspaces`, in order. */
export const SUBSPACE_COLUMNS: readonly TableColumn[] = [
  ...LAYER_ENDS,
  column("dimensions", "int32", {
    description: "Leading neurons k that span each subspace",
    unit: "count",
    range: "1, 4, 16 or 64",
    formula: "those of the four up to the rank that cut no cluster",
  }),
  ...side("left"),
  ...side("right"),
];
