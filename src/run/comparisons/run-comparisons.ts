/** The comparisons that the config of a run asks for, made when its models are done. */

import type { RunConfig } from "../../../config/schema.ts";
import { removeComparisons } from "../../../connectors/lake/remove.ts";
import { openLake } from "../../../connectors/lake/open.ts";
import { CHANGE_SETTINGS } from "../../compare/layer-change.ts";
import { compareModels } from "../../flow/compare-models.ts";
import type { ComparisonReport, PairReport } from "../../compare/comparison-report.ts";
import type { ComparedHeader } from "../../model/comparison.ts";
import { messageOf } from "../../model/errors.ts";
import type { Sink } from "../../model/ports.ts";
import type { PlannedModel } from "../collection/models.ts";
import type { OpenEngine } from "../open-engine.ts";
import type { KeyedComparisons, KeyedSeries } from "../../report/comparison-findings.ts";
import type { PluginRecord } from "../plugins.ts";
import type { Progress } from "../progress/progress.ts";
import type { CompletedModels } from "../records/completed-models.ts";
import type { DoneModel } from "../records/done-model.ts";
import { comparedContent } from "../settings.ts";
import { comparedStep } from "../compared-series.ts";
import {
  checkpointSeries,
  type ChosenPair,
  chosenPairs,
  neighbours,
  nothingToCompare,
} from "./chosen-pairs.ts";
import type { ComparisonRecords } from "./comparison-records.ts";
import { forestLinks } from "./forest-links.ts";
import type { MadeComparison } from "./made-comparison.ts";
import type { MadeSeries, SeriesWork } from "./made-series.ts";
import { openedSide, type OpenSide } from "./opened-side.ts";
import { pairReport, type PairSettings } from "./pair-report.ts";

/** What the comparisons of a run are made with. */
export interface RunComparisons {
  readonly out: string;
  readonly config: RunConfig;
  readonly planned: readonly PlannedModel[];
  readonly done: readonly DoneModel[];
  /** What came from outside: it may read models in another way. */
  readonly plugins: readonly PluginRecord[];
  readonly sinks: readonly Sink[];
  readonly marks: CompletedModels;
  readonly records: ComparisonRecords;
  readonly engine: () => Promise<OpenEngine>;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
}

/** What comparisons of a run found, and the same with the keys that they have in tables and graph. */
export interface RunComparisonsFound {
  readonly report: ComparisonReport;
  readonly keyed: KeyedComparisons;
}

/** What was compared of each model of a run, by its id. */
function contentsOf(
  { config, planned, done, plugins }: Pick<RunComparisons, "config" | "planned" | "done" | "plugins">,
): ReadonlyMap<string, string> {
  const topologies = new Map(planned.map(({ id, topology }) => [id, topology]));
  return new Map(
    done.map(({ entry: { id, inputs } }) =>
      [id, comparedContent(inputs, topologies.get(id), config, plugins)] as const
    ),
  );
}

/**
 * Removes comparisons of models that have become others, and makes those that the config asks for. One that fails is a warning: the others
 * go on.
 *
 * @returns what was found; null where the config asks for none
 * @throws {ConfigError} when the config names a model that the run does not have
 * @throws the signal's reason when it is aborted
 */
