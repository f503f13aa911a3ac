/** `svr run --dry-run`: what a run would read, compute, need and write. Headers are read, a kernel is tried; nothing is written. */

import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { LoadedConfig } from "../../../config/load.ts";
import type { RunConfig } from "../../../config/schema.ts";
import { sourcesOf } from "../../../connectors/lake/manifest.ts";
import { openLake } from "../../../connectors/lake/open.ts";
import { isRemote } from "../../../connectors/places/place.ts";
import { isDigestedWhole } from "../../../connectors/sources/digest.ts";
import { openKernel } from "../../kernels/select.ts";
import type { PassedFile } from "../../../connectors/sources/passed-files.ts";
import { messageOf } from "../../model/errors.ts";
import type { Layer, LayerGraph } from "../../model/layer.ts";
import type { Model } from "../../model/ports.ts";
import { graphFlops, neuronsOf } from "../../stages/flops.ts";
import { preliminaryLayers, tensorsWanted } from "../inferred-layers.ts";
import { mostNeurons } from "../../flow/leading.ts";
import { connectionWorkspace, figuresBytes, turningBytes } from "../../stages/memory-needs.ts";
import { affordableNeed } from "../../stages/tall/affordable-need.ts";
import { expectedByChance } from "../../stats/multiple-testing.ts";
import { calibrate, type Calibration } from "./calibration.ts";
import { earlierWork } from "./earlier-work.ts";
import { layerSettings } from "../layer-settings.ts";
import { CompletedModels } from "../records/completed-models.ts";
import { refuseIdConflicts } from "../collection/id-conflicts.ts";
import { recordedModels } from "../records/standing-models.ts";
import { planModels, type PlannedModel } from "../collection/models.ts";
import type { RunRecord } from "../records/records.ts";
import { serverChoices } from "../../query/server-options.ts";
import { loadPlugins } from "../plugins.ts";
import { memoryOf, rankChoice, testSettings, weightOf } from "../settings.ts";

/** What a model would take. Bytes, rows and floating-point operations; nothing of it has been done. */
export interface ModelForecast {
  readonly id: string;
  readonly uri: string;
  readonly format: string;
  /** Bytes of the file or files, of the weights that are read, and of all reading: weights, and what is digested before. What comes from afar is fetched once, beside the digest that a manifest may ask for. */
  readonly file_bytes: number;
  readonly weight_bytes: number;
  readonly read_bytes: number;
  readonly layers: number;
  /** At most: which of the leading ones stand out of noise only their weights tell. */
  readonly neurons: number;
  /** Layers of which leading neurons only are computed. */
  readonly leading: number;
  readonly connections: number;
  /** Pairs of neurons that are compared: no connection can have more edges. */
  readonly pairs: number;
  readonly spectra_flops: number;
  readonly overlap_flops: number;
  /** The largest that a layer or a connection needs of the byte budget, and which that is. */
  readonly memory_bytes: number;
  readonly memory_for: string;
  /** Rows of edges: at most, and as many as chance would give if weights were random; trained ones have more. */
  readonly edges_most: number;
  readonly edges_by_chance: number;
  /** `new`, `done` where an earlier run did the same with files of these sizes, `other settings` where with others. */
  readonly earlier: "new" | "done" | "other settings";
}

/** What a run would take. */
export interface Forecast {
  readonly models: readonly ModelForecast[];
  /** Models that the run could not do, as far as their headers tell. */
  readonly failed: readonly { readonly id: string; readonly error: string }[];
  /** Files beside the models that hold one and cannot be read. */
  readonly not_taken: readonly PassedFile[];
  /** Of models that are not done already. */
  readonly total: {
    readonly models: number;
    readonly read_bytes: number;
    readonly flops: number;
    /** Bytes of the tables before compression, in all formats: with the edges that chance would give, and at most. The graph comes on top. */
    readonly table_bytes: number;
    readonly table_bytes_most: number;
  };
  readonly memory: { readonly budget_bytes: number; readonly needed_bytes: number };
  readonly calibration: Calibration;
  /** Seconds of arithmetic, by the speed that was measured now; and by that of the last run in this folder, all its other work included. */
  readonly seconds: number;
  readonly seconds_by_last_run: number | null;
}

/**
 * Forecasts a run.
 *
 * @throws {ConfigError} when the config asks for what there is not
 * @throws {Error} when the kernel asked for cannot be had on this machine
 */
