/** `svr merge`: the reports, the graph and the comparisons of a run whose models workers have done into a lake. */

import { resolve } from "node:path";
import { ConfigError } from "../../../config/document.ts";
import { type LoadedConfig, type Overrides, recordedRunConfig } from "../../../config/load.ts";
import { settledConfig } from "../../../config/schema.ts";
import { openLake } from "../../../connectors/lake/open.ts";
import type { LakePlace } from "../../../connectors/lake/place.ts";
import { messageOf } from "../../model/errors.ts";
import type { Plugin } from "../../model/plugin.ts";
import { planModels, type PlannedModel } from "../collection/models.ts";
import { chosenPairs } from "../comparisons/chosen-pairs.ts";
import { loadPlugins } from "../plugins.ts";
import { copiedModel } from "../records/copied-model.ts";
import { CompletedModels } from "../records/completed-models.ts";
import type { DoneModel } from "../records/done-model.ts";
import { headerOf, type ModelRun, toldDone } from "../run-model.ts";
import { type RunOptions, type RunOutcome, runPlan } from "../run-pipeline.ts";
import { removeDeadWorkers } from "../output-folder.ts";
import { lakeOf, weightOf } from "../settings.ts";
import { ModelFailures } from "./model-failures.ts";
import { readSharedRun, SHARED_RUN, type SharedModel } from "./shared-run.ts";

/**
 * The config of the run that workers have done into a lake.
 *
 * @param overrides settings of the merge, such as `out` and `graph`; those that shape tables must be as they were
 * @throws {ConfigError} when no worker has left a run there, or the settings are not valid
 * @example
 * import { sharedConfig } from "svrflow/run";
 *
 * const { config, models } = await sharedConfig("s3://bucket/lake", { out: "merged", graph: "none" });
 * console.log(config.sigma, models.length);
 */
export async function sharedConfig(
  address: string,
  overrides: Overrides = {},
): Promise<LoadedConfig & { readonly models: readonly SharedModel[] }> {
  const opened = await openLake(address).catch((cause: unknown) => {
    throw new ConfigError(messageOf(cause), { cause });
  });
  const shared = await readSharedRun(opened);
  if (shared === null) {
    throw new ConfigError(
      `${opened.name}: found no ${SHARED_RUN}, required the lake of a run that workers do (svr run --share, svr run --lease)`,
    );
  }
  const { lake: place, lakeTables: tables, ...config } = settledConfig(shared.config);
  // Where the output folder is the lake, it is so for the merge too.
  const lake = tables === undefined
    ? place === undefined ? {} : { lake: address }
    : { lake: { ...place === undefined ? {} : { place: address }, tables } };
  const places = { ...place === undefined ? { out: address } : {}, ...lake };
  const recorded = recordedRunConfig(SHARED_RUN, { ...config, ...places }, overrides, shared.baseDir);
  return { ...recorded, models: shared.models };
}

/**
 * Makes of the models that workers have done into a lake what one run of all of them leaves in its output folder: reports, other tables, the
 * graph, comparisons. No model is opened, unless it is compared. A model that nobody has done is among the failed ones.
 *
 * @param loaded what `sharedConfig` says
 * @throws as `runPipeline` does
 * @example
 * import { mergeRun, sharedConfig } from "svrflow/run";
 *
 * const { out, report } = await mergeRun(await sharedConfig("lake", { out: "merged" }));
 * console.log(out, report.failed);
 */
export async function mergeRun(
  loaded: LoadedConfig,
  options: RunOptions = {},
  plugin: Plugin = {},
): Promise<RunOutcome> {
  const { config, baseDir } = loaded;
  await weightOf(config);
  const place = await openLake(config.lake ?? config.out);
  const shared = await readSharedRun(place);
  if (shared === null) throw new ConfigError(`${place.name}: found no ${SHARED_RUN}, required one`);
  const plugins = await loadPlugins({ config, baseDir }, plugin);
  let opening: Promise<readonly PlannedModel[]> | null = null;
  const planned = shared.models.map(({ flops: _, ...model }): PlannedModel => ({
    ...model,
    topology: model.topology,
    // Only comparisons read models.
    async open(signal) {
      opening ??= planModels(config, baseDir, signal, () => undefined, plugins.formats);
      const found = (await opening).find(({ id }) => id === model.id);
      if (found !== undefined) return await found.open(signal);
      throw new Error(`${model.uri}: found no such model any more, required the one that a worker has done`);
    },
  }));
  if (config.compare !== undefined) chosenPairs(config.compare, planned);
  const one = (model: PlannedModel, run: ModelRun) => mergedModel(model, place, run);
  await removeDeadWorkers(resolve(config.out));
  return await runPlan(config, { planned, notTaken: shared.notTaken, plugins, one }, options);
}

async function mergedModel(planned: PlannedModel, place: LakePlace, run: ModelRun): Promise<DoneModel> {
  const { config, marks } = run;
  const { id } = planned;
  return await toldDone(run, async () => {
    const found = await new CompletedModels(place).find(id);
    const failure = await new ModelFailures(place).find(id);
    if (failure !== null) throw new Error(failure.error);
    if (found === null) {
      throw new Error(`${place.name}: found no tables of ${id}, required those that a worker puts there`);
    }
    const { uri, inputs } = found.entry;
    const { format } = found.report;
    const { plugin } = found;
    const of = { id, uri, format, ...plugin === undefined ? {} : { plugin } };
    const header = headerOf(of, planned, inputs, config);
    if (header.key !== found.key) {
      throw new Error(
        `${place.name}: found tables of ${id} with other settings, or of another version, required those of this run`,
      );
    }
    // What an earlier merge has made of the same tables stands, as far as the sinks find it.
    const own = await marks.find(id);
    const earlier = own?.key === found.key ? own : null;
    const tables = found.entry.files.filter(isParquet);
    const others = (earlier ?? found).entry.files.filter((file) => !isParquet(file));
    const mark = {
      ...found,
      lake: lakeOf(config),
      runIds: (earlier ?? found).runIds,
      targets: (earlier ?? found).targets,
      entry: { ...found.entry, files: [...tables, ...others] },
    };
    const remembered = found.digests === undefined ? {} : { digests: found.digests };
    const news = earlier === null || earlier.entry.run_id !== found.entry.run_id;
    const done = await copiedModel({ header, inputs, mark, remembered, news }, run, (cause) => {
      throw cause;
    });
    if (done !== null) return done;
    throw new Error(
      `${place.name}: found not all tables of ${id} that its worker has put there, required all`,
    );
  });
}

const isParquet = ({ path, sink }: { readonly path: string; readonly sink?: string }) =>
  sink === undefined && path.endsWith(".parquet");
