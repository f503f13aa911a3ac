/** Models compared on their own: opened one after another; with a folder, what is found goes where the folder's run has its tables and graph. */

import { resolve } from "node:path";
import { ConfigError } from "../../config/document.ts";
import type { LoadedConfig } from "../../config/load.ts";
import type { RunConfig } from "../../config/schema.ts";
import { isAdapter } from "../../connectors/sources/adapter.ts";
import { type ComparedPair, type ComparisonReport, type PairReport } from "../compare/comparison-report.ts";
import { compareModels, type ComparisonSettings } from "../flow/compare-models.ts";
import { counted } from "../model/counted.ts";
import type { ComparedHeader } from "../model/comparison.ts";
import { comparedStep, inSteps } from "./compared-series.ts";
import { planModels, type PlannedModel } from "./collection/models.ts";
import { openedSide, type OpenSide } from "./comparisons/opened-side.ts";
import { forestLinks } from "./comparisons/forest-links.ts";
import { computedSeries, type SeriesWork } from "./comparisons/made-series.ts";
import { KeptComparisons } from "./comparisons/kept-comparisons.ts";
import { pairReport } from "./comparisons/pair-report.ts";
import { type OpenEngine, openEngine } from "./open-engine.ts";
import { loadPlugins, type PluginRecord } from "./plugins.ts";
import { cacheOf, comparedContent, memoryOf } from "./settings.ts";

/** What is compared, and what counts as new and as kept. */
export interface CompareSettings extends ComparisonSettings {
  /** Every model with every other, not with the first alone. Default: no. */
  readonly all?: boolean;
  /** Each model with the next, in the order of their steps, and the tracks of neurons through all of them. Default: no. */
  readonly series?: boolean;
  /** Whether what is found goes to the output folder. Default: no. */
  readonly keep?: boolean;
}

/** What is heard of a comparison while it goes on. */
export interface CompareEvents {
  /** Layer pairs done of a model. */
  readonly layer?: (model: string, done: number, of: number) => void;
  /** What was found of two models, where it was not taken from a folder. */
  readonly pair?: (pair: ComparedPair) => void;
  readonly warning?: (model: string, warning: string) => void;
}

/**
 * Compares the first model of a config with each of the others, or all with all, or each checkpoint of a series with the next.
 *
 * @param loaded its `models` are the base and the others, in this order, of a series in any; its sinks and graph are those of the output folder
 * @throws {ConfigError} when there are fewer than two models
 * @throws whatever is wrong with a model, with the output folder or with a sink
 */
export async function comparisonOf(
  { config, baseDir }: LoadedConfig,
  { all = false, series = false, keep = false, ...settings }: CompareSettings,
  events: CompareEvents = {},
  signal?: AbortSignal,
): Promise<ComparisonReport> {
  const { formats, records: plugins } = await loadPlugins({ config, baseDir });
  const planned = await planModels(config, baseDir, signal, undefined, formats);
  const models = series ? inSteps(planned) : planned;
  const [base, ...others] = models;
  if (base === undefined || others.length === 0) {
    throw new ConfigError(
      `svr compare: found ${counted(base === undefined ? 0 : 1, "model")}, required ${
        series || all ? "two or more, or a folder of them" : "a base and at least one other"
      }`,
    );
  }
  const out = resolve(config.out);
  const cache = cacheOf(config, out);
  const folder = keep ? await KeptComparisons.open(out, config, events.warning ?? (() => undefined)) : null;
  try {
    const engine = await openEngine({
      kernel: config.kernel,
      precision: config.precision,
      memory: memoryOf(config),
      ...config.threads === undefined ? {} : { threads: config.threads },
      ...cache === null ? {} : { cache: { ...cache.spectra, alone: cache.alone } },
      ...signal === undefined ? {} : { signal },
    });
    try {
      const choice = { models: [base, ...others] as const, all, series, settings };
      const report = await comparisonWith(choice, { config, plugins, folder, engine, events, signal });
      await folder?.finish(signal);
      return report;
    } finally {
      await engine.dispose();
    }
  } finally {
    await folder?.release();
  }
}

/** What is compared with what. */
interface Choice {
  readonly models: readonly [PlannedModel, ...PlannedModel[]];
  readonly all: boolean;
  readonly series: boolean;
  readonly settings: ComparisonSettings;
}