export async function forecast({ config, baseDir }: LoadedConfig, signal?: AbortSignal): Promise<Forecast> {
  await weightOf(config);
  if (config.graph === "neo4j") serverChoices(config.neo4j);
  const budget = memoryOf(config);
  const { formats } = await loadPlugins({ config, baseDir });
  const notTaken: PassedFile[] = [];
  const planned = await planModels(config, baseDir, signal, (file) => notTaken.push(file), formats);
  const out = resolve(config.out);
  const marks = new CompletedModels(out);
  if (!config.replace) {
    const lake = await openLake(config.lake ?? out);
    await refuseIdConflicts(planned, [
      recordedModels(marks, out),
      { name: `lake ${lake.name}`, sources: (models) => sourcesOf(lake, models.map(({ id }) => id)) },
    ]);
  }
  const { kernel } = await openKernel(config.kernel, {
    memory: budget,
    precision: config.precision,
    ...config.threads === undefined ? {} : { threads: config.threads },
  });
  try {
    const calibration = await calibrate(kernel);
    const models: ModelForecast[] = [];
    const failed: { id: string; error: string }[] = [];
    for (const each of planned) {
      try {
        const found = await forecastModel(
          each,
          config,
          marks,
          { info: kernel.info, workspace: (rows, cols, rank) => kernel.workspace(rows, cols, rank) },
          signal,
        );
        models.push(found);
        if (found.memory_bytes > budget) {
          const { memory_bytes: bytes, memory_for: what } = found;
          const error =
            `memory: found a budget of ${budget} bytes, required at least ${bytes} bytes for ${what}`;
          failed.push({ id: each.id, error });
        }
      } catch (failure) {
        signal?.throwIfAborted();
        failed.push({ id: each.id, error: messageOf(failure) });
      }
    }
    const found = summed(models, failed, budget, calibration, config, await lastRun(config.out));
    return { ...found, not_taken: notTaken };
  } finally {
    await kernel.dispose();
  }
}

async function forecastModel(
  planned: PlannedModel,
  config: RunConfig,
  marks: CompletedModels,
  kernel: Parameters<typeof affordableNeed>[3],
  signal?: AbortSignal,
): Promise<ModelForecast> {
  const model = await planned.open(signal);
  try {
    const settings = { ...layerSettings(config), topology: planned.topology };
    const { graph } = preliminaryLayers(model, settings, config.infer);
    const wanted = tensorsWanted(model, graph);
    const { unfolding } = config;
    const rank = mostNeurons(graph, unfolding, rankChoice(config));
    const { spectra, overlaps, comparisons } = graphFlops(graph, unfolding, rank);
    const neurons = graph.layers.map((layer) => neuronsOf(layer, unfolding, rank));
    const pairs = graph.connections.map(({ source, target }) => neurons[source]! * neurons[target]!);
    const file = await stat(model.uri).then(({ size }) => size, () => 0);
    return {
      id: planned.id,
      uri: planned.uri,
      format: model.format,
      ...readingOf(model, wanted, file, isRemote(planned.uri)),
      layers: graph.layers.length,
      neurons: sum(neurons),
      leading: graph.layers.filter((layer, at) => neurons[at]! < neuronsOf(layer, unfolding)).length,
      connections: graph.connections.length,
      pairs: sum(pairs),
      spectra_flops: spectra,
      overlap_flops: (1 + Number(config.nullControl)) * (overlaps + comparisons),
      ...memoryNeed(model, graph, config, kernel),
      ...edgesOf(pairs, config),
      earlier: await earlierWork(planned, model, config, marks),
    };
  } finally {
    await model.close();
  }
}

/** A run digests a file, whole or what matters of it, and reads the weights after that: of one from afar out of what was fetched for the digest. */
function readingOf({ tensors }: Model, wanted: ReadonlySet<string>, file: number, fetched: boolean) {
  const weights = sum(tensors.filter(({ name }) => wanted.has(name)).map(({ byteLength }) => byteLength));
  // A model in several files is named by its index, which is small.
  const all = Math.max(file, sum(tensors.map(({ byteLength }) => byteLength)));
  const digested = isDigestedWhole(weights, all, fetched) ? all : weights;
  return {
    file_bytes: all,
    weight_bytes: weights,
    read_bytes: fetched ? digested : digested + weights,
  };
}

