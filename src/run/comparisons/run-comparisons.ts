/** The comparisons that the config of a run asks for, made when its models are done. */

import type { RunConfig } from "../../../config/schema.ts";
import { removeComparisons } from "../../../connectors/lake/remove.ts";
import { openLake } from "../../../connectors/lake/open.ts";
import { CHANGE_SETTINGS } from "../../compare/layer-change.ts";
import { compareModels } from "../../flow/compare-models.ts";
import type { ComparisonReport, PairReport } from "../../compare/comparison-report.ts";
import { messageOf } from "../../model/errors.ts";
import type { Sink } from "../../model/ports.ts";
import type { PlannedModel } from "../collection/models.ts";
import type { OpenEngine } from "../open-engine.ts";
import type { PluginRecord } from "../plugins.ts";
import type { Progress } from "../progress/progress.ts";
import type { CompletedModels } from "../records/completed-models.ts";
import type { DoneModel } from "../records/done-model.ts";
import { comparedContent } from "../settings.ts";
import { type ChosenPair, chosenPairs } from "./chosen-pairs.ts";
import type { ComparisonRecords } from "./comparison-records.ts";
import { forestLinks } from "./forest-links.ts";
import { openedSide } from "./opened-side.ts";
import { pairReport } from "./pair-report.ts";

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
export async function runComparisons(run: RunComparisons): Promise<ComparisonReport | null> {
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
  const found: { readonly pair: ChosenPair; readonly report: PairReport }[] = [];
  for (const [at, pair] of pairs.entries()) {
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
      const { report, work } = await made(run, pair, pairs.length, contents);
      progress({ event: "comparison", base, other, index: at + 1, of: pairs.length, work });
      found.push({ pair, report });
    } catch (failure) {
      signal?.throwIfAborted();
      warn(messageOf(failure));
    }
  }
  const comparisons = found.map(({ report }) => report);
  const links = () => forestLinks(planned.length, found.map(({ pair }) => pair), comparisons);
  return { comparisons, forest: config.compare.all === true ? links() : [], series: null };
}

async function made(
  run: RunComparisons,
  pair: ChosenPair,
  comparisons: number,
  contents: ReadonlyMap<string, string>,
) {
  const { planned, config, marks, signal } = run;
  const { leading, cosine, fileOrder } = config.compare!;
  const settings = { ...CHANGE_SETTINGS, leading, intruderCosine: cosine, fileOrder, comparisons };
  const [from, to] = pair.map((at) => planned[at]!) as [PlannedModel, PlannedModel];
  const [base, other] = [from, to].map(({ id, uri }) => ({ id, uri, content: contents.get(id)! })) as [
    { readonly id: string; readonly uri: string; readonly content: string },
    { readonly id: string; readonly uri: string; readonly content: string },
  ];
  // It reads tables, which other runs do not.
  const { madeComparison } = await import("./made-comparison.ts");
  return await madeComparison(base, other, settings, run, async () => {
    const earlier = await openedSide(from, config, await marks.find(from.id), null, signal);
    try {
      const later = await openedSide(to, config, await marks.find(to.id), null, signal);
      try {
        const found = await compareModels(earlier, later, await run.engine(), settings);
        return pairReport(earlier, later, found, settings);
      } finally {
        await later.close();
      }
    } finally {
      await earlier.close();
    }
  });
}
