/** The effective filters of one connection of one model, into a file. */

import { firstValueFrom, of } from "rxjs";
import { ConfigError } from "../../config/document.ts";
import type { LoadedConfig } from "../../config/load.ts";
import type { RunConfig } from "../../config/schema.ts";
import { unfold } from "../flow/operators/unfold.ts";
import type { Kernel } from "../kernels/kernel.ts";
import { show } from "../model/errors.ts";
import type { Connection, LayerGraph } from "../model/layer.ts";
import type { Model } from "../model/ports.ts";
import type { Spectrum } from "../model/spectrum.ts";
import { readingSide } from "../stages/circuits/compositions.ts";
import {
  effectiveFilters,
  type FilterChoice,
  filterShape,
  type NeuronRange,
} from "../stages/effective-filters.ts";
import { neuronsOf } from "../stages/flops.ts";
import { leadingOf, mostNeurons } from "../flow/leading.ts";
import { inferredLayers, preliminaryLayers } from "./inferred-layers.ts";
import { BLOCK_BYTES, type LayerNeed, layerNeed } from "../stages/memory-needs.ts";
import { spectrum } from "../stages/svd.ts";
import { layerSettings } from "./layer-settings.ts";
import { planModels } from "./collection/models.ts";
import { loadPlugins } from "./plugins.ts";
import { writeNpy } from "./npy.ts";
import { memoryOf, rankChoice } from "./settings.ts";
import { openEngine } from "./open-engine.ts";

/** What is wanted. */
export interface FiltersRequest {
  /** `<source> -> <target>`, by the names of the layers. */
  readonly connection: string;
  /** Which of the connections between the two; default 0. */
  readonly part?: number | undefined;
  readonly sources?: NeuronRange | undefined;
  readonly targets?: NeuronRange | undefined;
  /** The file to write. */
  readonly output: string;
}

/** Names listed in an error. */
const MOST_NAMES = 20;

/**
 * Decomposes the two layers of a connection and writes its effective filters as `.npy`, float64.
 *
 * @returns the shape `(r', z, r)`
 * @throws {ConfigError} when there is not exactly one model, no such connection, or no such neurons
 * @throws {RangeError} when the memory budget is too small; says which would do
 */
export async function writeFilters(
  { config, baseDir }: LoadedConfig,
  request: FiltersRequest,
  signal?: AbortSignal,
): Promise<readonly number[]> {
  const { formats } = await loadPlugins({ config, baseDir });
  const planned = await planModels(config, baseDir, signal, undefined, formats);
  const [only] = planned;
  if (only === undefined || planned.length > 1) {
    throw new ConfigError(`svr filters: found ${planned.length} models, required one`);
  }
  const model = await only.open(signal);
  try {
    const engine = await openEngine({
      kernel: config.kernel,
      precision: config.precision,
      memory: memoryOf(config),
      ...config.threads === undefined ? {} : { threads: config.threads },
      ...signal === undefined ? {} : { signal },
    });
    try {
      const settings = { ...layerSettings(config), topology: only.topology };
      const { graph: first, isInferred } = preliminaryLayers(model, settings, config.infer);
      const graph = isInferred ? await inferredLayers(model, settings, engine, signal) : first;
      const connection = connectionOf(graph, request);
      checkMemory(graph, connection, config, engine.kernel);
      const decomposed = (index: number) => spectrumOf(model, graph, index, config, engine.kernel, signal);
      const source = await decomposed(connection.source);
      const target = connection.target === connection.source
        ? source
        : readingSide(connection, await decomposed(connection.target));
      const choice: FilterChoice = { ...request, mostBytes: BLOCK_BYTES };
      const shape = chosenShape(connection, source, target, choice);
      await writeNpy(request.output, shape, blocks(effectiveFilters(connection, source, target, choice)));
      return shape;
    } finally {
      await engine.dispose();
    }
  } finally {
    await model.close();
  }
}

function* blocks(found: ReturnType<typeof effectiveFilters>): Generator<Float64Array> {
  for (const { filters } of found) yield filters;
}

function chosenShape(...all: Parameters<typeof filterShape>): ReturnType<typeof filterShape> {
  try {
    return filterShape(...all);
  } catch (cause) {
    throw cause instanceof RangeError ? new ConfigError(`--neurons: ${cause.message}`, { cause }) : cause;
  }
}

async function spectrumOf(
  model: Model,
  graph: LayerGraph,
  index: number,
  config: RunConfig,
  kernel: Kernel,
  signal?: AbortSignal,
): Promise<Spectrum> {
  const { unfolding, tolerance } = config;
  const layer = graph.layers[index]!;
  const job = await firstValueFrom(of({ model, graph, layer }).pipe(unfold(unfolding, signal)));
  const options = {
    ...leadingOf(graph, unfolding, rankChoice(config))(layer),
    tolerance,
    ...signal === undefined ? {} : { signal },
  };
  return await spectrum(layer, await job.read(), unfolding, kernel, options);
}

/** @throws {ConfigError} when the model has no such connection; names what it has */
function connectionOf(graph: LayerGraph, { connection: wanted, part = 0 }: FiltersRequest): Connection {
  const name = (index: number) => graph.layers[index]!.name;
  const label = ({ source, target }: Connection) => `${name(source)} -> ${name(target)}`;
  const between = graph.connections.filter((each) => label(each) === wanted.trim());
  const found = between.find((each) => each.part === part);
  if (found !== undefined) return found;
  if (between.length > 0) {
    const parts = between.map((each) => each.part);
    throw new ConfigError(`--part: found ${part}, required one of ${listed(parts.map(String))}`);
  }
  const ends = wanted.split("->").map((end) => end.trim());
  const unknown = ends.find((end) => !graph.layers.some((layer) => layer.name === end));
  if (ends.length === 2 && unknown !== undefined) {
    throw new ConfigError(
      `--connection: found no layer ${show(unknown)}, required one of ${
        listed(graph.layers.map((layer) => layer.name))
      }`,
    );
  }
  throw new ConfigError(
    `--connection: found ${show(wanted)}, required "<source> -> <target>", one of ${
      listed([...new Set(graph.connections.map(label))])
    }`,
  );
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return "none: the model has no connections";
  const rest = names.length - MOST_NAMES;
  return `${names.slice(0, MOST_NAMES).join(", ")}${
    rest > 0 ? ` and ${rest} more (svr inspect lists them)` : ""
  }`;
}

/** Both spectra, the larger decomposition, a block, and what arrives in each channel. */
function checkMemory(
  graph: LayerGraph,
  { source, target }: Connection,
  config: RunConfig,
  kernel: Kernel,
): void {
  const { unfolding } = config;
  const rank = mostNeurons(graph, unfolding, rankChoice(config));
  const [from, to] = [graph.layers[source]!, graph.layers[target]!];
  const [a, b] = [from, to].map((layer) =>
    layerNeed(layer, unfolding, rank(layer), (rows, cols, most) => kernel.workspace(rows, cols, most))
  ) as [LayerNeed, LayerNeed];
  const arriving = 8 * to.inChannels * neuronsOf(from, unfolding, rank) *
    (unfolding === "svr" ? 1 : from.positions);
  const need = Math.max(
    a.bytes + b.spectrum,
    b.bytes + a.spectrum,
    a.spectrum + b.spectrum + arriving + BLOCK_BYTES,
  );
  const budget = memoryOf(config);
  if (need > budget) {
    throw new RangeError(
      `memory: found a budget of ${budget} bytes, required at least ${need} bytes for the filters of ${from.name} -> ${to.name}`,
    );
  }
}
