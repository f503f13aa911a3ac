/** One model of a run: opened, digested, and done as far as it is not done already. */

import { extname, resolve } from "node:path";
import { firstValueFrom } from "rxjs";
import type { RunConfig } from "../../config/schema.ts";
import { folderLake } from "../../connectors/lake/folder.ts";
import { copyModel } from "../../connectors/sinks/copy-model.ts";
import { encodeModelId, filesStand } from "../../connectors/sinks/staging.ts";
import { measureModel } from "../analysis/model-measures.ts";
import { type ModelReport, modelReport } from "../analysis/report.ts";
import type { OverlapCache } from "../flow/overlap-cache.ts";
import { covers, RECORDED_LEVEL } from "../flow/overlap-record.ts";
import { type PipelineSettings, spectralGraph, spectralGraphAgain } from "../flow/pipeline.ts";
import type { SpectrumEvent } from "../flow/workshop.ts";
import type { LayerGraph } from "../model/layer.ts";
import type { InputFile, Model, ModelHeader, Sink, WrittenFile } from "../model/ports.ts";
import { tensorsRead } from "../stages/fold.ts";
import { connectionFlops, graphFlops, layerFlops } from "../stages/flops.ts";
import { layerGraph } from "../stages/layers.ts";
import type { EdgeWeight } from "../stages/weight.ts";
import { layerSettings } from "./layer-settings.ts";
import { FileDigests } from "./file-digests.ts";
import type { ModelMark, ModelMarks } from "./model-marks.ts";
import type { PlannedModel } from "./models.ts";
import type { Progress } from "./progress.ts";
import type { RunRecord } from "./records.ts";
import { keyOf, nullControlSeed, overlapKeyOf, testReport, testSettings } from "./settings.ts";
import type { OpenWorkshop } from "./workshop.ts";

/** What every model of a run is done with. */
export interface ModelRun {
  readonly runId: string;
  readonly out: string;
  readonly config: RunConfig;
  readonly weight: EdgeWeight;
  /** Opened when the first model needs it: where all is done, no kernel is loaded. */
  readonly workshop: () => Promise<OpenWorkshop>;
  /** Why no model can be computed; null as long as that is not so. */
  readonly hopeless: () => Error | null;
  readonly sinks: readonly Sink[];
  readonly marks: ModelMarks;
  /** What overlaps of earlier runs have shown; null where nothing is kept. */
  readonly overlaps: OverlapCache | null;
  /** Told of each spectrum of a model whose overlaps are known; of the others the workshop tells. */
  readonly spectrumDone: (spectrum: SpectrumEvent) => void;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
}

/** A model that is done, for the record. */
export interface DoneModel {
  readonly entry: RunRecord["models"][number];
  /** Of its report, which stands in its mark. */
  readonly told: Pick<ModelReport, "id" | "rows" | "figures" | "null_control" | "warnings">;
  /** What this run had to do for it: everything, or only to take its tables to a sink that lacked them, or nothing. */
  readonly work: "computed" | "copied" | "none";
}

/**
 * Runs one model.
 *
 * @throws whatever is wrong with it; nothing of it is left then
 */
export async function runModel(planned: PlannedModel, run: ModelRun): Promise<DoneModel> {
  const { config, progress, signal } = run;
  const before = Date.now();
  const model = await planned.open(signal);
  try {
    const graph = layerGraph(model, { ...layerSettings(config), topology: planned.topology });
    const { id, uri, format } = model;
    const mark = await run.marks.find(id);
    const digests = new FileDigests(mark?.digests);
    const inputs = await model.inputs(signal, tensorsRead(graph), digests);
    const { series, step } = planned;
    const place = { ...series === undefined ? {} : { series }, ...step === undefined ? {} : { step } };
    const header = { id, uri, format, key: keyOf(inputs, planned.topology, config, place), ...place };
    const files = { inputs, digests };
    const done = await withoutComputing(mark, header, files, run) ??
      await compute(model, planned, header, mark?.entry.files ?? [], files, graph, run);
    const { told, work } = done;
    for (const warning of told.warnings) progress({ event: "warning", model: id, warning });
    const seconds = (Date.now() - before) / 1000;
    progress({ event: "model-done", model: id, edges: told.rows.edges, work, seconds });
    return done;
  } finally {
    await model.close();
  }
}

/** The files behind a model. */
interface ModelFiles {
  readonly inputs: readonly InputFile[];
  readonly digests: FileDigests;
}

