/** The table `skipped`: a row for each thing of a model that takes no part. */

import { column, type TableColumn } from "./column.ts";

/** The columns of the table `skipped`, in order. */
export const SKIPPED_COLUMNS: readonly TableColumn[] = [
  column("subject", "utf8", {
    description: "What was left out",
    unit: "none",
    range: "tensor, layer or connection",
    formula: "from the topology and the computation",
  }),
  column("name", "utf8", {
    description: "The name of what was left out; of a connection `source -> target`",
    unit: "none",
    range: "any text",
    formula: "from the file or the topology",
  }),
  column("reason", "utf8", {
    description: "Why it was left out",
    unit: "none",
    range: "any text",
    formula: "what the program found",
  }),
];
