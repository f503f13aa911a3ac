/** Models compared with a base: opened one after another, their spectra kept for the next comparison. */

import { resolve } from "node:path";
import { ConfigError } from "../../config/document.ts";
import type { LoadedConfig } from "../../config/load.ts";
import { adaptedModel, isAdapter } from "../../connectors/sources/adapter.ts";
import {
  areKin,
  type ComparisonReport,
  correspondenceRow,
  type ForestLink,
  type Kinship,
  matchRows,
  type PairReport,
} from "../compare/comparison-report.ts";
import { forestOf } from "../compare/forest.ts";
import {
  type ComparedSide,
  compareModels,
  type ComparisonSettings,
  type ModelComparison,
} from "../flow/compare-models.ts";
import { counted } from "../model/counted.ts";
import type { Evidence } from "../model/layer.ts";
import { planModels, type PlannedModel } from "./collection/models.ts";
import { layerSettings } from "./layer-settings.ts";
import { openEngine } from "./open-engine.ts";
import { plannedLayers } from "./planned-layers.ts";
import { loadPlugins } from "./plugins.ts";
import { type ComparedStep, comparedStep, inSteps, seriesOf } from "./compared-series.ts";
import { cacheOf, memoryOf } from "./settings.ts";

/** What is compared, and what counts as new and as kept. */
export interface CompareSettings extends ComparisonSettings {
  /** Every model with every other, not with the first alone. Default: no. */
  readonly all?: boolean;
  /** Each model with the next, in the order of their steps, and the tracks of neurons through all of them. Default: no. */
  readonly series?: boolean;
}

/** What is heard of a comparison while it goes on. */
export interface CompareEvents {
  /** Layer pairs done of a model. */
  readonly layer?: (model: string, done: number, of: number) => void;
  readonly warning?: (model: string, warning: string) => void;
}

/**
 * Compares the first model of a config with each of the others, or all with all, or each checkpoint of a series with the next.
 *
 * @param loaded its `models` are the base and the others, in this order; of a series in any
 * @throws {ConfigError} when there are fewer than two models
 * @throws whatever is wrong with a model
 */
export async function comparisonOf(
  { config, baseDir }: LoadedConfig,
  { all = false, series = false, ...settings }: CompareSettings,
  events: CompareEvents = {},
  signal?: AbortSignal,
): Promise<ComparisonReport> {
  const { formats } = await loadPlugins({ config, baseDir });
  const planned = await planModels(config, baseDir, signal, undefined, formats);
  const [base, ...others] = series ? inSteps(planned) : planned;
  if (base === undefined || others.length === 0) {
    throw new ConfigError(
      `svr compare: found ${
        counted(base === undefined ? 0 : 1, "model")
      }, required a base and at least one other`,
    );
  }
  const cache = cacheOf(config, resolve(config.out));
  const engine = await openEngine({
    kernel: config.kernel,
    precision: config.precision,
    memory: memoryOf(config),
    ...config.threads === undefined ? {} : { threads: config.threads },
    // A run may be going on in that folder.
    ...cache === null ? {} : { cache: { ...cache.spectra, alone: false } },
    ...signal === undefined ? {} : { signal },
  });
  const warned = new Set<string>();
  /** @param root what an adapter is an adapter of; null for the base itself */
  const opened = async <T>(
    planned: PlannedModel,
    root: ComparedSide | null,
    work: (side: ComparedSide) => Promise<T>,
  ): Promise<T> => {
    const file = await planned.open(signal);
    try {
      if (root === null && isAdapter(file)) {
        throw new ConfigError(
          `svr compare: found an adapter, ${file.uri}, as the base, required its base model`,
        );
      }
      const model = root !== null && isAdapter(file) ? adaptedModel(root.model, file) : file;
      const graph = plannedLayers(model, {
        ...layerSettings({ ...config, unfolding: "svr" }),
        topology: planned.topology,
      });
      if (!warned.has(model.id)) {
        for (const warning of graph.warnings) events.warning?.(model.id, warning);
      }
      warned.add(model.id);
      return await work({ model, graph });
    } finally {
      await file.close();
    }
  };
  const models = [base, ...others];
  const pairs = pairsOf(models.length, { all, series });
  const both = async <T>(
    root: ComparedSide,
    [from, to]: readonly [number, number],
    work: (base: ComparedSide, other: ComparedSide) => Promise<T>,
  ): Promise<T> => {
    const withOther = (side: ComparedSide) => opened(models[to]!, root, (other) => work(side, other));
    return from === 0 ? await withOther(root) : await opened(models[from]!, root, withOther);
  };
  try {
    return await opened(base, null, async (root) => {
      const comparisons: PairReport[] = [];
      const steps: ComparedStep[] = [];
      for (const pair of pairs) {
        const report = await both(root, pair, async (side, other) => {
          const told = (done: number, of: number) => events.layer?.(other.model.id, done, of);
          const found = await compareModels(side, other, engine, settings, told);
          if (series) steps.push(comparedStep(side, other, found));
          return pairReport(side, other, pairs.length, found);
        });
        comparisons.push(report);
      }
      return {
        leading: settings.leading,
        intruder_cosine: settings.intruderCosine,
        comparisons,
        forest: all ? forestLinks(models, pairs, comparisons) : [],
        series: series
          ? await seriesOf(models, steps, (pair, work) => both(root, pair, work), engine, settings.logAlpha)
          : null,
      };
    });
  } finally {
    await engine.dispose();
  }
}