function memoryNeed(
  model: Model,
  { layers, connections }: LayerGraph,
  config: RunConfig,
  kernel: Parameters<typeof affordableNeed>[3],
): { readonly memory_bytes: number; readonly memory_for: string } {
  const { unfolding, nullControl, layerMetrics } = config;
  const rank = mostNeurons({ layers }, unfolding, rankChoice(config));
  const budget = memoryOf(config);
  const needs = layers.map((layer) =>
    affordableNeed(layer, unfolding, rank(layer), kernel, { model, budget })
  );
  let most = { memory_bytes: 0, memory_for: "" };
  const note = (bytes: number, what: string) => {
    if (bytes > most.memory_bytes) most = { memory_bytes: bytes, memory_for: what };
  };
  needs.forEach(({ bytes }, at) => {
    const layer = layers[at]!;
    note(
      bytes + figuresBytes(layer, unfolding, rank(layer), kernel.workspace, layerMetrics),
      `layer ${layer.name}`,
    );
  });
  const count = (layer: Layer) => neuronsOf(layer, unfolding, rank);
  for (const { source, target } of connections) {
    const [from, to] = [layers[source]!, layers[target]!];
    const spectra = needs[source]!.spectrum + (source === target ? 0 : needs[target]!.spectrum);
    const bytes = spectra + connectionWorkspace(count(from), count(to), to.positions) +
      (nullControl === false ? 0 : turningBytes(from, to, unfolding, count(from), count(to)));
    note(bytes, `the connection from ${from.name} to ${to.name}`);
  }
  return most;
}

function edgesOf(
  pairs: readonly number[],
  config: RunConfig,
): Pick<ModelForecast, "edges_most" | "edges_by_chance"> {
  const all = sum(pairs);
  if (config.edges === "all") return { edges_most: all, edges_by_chance: all };
  if (typeof config.edges === "object") {
    const { top } = config.edges;
    const most = sum(pairs.map((each) => Math.min(each, top)));
    return { edges_most: most, edges_by_chance: most };
  }
  const { logAlpha, correction, over } = testSettings(config);
  const families = over === "model" ? [all] : pairs;
  const chance = sum(families.map((tests) => expectedByChance(correction, tests, Math.exp(logAlpha))));
  return { edges_most: all, edges_by_chance: chance };
}

/** Bytes of a row before compression: numbers as they are, texts short. */
const ROW_BYTES = { layer: 150, neuron: 45, connection: 200, edge: 69 } as const;

function summed(
  models: readonly ModelForecast[],
  failed: Forecast["failed"],
  budget: number,
  calibration: Calibration,
  config: RunConfig,
  lastGflops: number | null,
): Omit<Forecast, "not_taken"> {
  const broken = new Set(failed.map(({ id }) => id));
  const todo = models.filter(({ id, earlier }) => earlier !== "done" && !broken.has(id));
  const total = (of: (model: ModelForecast) => number) => sum(todo.map(of));
  const spectra = total((model) => model.spectra_flops);
  const overlaps = total((model) => model.overlap_flops);
  const nodes = total(({ layers, neurons, connections }) =>
    ROW_BYTES.layer * layers + ROW_BYTES.neuron * neurons + ROW_BYTES.connection * connections
  );
  const bytes = (edges: number) => Math.round(config.sinks.length * (nodes + ROW_BYTES.edge * edges));
  return {
    models,
    failed,
    total: {
      models: todo.length,
      read_bytes: total((model) => model.read_bytes),
      flops: spectra + overlaps,
      table_bytes: bytes(total((model) => model.edges_by_chance)),
      table_bytes_most: bytes(total((model) => model.edges_most)),
    },
    memory: {
      budget_bytes: budget,
      needed_bytes: models.reduce((most, model) => Math.max(most, model.memory_bytes), 0),
    },
    calibration,
    seconds: spectra / (1e9 * calibration.svd_gflops) + overlaps / (1e9 * calibration.product_gflops),
    seconds_by_last_run: lastGflops === null ? null : (spectra + overlaps) / (1e9 * lastGflops),
  };
}

/** The speed of the last run into a folder, where there is one that computed something. */
async function lastRun(out: string): Promise<number | null> {
  try {
    const { work } = JSON.parse(await readFile(join(out, "run.json"), "utf8")) as Partial<RunRecord>;
    const gflops = work?.gflops;
    return typeof gflops === "number" && gflops > 0 && Number.isFinite(gflops) ? gflops : null;
  } catch {
    return null;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
