/** The figures by which models are put side by side. */

import type { ModelMeasures } from "../../model/measures.ts";
import { type ControlFigure, overControls } from "./controls.ts";
import { excessRatio } from "./excess-edges.ts";
import { type Measured, type ModelFacts, scopeOf } from "./facts.ts";
import { blockRatios } from "./near-kernel-block.ts";
import { nearKernelShare } from "./near-kernels.ts";

/** One model, or a null control of it, in a few figures; null where one cannot be had. */
export interface ModelFigures {
  /** Of the neurons of deep layers, in [0, 1]; of all layers where none is deep. */
  readonly near_kernel_share: number | null;
  /** Edges with p <= alpha over those expected by chance, over connections between deep layers; over all where there are none. */
  readonly edges_ratio: number | null;
  /** The same between near-kernels. */
  readonly block_edges_ratio: number | null;
  /** The smallest and the largest of it over connections. */
  readonly block_edges_ratio_range: readonly [number, number] | null;
  /** Their total overlap over that expected by chance. */
  readonly block_energy_ratio: number | null;
  /** Layers that the best chain spans; 0 where no two edges follow one another. */
  readonly chain_layers: number | null;
  /** `ln` of its joint p. */
  readonly chain_log_p: number | null;
  /** `ln` of the path metric, with singular values and without; null also where it is 0. */
  readonly log_path_metric: number | null;
  readonly log_path_metric_overlaps: number | null;
}

/** The figures of a model or, with the same deep layers, of a null control of it. */
export function modelFigures(facts: ModelFacts, measured: Measured = facts): ModelFigures {
  const block = blockRatios(facts, measured);
  return {
    near_kernel_share: nearKernelShare(facts),
    edges_ratio: excessRatio(facts, measured),
    block_edges_ratio: block.edges,
    block_edges_ratio_range: blockRange(facts, measured),
    block_energy_ratio: block.energy,
    ...chainFigures(measured.measures),
    ...pathFigures(measured.measures),
  };
}

/** The figures of a model's null controls: their means, null where there is none; and their standard deviations, null where there are not several. */
export function controlFigures(
  facts: ModelFacts,
): { readonly null_control: ModelFigures | null; readonly null_control_spread: ModelFigures | null } {
  const all = facts.controls.map((control) => modelFigures(facts, control));
  const figures = (which: keyof ControlFigure): ModelFigures => {
    const of = (figure: (figures: ModelFigures) => number | null) => overControls(all.map(figure))[which];
    const low = of((each) => each.block_edges_ratio_range?.[0] ?? null);
    const high = of((each) => each.block_edges_ratio_range?.[1] ?? null);
    return {
      near_kernel_share: of((each) => each.near_kernel_share),
      edges_ratio: of((each) => each.edges_ratio),
      block_edges_ratio: of((each) => each.block_edges_ratio),
      block_edges_ratio_range: low === null || high === null ? null : [low, high],
      block_energy_ratio: of((each) => each.block_energy_ratio),
      chain_layers: of((each) => each.chain_layers),
      chain_log_p: of((each) => each.chain_log_p),
      log_path_metric: of((each) => each.log_path_metric),
      log_path_metric_overlaps: of((each) => each.log_path_metric_overlaps),
    };
  };
  return {
    null_control: all.length === 0 ? null : figures("control"),
    null_control_spread: all.length < 2 ? null : figures("control_spread"),
  };
}

function blockRange(facts: ModelFacts, measured: Measured): readonly [number, number] | null {
  const ratios = scopeOf(facts, measured).connections.filter(({ nearTests }) => nearTests > 0)
    .map(({ nearNominal, nearTests }) => nearNominal / (facts.test.alpha * nearTests)).sort((a, b) => a - b);
  return ratios.length === 0 ? null : [ratios[0]!, ratios.at(-1)!];
}

function chainFigures(
  measures: ModelMeasures | null,
): Pick<ModelFigures, "chain_layers" | "chain_log_p"> {
  if (measures === null) return { chain_layers: null, chain_log_p: null };
  const [best] = measures.chains;
  if (best === undefined || best.edges.length === 0) return { chain_layers: 0, chain_log_p: null };
  return { chain_layers: best.edges.length + 1, chain_log_p: finite(best.logP) };
}

function pathFigures(
  measures: ModelMeasures | null,
): Pick<ModelFigures, "log_path_metric" | "log_path_metric_overlaps"> {
  if (measures === null || "unknown" in measures.pathMetric) {
    return { log_path_metric: null, log_path_metric_overlaps: null };
  }
  const { logWithSingularValues, logWithout } = measures.pathMetric;
  return { log_path_metric: finite(logWithSingularValues), log_path_metric_overlaps: finite(logWithout) };
}

/** JSON has no infinities. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
