/** The figures of layers and neurons as columns of their tables. */

import type { LayerMetrics } from "../model/layer-metrics.ts";
import { unfoldedShape, type Unfolding } from "../model/layer.ts";
import { LAYER_METRIC_COLUMNS } from "../model/tables/layer-metrics.ts";
import type { ColumnData, Row } from "../model/tables.ts";
import { bulkMetrics } from "../stages/metrics/bulk-metrics.ts";
import type { LayerResult } from "./jobs.ts";

/** How a model's weights were unfolded, and the level at which spikes are counted. */
export interface MetricSettings {
  readonly unfolding: Unfolding;
  readonly logAlpha: number;
}

const NOTHING: Row = Object.fromEntries(LAYER_METRIC_COLUMNS.map(({ name }) => [name, null]));

/** A layer's figures, by column; all null where nobody measured it. */
export function metricsRow(
  { layer, spectrum, metrics }: Pick<LayerResult, "layer" | "spectrum" | "metrics">,
  settings: MetricSettings | null,
): Row {
  if ("skipped" in spectrum || metrics === undefined) return NOTHING;
  const { stable_rank: _, ...own } = metrics.spectrum;
  const { singularValues } = spectrum;
  const bulkOf = (neurons: Pick<LayerMetrics["neurons"], "spikeLogP">) =>
    settings === null ? null : bulkMetrics(
      singularValues,
      neurons,
      layer.groups,
      unfoldedShape(layer, settings.unfolding),
      settings.logAlpha,
    );
  const { permuted, pooled, evidence } = metrics;
  const { spikeLogP, ...random } = permuted ?? { spikeLogP: null };
  return {
    ...NOTHING,
    ...own,
    ...bulkOf(metrics.neurons),
    ...metrics.vectors,
    ...evidence,
    ...random,
    rand_num_spikes: spikeLogP === null ? null : bulkOf({ spikeLogP })?.num_spikes ?? null,
    ...Object.fromEntries(Object.entries(pooled ?? {}).map(([name, value]) => [`pooled_${name}`, value])),
  };
}

/** The neurons' figures, column by column, over all layers that were decomposed. */
export function neuronMetricColumns(jobs: readonly LayerResult[], rows: number): readonly ColumnData[] {
  const columns = (["locRatio", "partRatio", "vecEntropy", "spikeLogP"] as const).map((name) => {
    const values = new Float64Array(rows);
    const valid = new Uint8Array(rows);
    let at = 0;
    for (const { spectrum, metrics } of jobs) {
      if ("skipped" in spectrum) continue;
      metrics?.neurons[name].forEach((value, neuron) => {
        if (Number.isNaN(value)) return;
        values[at + neuron] = value;
        valid[at + neuron] = 1;
      });
      at += spectrum.singularValues.length;
    }
    // As tables that are read back: marks stand only where there is a null.
    return { type: "float64" as const, values, ...valid.includes(0) ? { valid } : {} };
  });
  return columns;
}
