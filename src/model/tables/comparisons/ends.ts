/** Columns that several tables of a comparison have: which layer and which neuron of either model. */

import { column, type TableColumn } from "../column.ts";

/** How a logarithm of a probability is written. */
export const LOG_P = { unit: "natural logarithm of a probability", range: "at most 0" };

/** A cosine of two unit vectors. */
export const COSINE = { unit: "none (a cosine)", range: "[-1, 1]" };

const index = (side: "base" | "other", what: string) => ({
  unit: "index from 0",
  range: `a ${what} of the ${side === "base" ? "base" : "other model"}`,
});

/** The layers of the base and of the other model, by their indices. */
export const LAYER_ENDS: readonly TableColumn[] = (["base", "other"] as const).map((side) =>
  column(`${side}_layer`, "int32", {
    description: side === "base" ? "The base's layer" : "The other model's layer that corresponds",
    ...index(side, "layer_index"),
    formula: "as in layers",
  })
);

/** The neurons of the base and of the other model, behind their layers. */
export const NEURON_ENDS: readonly TableColumn[] = (["base", "other"] as const).flatMap((side, at) => [
  LAYER_ENDS[at]!,
  column(`${side}_neuron`, "int32", {
    description: side === "base" ? "The base's neuron" : "The other model's neuron",
    ...index(side, "neuron of that layer"),
    formula: "as in neurons",
  }),
]);