/** Which models are compared, as places: the first with each other, all with all, or each with the next. */
function pairsOf(
  models: number,
  { all, series }: { readonly all: boolean; readonly series: boolean },
): (readonly [number, number])[] {
  const places = [...new Array(models).keys()];
  return places.flatMap((from) =>
    places.filter((to) => series ? to === from + 1 : to > from && (all || from === 0))
      .map((to) => [from, to] as const)
  );
}

function forestLinks(
  models: readonly PlannedModel[],
  pairs: readonly (readonly [number, number])[],
  comparisons: readonly PairReport[],
): ForestLink[] {
  const kin = comparisons.flatMap(({ kinship }, at) => {
    const [base, other] = pairs[at]!;
    return areKin(kinship) === true && kinship.distance !== null
      ? [{ base, other, distance: kinship.distance }]
      : [];
  });
  return forestOf(models.length, kin).map(({ base, other, distance }) => (
    { base: models[base]!.id, other: models[other]!.id, distance }
  ));
}

function pairReport(
  base: ComparedSide,
  other: ComparedSide,
  compared: number,
  found: ModelComparison,
): PairReport {
  const nameOf = (side: "base" | "other", at: number) => (side === "base" ? base : other).graph.layers[at]!;
  return {
    base: { id: base.model.id, uri: base.model.uri },
    other: { id: other.model.id, uri: other.model.uri },
    kinship: kinshipOf(found, base, other, compared),
    correspondences: found.layers.map((pair) =>
      correspondenceRow(
        nameOf("base", pair.base),
        nameOf("other", pair.other),
        pair.evidence,
        pair,
      )
    ),
    not_compared: found.left.map(({ side, layer, reason }) => ({
      side,
      layer: nameOf(side, layer).name,
      reason,
    })),
    singular_values: found.layers.map(({ neurons: { base, other } }) => (
      { base: base.singularValues, other: other.singularValues }
    )),
    matches: found.layers.flatMap((pair) =>
      matchRows(nameOf("base", pair.base), nameOf("other", pair.other), pair.change)
    ),
  };
}

function kinshipOf(
  { layers, kinship }: ModelComparison,
  base: ComparedSide,
  other: ComparedSide,
  compared: number,
): Kinship {
  const { logP, spaces } = kinship;
  let [change, whole] = [0, 0];
  for (const { change: { relativeChange }, norms } of layers) {
    change += relativeChange === null ? norms.other ** 2 : (relativeChange * norms.base) ** 2;
    whole += (norms.base ** 2 + norms.other ** 2) / 2;
  }
  return {
    log_p: logP,
    log_p_corrected: logP === null ? null : Math.min(0, logP + Math.log(compared)),
    spaces,
    reordered: layers.filter(({ reordered }) => reordered.out).length,
    distance: whole === 0 ? null : Math.sqrt(change / whole),
    topology: weakest(
      [...base.graph.connections, ...other.graph.connections].map(({ evidence }) => evidence),
    ),
  };
}

const ORDER: readonly Evidence[] = ["guessed", "inferred", "declared", "graph"];

function weakest(evidence: readonly Evidence[]): Evidence | null {
  return ORDER.find((each) => evidence.includes(each)) ?? null;
}
