/** Hand-made facts of models, for tests of findings. */

import {
  type FactSources,
  type ModelFacts,
  modelFacts,
  type TestReport,
} from "../../src/analysis/findings/facts.ts";
import type { ModelFigures } from "../../src/analysis/findings/figures.ts";
import type { Chain, ModelMeasures } from "../../src/model/measures.ts";
import type { Row } from "../../src/model/tables.ts";

/** Nothing was measured over the whole model. */
export const NO_MEASURES: ModelMeasures = { chains: [], pathMetric: { unknown: "not asked for" } };

/** Figures of a model of which nothing is known. */
export const NO_FIGURES: ModelFigures = {
  near_kernel_share: null,
  edges_ratio: null,
  block_edges_ratio: null,
  block_edges_ratio_range: null,
  block_energy_ratio: null,
  chain_layers: null,
  chain_log_p: null,
  log_path_metric: null,
  log_path_metric_overlaps: null,
};

/** A layer of 64 neurons. */
export function layerRow(index: number, row: Row = {}): Row {
  return {
    layer_index: index,
    name: `layer${index}`,
    kind: "conv",
    rank: 64,
    near_kernels: 0,
    out_channels: 64,
    in_channels: 64,
    groups: 1,
    positions: 9,
    null_neurons: 0,
    spectral_norm: 2,
    stable_rank: 10,
    batch_norm: "none",
    ...row,
  };
}

/** A connection of 4096 tests that holds 4 nominal edges, as chance at alpha 0.001 gives. */
export function connectionRow(source: number, target: number, row: Row = {}): Row {
  return {
    source_layer: source,
    target_layer: target,
    part: 0,
    via: "direct",
    evidence: "declared",
    tested_channels: 64,
    positions: 9,
    tests: 4096,
    nominal: 4,
    significant: 0,
    expected_by_chance: 0.001,
    total_overlap: 64,
    near_kernel_tests: 0,
    near_kernel_nominal: 0,
    near_kernel_significant: 0,
    near_kernel_significant_expected: 0,
    near_kernel_energy: null,
    near_kernel_expected: null,
    near_kernel_log_p: null,
    near_kernel_log_p_low: null,
    ...row,
  };
}

/** A chain from a layer on along the leading neurons. */
export function chainOf(first: number, edges: number, logP: number): Chain {
  return {
    edges: Array.from({ length: edges }, (_, at) => ({
      sourceLayer: first + at,
      sourceNeuron: 0,
      targetLayer: first + at + 1,
      targetNeuron: 0,
      part: 0,
      overlap: 0.3 + at / 10,
      logP: -20 - at,
    })),
    logFisher: logP - 3,
    logChains: 3,
    logP,
  };
}

/** How the facts were tested, unless a test says otherwise. */
export const TEST: TestReport = {
  null: "rotation",
  alpha: 0.001,
  sigma: 3.09,
  correction: "bh",
  correction_over: "connection",
  unfolding: "svr",
  weight: "overlap",
  near_kernel: 0.1,
  spike_alpha: 0.002,
};

/** A chain of layers, each feeding the next. */
export function chainFacts(
  layers: readonly Row[],
  connections: readonly Row[],
  other: Partial<FactSources> = {},
): ModelFacts {
  return modelFacts({
    test: TEST,
    asking: { model: "m", partition: "m" },
    layers,
    connections,
    measures: NO_MEASURES,
    controls: [],
    skipped: [],
    warnings: [],
    strongest: [],
    hubs: [],
    ...other,
  });
}