/** What models are compared with. */
interface Means {
  readonly config: RunConfig;
  readonly plugins: readonly PluginRecord[];
  /** Where what is found goes; null for nowhere. */
  readonly folder: KeptComparisons | null;
  readonly engine: OpenEngine;
  readonly events: CompareEvents;
  readonly signal: AbortSignal | undefined;
}

async function comparisonWith(
  { models, all, series, settings }: Choice,
  { config, plugins, folder, engine, events, signal }: Means,
): Promise<ComparisonReport> {
  const [base] = models;
  const pairs = pairsOf(models.length, { all, series });
  const warned = new Set<string>();
  /** @param root what an adapter is an adapter of; null for the base itself */
  const opened = async <T>(
    planned: PlannedModel,
    root: OpenSide | null,
    work: (side: OpenSide) => Promise<T>,
  ) => {
    const side = await openedSide(planned, config, await folder?.mark(planned) ?? null, root, signal);
    try {
      if (root === null && isAdapter(side.model)) {
        throw new ConfigError(
          `svr compare: found an adapter, ${side.uri}, as the base, required its base model`,
        );
      }
      for (const warning of warned.has(side.id) ? [] : side.warnings) events.warning?.(side.id, warning);
      warned.add(side.id);
      return await work(side);
    } finally {
      await side.close();
    }
  };
  // A model is opened for each of its pairs; its files are digested for the first.
  const contents = new Map<PlannedModel, string>();
  const header = async (side: OpenSide, planned: PlannedModel): Promise<ComparedHeader> => {
    const content = contents.get(planned) ??
      comparedContent(await side.inputs(), planned.topology, config, plugins);
    contents.set(planned, content);
    return { id: side.id, uri: side.uri, content };
  };
  const made = { ...settings, comparisons: pairs.length };
  type Side = readonly [OpenSide, PlannedModel];
  const computed = async ([from]: Side, [to, { id }]: Side) => {
    const told = (done: number, of: number) => events.layer?.(id, done, of);
    const found = await compareModels(from, to, engine, made, told);
    events.pair?.(pairReport(from, to, found, made));
    return { step: comparedStep(from, to, found), pair: () => pairReport(from, to, found, made) };
  };
  const compared = async (from: Side, to: Side): Promise<PairReport> => {
    const compute = async () => (await computed(from, to)).pair();
    return folder === null
      ? (await compute()).report
      : await folder.taken(await header(...from), await header(...to), made, compute, signal);
  };
  return await opened(base, null, async (root) => {
    const both = async <T>(
      [from, to]: readonly [number, number],
      work: (base: OpenSide, other: OpenSide) => Promise<T>,
    ): Promise<T> => {
      const withOther = (side: OpenSide) => opened(models[to]!, root, (other) => work(side, other));
      return from === 0 ? await withOther(root) : await opened(models[from]!, root, withOther);
    };
    const modelsOf = (pair: readonly [number, number]) =>
      pair.map((at) => models[at]!) as [PlannedModel, PlannedModel];
    if (series) {
      const headers: ComparedHeader[] = [];
      // A folder's run may have given the models other ids.
      const ids: string[] = [root.id];
      for (const [at, planned] of folder === null ? [] : models.entries()) {
        const named = async (side: OpenSide) => {
          ids[at] = side.id;
          headers.push(await header(side, planned));
        };
        await (at === 0 ? named(root) : opened(planned, root, named));
      }
      const work: SeriesWork = {
        planned: models.map((model, at) => ({ ...model, id: ids[at] ?? model.id })),
        engine: () => Promise.resolve(engine),
        both,
        compute: (at) => {
          const [earlier, later] = modelsOf([at, at + 1]);
          return both([at, at + 1], (side, other) => computed([side, earlier], [other, later]));
        },
      };
      if (folder === null) {
        const { steps, series } = await computedSeries(work, made);
        return { comparisons: steps.map((step) => step.pair().report), forest: [], series: [series] };
      }
      const { comparisons, series } = await folder.takenSeries(work, headers, made, signal);
      return { comparisons: comparisons.map(({ report }) => report), forest: [], series: [series] };
    }
    const comparisons: PairReport[] = [];
    for (const pair of pairs) {
      const [earlier, later] = modelsOf(pair);
      comparisons.push(await both(pair, (side, other) => compared([side, earlier], [other, later])));
    }
    return { comparisons, forest: all ? forestLinks(models.length, pairs, comparisons) : [], series: [] };
  });
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