/** What an earlier run has done, taken to the sinks that lack it; null where it has to be computed. */
async function withoutComputing(
  mark: ModelMark | null,
  header: ModelHeader,
  { inputs, digests }: ModelFiles,
  run: ModelRun,
): Promise<DoneModel | null> {
  const { marks, sinks, out, config, runId, signal } = run;
  if (mark?.key !== header.key) return null;
  const { id, files } = mark.entry;
  const { uri } = header;
  const lacking: Sink[] = [];
  for (const sink of sinks) {
    if (await sink.holds?.({ id, runIds: mark.runIds, files }) !== true) lacking.push(sink);
  }
  if (lacking.length === 0) {
    if (digests.changed) await marks.put({ ...mark, digests: digests.record() });
    return doneOf(mark, { uri, inputs }, "none");
  }
  const tables = files.filter(({ path }) => path.endsWith(".parquet"));
  // Of a lake in a bucket nothing is copied: the model is computed again, from the spectra that are kept.
  const folder = config.lake === undefined ? out : resolve(config.lake);
  if (!await filesStand(folder, tables)) return null;
  try {
    const copied = await copyModel(folderLake(folder), header, lacking, signal);
    const extensions = new Set(copied.map(({ path }) => extname(path)));
    const entry = {
      ...mark.entry,
      uri,
      inputs,
      files: [...files.filter(({ path }) => !extensions.has(extname(path))), ...copied],
    };
    const runIds = recent(mark.runIds, runId);
    const next = await marks.put({ ...mark, runIds, entry, digests: digests.record() });
    return doneOf(next, { uri, inputs }, "copied");
  } catch {
    signal?.throwIfAborted();
    // Its tables cannot be read: it is computed again, which says what is wrong if anything else is.
    return null;
  }
}

async function compute(
  model: Model,
  { topology }: PlannedModel,
  header: ModelHeader,
  before: readonly WrittenFile[],
  { inputs, digests }: ModelFiles,
  graph: LayerGraph,
  { runId, config, weight, workshop: opened, sinks, marks, overlaps, spectrumDone, progress }: ModelRun,
): Promise<DoneModel> {
  const { id, uri, key } = header;
  const flops = graphFlops(graph, config.unfolding, config.rank);
  // A null control has overlaps of its own.
  const rounds = config.nullControl === false ? 1 : 2;
  progress({
    event: "planned",
    model: id,
    layers: graph.layers.length,
    connections: graph.connections.length,
    flops: flops.spectra + rounds * flops.overlaps,
  });
  const settings: Omit<PipelineSettings, "workshop"> = {
    graph,
    unfolding: config.unfolding,
    test: { ...testSettings(config), ...overlaps === null ? {} : { keep: RECORDED_LEVEL } },
    weight,
    measureModel,
    dominant: config.dominant,
    nullControl: nullControlSeed(config),
    sinks,
    header,
    before,
    nearKernel: config.nearKernel.relative,
    progress({ ends: [first, second], ...step }) {
      const [kind, flops] = second === undefined
        ? ["layer" as const, layerFlops(first, config.unfolding, config.rank)]
        : ["connection" as const, rounds * connectionFlops(first, second, config.unfolding, config.rank)];
      progress({ event: "step", ...step, kind, flops });
    },
  };
  const overlapKey = overlapKeyOf(inputs, topology, config);
  const known = await overlaps?.find(overlapKey) ?? null;
  const again = known !== null && covers(known, settings.test);
  const workshop = again ? null : await opened();
  const result = await firstValueFrom(
    workshop === null ? spectralGraphAgain(known!, model, settings) : spectralGraph(model, {
      ...settings,
      workshop,
      ...overlaps === null
        ? {}
        : { record: async (record) => record === null ? undefined : await overlaps.put(overlapKey, record) },
    }),
  );
  if (again) {
    for (const { name } of graph.layers) spectrumDone({ model: id, layer: name, key: null, from: "cache" });
  }
  const { files, skipped } = result;
  const mark = await marks.put({
    key,
    runIds: [runId],
    entry: {
      id,
      uri,
      key,
      run_id: runId,
      kernel: workshop?.kernel.info ?? known!.kernel,
      inputs,
      files,
      skipped,
    },
    report: modelReport(header, result, testReport(config), encodeModelId(id)),
    digests: digests.record(),
  });
  return doneOf(mark, { uri, inputs }, "computed");
}

/** Where a model lies now is said anew: it may have moved since. */
function doneOf(
  { entry, report: { id, rows, figures, null_control, warnings } }: ModelMark,
  now: { readonly uri: string; readonly inputs: readonly InputFile[] },
  work: DoneModel["work"],
): DoneModel {
  return { entry: { ...entry, ...now }, told: { id, rows, figures, null_control, warnings }, work };
}

/** Loads that were interrupted again and again leave no endless list. */
const MOST_RUNS = 16;

function recent(runIds: readonly string[], runId: string): readonly string[] {
  return [...runIds.slice(1 - MOST_RUNS), runId];
}
