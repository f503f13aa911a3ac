/** WeightWatcher's summary of a model: means of figures over layers, under its names. */

import type { Row } from "../model/tables.ts";

/** The figures, in the order of WeightWatcher's `get_summary()`. */
export const SUMMARIZED = [
  "log_norm",
  "alpha",
  "alpha_weighted",
  "log_alpha_norm",
  "log_spectral_norm",
  "stable_rank",
  "mp_softrank",
] as const;

/** Means over the layers that have the figure; null where none has. */
export type LayerMeans = Readonly<Record<(typeof SUMMARIZED)[number], number | null>> & {
  /** Whether they are of WeightWatcher's matrices; `mp_softrank` is of ours in any case. */
  readonly pooled: boolean;
};

/** @param layers rows of the layers table */
export function layerMeans(layers: readonly Row[]): LayerMeans {
  const pooled = layers.some((row) => typeof row["pooled_log_norm"] === "number");
  const mean = (name: string) => {
    const values = layers.map((row) => row[name]).filter((value) => typeof value === "number");
    return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  const of = (name: (typeof SUMMARIZED)[number]) =>
    mean(pooled && name !== "mp_softrank" ? `pooled_${name}` : name);
  return {
    ...Object.fromEntries(SUMMARIZED.map((name) => [name, of(name)])) as Omit<LayerMeans, "pooled">,
    pooled,
  };
}
