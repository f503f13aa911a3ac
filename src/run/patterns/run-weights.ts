/** The weights behind a run, decomposed again layer by layer where somebody wants to see the vectors. */

import { firstValueFrom, of } from "rxjs";
import type { RunConfig } from "../../../config/schema.ts";
import { tokensBeside } from "../../../connectors/sources/tokenizer.ts";
import { neuronPatterns, type Tokens } from "../../analysis/patterns/neuron-patterns.ts";
import { LruCache } from "../../base/lru-cache.ts";
import { svd } from "../../flow/operators/svd.ts";
import { unfold } from "../../flow/operators/unfold.ts";
import { show } from "../../model/errors.ts";
import type { Layer, LayerGraph } from "../../model/layer.ts";
import type { ConnectionFilter, NeuronPatterns } from "../../model/patterns/neuron-patterns.ts";
import type { Model } from "../../model/ports.ts";
import { type Spectrum, spectrumBytes } from "../../model/spectrum.ts";
import type { Row } from "../../model/tables.ts";
import { readingSide } from "../../stages/circuits/compositions.ts";
import { effectiveFilters } from "../../stages/effective-filters.ts";
import { filterOf } from "../../analysis/patterns/connection-filter.ts";
import { inferredLayers, preliminaryLayers, tensorsWanted } from "../inferred-layers.ts";
import { layerSettings } from "../layer-settings.ts";
import { type OpenEngine, openEngine } from "../open-engine.ts";
import { type CompletedModel, CompletedModels } from "../records/completed-models.ts";
import { FileDigests } from "../records/file-digests.ts";
import { cacheOf, memoryOf, rankChoice } from "../settings.ts";
import { recordedConfig, recordedModel, requireSameFiles } from "./recorded-model.ts";

/** Who waits for an answer, and how it can be stopped. */
export interface Asking {
  readonly signal: AbortSignal;
  /** Told what is being done now. */
  readonly progress: (doing: string) => void;
}

/** Norms of one weight in tables and now may differ by rounding, relative to themselves. */
const ROUNDING = 1e-4;

/** Spectra that are kept take at most this share of the run's budget. */
const KEPT = 1 / 8;

/** Leading neurons of a layer that are noted. */
const LEADING = 8;

/** Columns of `layers` that say which channels a vector's entries are of. */
const SHAPES = ["kind", "out_channels", "in_channels", "positions", "groups"] as const;

/** A model that is open. */
interface OpenModel {
  readonly id: string;
  readonly model: Model;
  readonly graph: LayerGraph;
  readonly tokens: Tokens | null;
  /** Rows of the table `layers`. */
  readonly rows: readonly Row[];
}