export async function runComparisons(run: RunComparisons): Promise<RunComparisonsFound | null> {
  const { config, out, planned, progress, signal } = run;
  const contents = contentsOf(run);
  if (config.sinks.includes("parquet")) {
    const isCurrent = (id: string, content: string) => (contents.get(id) ?? content) === content;
    await removeComparisons(
      await openLake(config.lake ?? out),
      (each) => !isCurrent(each.base, each.base_content) || !isCurrent(each.other, each.other_content),
    );
  }
  if (config.compare === undefined) return null;
  const pairs = chosenPairs(config.compare, planned);
  if (pairs.length === 0) {
    const warning = `nothing to compare yet: found ${nothingToCompare(config.compare, planned)}`;
    progress({ event: "warning", model: planned[0]!.id, warning });
  }
  const found: { readonly pair: ChosenPair; readonly report: PairReport; readonly key: string }[] = [];
  const told = (pair: ChosenPair, { report, key, work }: MadeComparison) => {
    const [base, other] = pair.map((at) => planned[at]!.id) as [string, string];
    progress({ event: "comparison", base, other, index: found.length + 1, of: pairs.length, work });
    found.push({ pair, report, key });
  };
  const inSeries = config.compare.series === true;
  const all: KeyedSeries[] = [];
  const left = new Set(pairs);
  for (const checkpoints of inSeries ? checkpointSeries(planned) : []) {
    const steps = neighbours(checkpoints);
    const own = pairs.filter(([from, to]) => steps.some((step) => step[0] === from && step[1] === to));
    // Without one of them the others are compared, and no track goes through.
    if (own.length === 0 || checkpoints.some((at) => !contents.has(planned[at]!.id))) continue;
    try {
      const { comparisons, series, key, strongest } = await seriesMade(
        run,
        checkpoints,
        pairs.length,
        contents,
      );
      for (const [at, comparison] of comparisons.entries()) told(own[at]!, comparison);
      for (const pair of own) left.delete(pair);
      all.push({ report: series, key, strongest });
    } catch (failure) {
      signal?.throwIfAborted();
      const [model, warning] = [planned[checkpoints[0]!]!.id, messageOf(failure)];
      progress({ event: "warning", model, warning: `no tracks of its series: ${warning}` });
    }
  }
  for (const pair of left) {
    signal?.throwIfAborted();
    const [base, other] = pair.map((index) => planned[index]!.id) as [string, string];
    const missing = [base, other].filter((id) => !contents.has(id));
    const warn = (reason: string) =>
      progress({ event: "warning", model: other, warning: `not compared with ${base}: ${reason}` });
    if (missing.length > 0) {
      warn(`${missing.join(" and ")} failed`);
      continue;
    }
    try {
      told(pair, await made(run, pair, pairs.length, contents));
    } catch (failure) {
      signal?.throwIfAborted();
      warn(messageOf(failure));
    }
  }
  const comparisons = found.map(({ report }) => report);
  const links = () => forestLinks(planned.length, found.map(({ pair }) => pair), comparisons);
  const series = all.map(({ report }) => report);
  return {
    report: { comparisons, forest: config.compare.all === true ? links() : [], series },
    keyed: { comparisons: found, series: all },
  };
}

type Contents = ReadonlyMap<string, string>;

function settingsOf({ config }: RunComparisons, comparisons: number): PairSettings {
  const { leading, cosine, fileOrder } = config.compare!;
  return { ...CHANGE_SETTINGS, leading, intruderCosine: cosine, fileOrder, comparisons };
}

function headerOf({ planned }: RunComparisons, at: number, contents: Contents): ComparedHeader {
  const { id, uri } = planned[at]!;
  return { id, uri, content: contents.get(id)! };
}

/** Opens two models, and closes them. */
async function opened<T>(
  { planned, config, marks, signal }: RunComparisons,
  pair: ChosenPair,
  work: (base: OpenSide, other: OpenSide) => Promise<T>,
): Promise<T> {
  const [from, to] = pair.map((at) => planned[at]!) as [PlannedModel, PlannedModel];
  const earlier = await openedSide(from, config, await marks.find(from.id), null, signal);
  try {
    const later = await openedSide(to, config, await marks.find(to.id), null, signal);
    try {
      return await work(earlier, later);
    } finally {
      await later.close();
    }
  } finally {
    await earlier.close();
  }
}

async function made(
  run: RunComparisons,
  pair: ChosenPair,
  comparisons: number,
  contents: Contents,
): Promise<MadeComparison> {
  const settings = settingsOf(run, comparisons);
  const [base, other] = pair.map((at) => headerOf(run, at, contents)) as [ComparedHeader, ComparedHeader];
  // It reads tables, which other runs do not.
  const { madeComparison } = await import("./made-comparison.ts");
  return await madeComparison(base, other, settings, run, () =>
    opened(run, pair, async (earlier, later) => {
      const found = await compareModels(earlier, later, await run.engine(), settings);
      return pairReport(earlier, later, found, settings);
    }));
}

/** @param checkpoints of one series, in order, all of them done */
async function seriesMade(
  run: RunComparisons,
  checkpoints: readonly number[],
  comparisons: number,
  contents: Contents,
): Promise<MadeSeries> {
  const settings = settingsOf(run, comparisons);
  const pairOf = (
    [from, to]: readonly [number, number],
  ): ChosenPair => [checkpoints[from]!, checkpoints[to]!];
  const { madeSeries } = await import("./made-series.ts");
  const work: SeriesWork = {
    planned: checkpoints.map((at) => run.planned[at]!),
    engine: run.engine,
    both: (pair, compare) => opened(run, pairOf(pair), compare),
    compute: (at) =>
      opened(run, pairOf([at, at + 1]), async (earlier, later) => {
        const found = await compareModels(earlier, later, await run.engine(), settings);
        return {
          step: comparedStep(earlier, later, found),
          pair: () => pairReport(earlier, later, found, settings),
        };
      }),
  };
  return await madeSeries(work, checkpoints.map((at) => headerOf(run, at, contents)), settings, run);
}
