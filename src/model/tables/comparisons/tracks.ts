/** The table `tracks`: a row per track of a series that has a neuron at the step of the base, at that of the other model, or at both. */

import { column, type TableColumn } from "../column.ts";
import { COSINE, LAYER_ENDS } from "./ends.ts";

const SIDES = [
  ["base", "the base", "where the track begins after it, or has no direction of its own there"],
  ["other", "the other model", "where the track ends before it, or has no direction of its own there"],
] as const;

/** The columns of the table `tracks`, in order. */
export const TRACK_COLUMNS: readonly TableColumn[] = [
  ...LAYER_ENDS,
  column("track", "int32", {
    description: "The track: one neuron, followed by its vectors",
    unit: "index from 0",
    range: "a track of the series",
    formula: "numbered over all layers of the series, by layer, first step and neuron",
  }),
  ...SIDES.map(([side, name, whenNull]) =>
    column(`${side}_neuron`, "int32", {
      description: `Which neuron of ${name} it is`,
      unit: "index from 0",
      range: `a neuron of ${side}_layer`,
      formula: "as in neurons",
      whenNull,
    })
  ),
  ...SIDES.map(([side, name]) =>
    column(`${side}_step`, "float64", {
      description: `The step of ${name}`,
      unit: "epochs or steps, as the names count",
      range: "0 or more",
      formula: "as in models; its place in the series, from 0, where some model has no step",
    })
  ),
  ...SIDES.map(([side, name, whenNull]) =>
    column(`${side}_singular_value`, "float64", {
      description: `Its gain in ${name}`,
      unit: "as the weight",
      range: "0 or more",
      formula: "as in neurons",
      whenNull,
    })
  ),
  column("similarity", "float64", {
    description: "Inner product with the rank-one map of the track's step before",
    ...COSINE,
    formula: "as in matches; of the step before the base's where the track has no direction in the base",
    whenNull: "where the track begins here, and where it is not in the other model",
  }),
  column("birth", "bool", {
    description: "Whether the track begins in the other model",
    unit: "none",
    range: "true or false",
    formula: "its first neuron is the other model's; tracks of the layer's first step are not born",
  }),
  column("death", "bool", {
    description: "Whether the track ends in the base",
    unit: "none",
    range: "true or false",
    formula: "its last neuron is the base's; tracks of the layer's last step do not die",
  }),
  column("series", "utf8", {
    description: "The series of checkpoints",
    unit: "none",
    range: "any text",
    formula: "as in models; the id of the first checkpoint where they have none in common",
  }),
  column("series_key", "utf8", {
    description: "What the series was made of: other checkpoints or settings have another key",
    unit: "none",
    range: "64 hexadecimal digits",
    formula: "SHA-256 of the checkpoints' content, ids and steps, and of the settings of the comparison",
  }),
];