/** The weights of the models of a run. One question is answered at a time. */
export class RunWeights {
  readonly #config: RunConfig;
  readonly #out: string;
  readonly #spectra: LruCache<string, Spectrum>;
  #engine: Promise<OpenEngine> | null = null;
  #open: OpenModel | null = null;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(out: string, config: RunConfig) {
    this.#out = out;
    this.#config = config;
    this.#spectra = new LruCache(KEPT * memoryOf(config), spectrumBytes);
  }

  /** The weights behind an output folder; null where no run has left its record there. @throws {ConfigError} when that is damaged */
  static async open(out: string): Promise<RunWeights | null> {
    const config = await recordedConfig(out);
    return config === null ? null : new RunWeights(out, config);
  }

  /**
   * What a neuron looks like.
   *
   * @param layer index in the table `layers`
   * @throws {RangeError} when the weights are not there, or not those of the tables; says which
   */
  patterns(id: string, layer: number, neuron: number, asking: Asking): Promise<NeuronPatterns> {
    return this.#inTurn(asking, async () => {
      const open = await this.#opened(id, asking);
      const spectrum = await this.#spectrumOf(open, layer, asking);
      return neuronPatterns(open.graph, spectrum, neuron, open.tokens);
    });
  }

  /**
   * What a neuron hands to another through a connection.
   *
   * @param connection source layer, target layer and part
   * @throws {RangeError} as `patterns`, and when there is no such connection
   */
  filter(
    id: string,
    [from, to, part]: readonly [number, number, number],
    [source, target]: readonly [number, number],
    asking: Asking,
  ): Promise<ConnectionFilter> {
    return this.#inTurn(asking, async () => {
      const open = await this.#opened(id, asking);
      const connection = open.graph.connections.find((each) =>
        each.source === from && each.target === to && each.part === part
      );
      if (connection === undefined) {
        throw new RangeError(
          `${show(id)}: found no connection from layer ${from} to layer ${to}, part ${part}`,
        );
      }
      const sides = [
        await this.#spectrumOf(open, from, asking),
        readingSide(connection, await this.#spectrumOf(open, to, asking)),
      ] as const;
      const choice = { sources: [source, source + 1], targets: [target, target + 1] } as const;
      const [block] = effectiveFilters(connection, ...sides, choice);
      return filterOf(block!.filters, sides, this.#config.unfolding);
    });
  }

  /** Neurons of a model that people look at first, as layer and neuron: those of its dominant connections, then the strongest of each layer, and so on. */
  async notedNeurons(id: string): Promise<(readonly [layer: number, neuron: number])[]> {
    const { report } = await this.#markOf(id);
    const found = report.measures.chains.flatMap(({ edges }) =>
      edges.flatMap((edge) => [
        [edge.sourceLayer, edge.sourceNeuron] as const,
        [edge.targetLayer, edge.targetNeuron] as const,
      ])
    );
    for (let neuron = 0; neuron < LEADING; neuron++) {
      for (const row of report.layers) {
        if (neuron < Number(row["rank"] ?? 0)) found.push([Number(row["layer_index"]), neuron]);
      }
    }
    return [...new Map(found.map((each) => [each.join(), each])).values()];
  }

  async #markOf(id: string): Promise<CompletedModel> {
    const mark = await new CompletedModels(this.#out).find(id);
    if (mark !== null) return mark;
    throw new RangeError(
      `${this.#out}: found no record of ${show(id)}, required the folder of the run that has read it`,
    );
  }

  /** Lets go of the model and of the kernel. */
  async close(): Promise<void> {
    await this.#last.catch(() => undefined);
    await this.#open?.model.close();
    this.#open = null;
    await (await this.#engine?.catch(() => null))?.dispose();
  }

  #inTurn<T>({ signal }: Asking, work: () => Promise<T>): Promise<T> {
    const answer = this.#last.then(() => {
      signal.throwIfAborted();
      return work();
    });
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async #opened(id: string, { signal, progress }: Asking): Promise<OpenModel> {
    if (this.#open?.id === id) return this.#open;
    const mark = await this.#markOf(id);
    progress("Opening the model");
    const planned = await recordedModel(this.#config, mark);
    await this.#open?.model.close();
    this.#open = null;
    const model = await planned.open(signal);
    try {
      const settings = { ...layerSettings(this.#config), topology: planned.topology };
      const { graph: first, isInferred } = preliminaryLayers(model, settings, this.#config.infer);
      progress("Comparing its files with those that the run has read");
      const known = new FileDigests(mark.digests);
      requireSameFiles(id, mark.entry.inputs, await model.inputs(signal, tensorsWanted(model, first), known));
      if (isInferred) progress("Asking the weights who feeds whom");
      const graph = isInferred ? await inferredLayers(model, settings, await this.#started(), signal) : first;
      const tokens = model.format === "synthetic" ? null : await tokensBeside(model.uri, signal);
      return this.#open = { id, model, graph, tokens, rows: mark.report.layers };
    } catch (failure) {
      await model.close();
      throw failure;
    }
  }

  async #spectrumOf(
    { id, model, graph, rows }: OpenModel,
    at: number,
    { signal, progress }: Asking,
  ): Promise<Spectrum> {
    const key = JSON.stringify([id, at]);
    const known = this.#spectra.get(key);
    if (known !== undefined) return known;
    const row = rows.find((each) => each["layer_index"] === at);
    const layer = graph.layers[at];
    requireSameLayer(id, row, layer);
    const engine = await this.#started();
    progress(`Decomposing ${layer.name}`);
    // The store counts a layer's uses by its connections: this one is used once.
    const itself = {
      source: at,
      target: at,
      part: 0,
      via: "direct",
      evidence: "graph",
      channels: [],
    } as const;
    const job = of({ model, layer: layer, graph: { ...graph, connections: [itself] } });
    const { unfolding } = this.#config;
    const decomposed = job.pipe(unfold(unfolding, signal), svd({ ...engine, signal }, unfolding));
    const { spectrum: handle } = await firstValueFrom(decomposed);
    if ("skipped" in handle) throw new RangeError(`${show(layer.name)}: ${handle.skipped}`);
    const spectrum = await engine.store.use(handle, handle, 0, (whole) => Promise.resolve(whole), signal);
    const norm = Number(row!["frobenius_norm"]);
    if (Math.abs(norm - spectrum.norm) > ROUNDING * norm || row!["rank"] !== spectrum.singularValues.length) {
      throw otherLayer(
        id,
        layer,
        `a weight of norm ${spectrum.norm} and rank ${spectrum.singularValues.length}`,
        `norm ${norm} and rank ${String(row!["rank"])}`,
      );
    }
    this.#spectra.set(key, spectrum);
    return spectrum;
  }

  #started(): Promise<OpenEngine> {
    const { kernel, precision, threads, tolerance, cache: said } = this.#config;
    // A folder that somebody sent does not choose another one to write to.
    const isInside = said !== "off" && said.dir === undefined;
    const cache = isInside ? cacheOf(this.#config, this.#out) : null;
    return this.#engine ??= openEngine({
      kernel,
      precision,
      memory: memoryOf(this.#config),
      ...threads === undefined ? {} : { threads },
      rank: rankChoice(this.#config),
      tolerance,
      // A run may be writing to the cache meanwhile.
      ...cache === null ? {} : { cache: { ...cache.spectra, alone: false } },
    });
  }
}

/** @throws {RangeError} when the layer that the tables have is another one, so that entries of vectors would be of other channels */
function requireSameLayer(
  id: string,
  row: Row | undefined,
  layer: Layer | undefined,
): asserts layer is Layer {
  if (row === undefined || layer === undefined || row["name"] !== layer.name) {
    throw new RangeError(
      `${show(id)}: found layer ${show(layer?.name ?? "none")} in the model, required ${
        show(String(row?.["name"]))
      } of the tables`,
    );
  }
  const now: Readonly<Record<typeof SHAPES[number], unknown>> = {
    kind: layer.kind,
    out_channels: layer.outChannels,
    in_channels: layer.inChannels,
    positions: layer.positions,
    groups: layer.groups,
  };
  for (const name of SHAPES) {
    if (row[name] !== now[name]) {
      throw otherLayer(id, layer, `${name} ${String(now[name])}`, String(row[name]));
    }
  }
}

const otherLayer = (id: string, { name }: Layer, found: string, required: string) =>
  new RangeError(
    `${show(id)}, layer ${
      show(name)
    }: found ${found}, required ${required} as in the tables; the run had other settings or another topology`,
  );
