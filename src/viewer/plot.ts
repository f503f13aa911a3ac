/** The picture of a model of a run, from its Parquet tables. */

import { extname, resolve } from "node:path";
import { openLake } from "../../connectors/lake/open.ts";
import type { LakePlace } from "../../connectors/lake/place.ts";
import { readTable, type StoredModel, storedModels } from "../../connectors/readers/run-tables.ts";
import { writeWhole } from "../../connectors/whole-files.ts";
import { show } from "../model/errors.ts";
import type { TableBatch } from "../model/tables.ts";
import { MOST_EDGES, type PictureData, type PicturedLayer, type PictureSettings } from "./picture-data.ts";
import { column, strongestEdges } from "./strongest-edges.ts";
import { pictureRecord } from "./plot-record.ts";

/** What a picture may be told. */
export interface PlotOptions {
  /** Which model; needed where the run has several. */
  readonly model?: string;
  /** Default: linear. */
  readonly scale?: PictureSettings["scale"];
  /** The most edges drawn, from 1 to 8,000; default 2,000. */
  readonly maxEdges?: number;
  /** Whether edges that are not significant are drawn too. */
  readonly all?: boolean;
  /** Where the tables lie, a folder or `s3://bucket/prefix`. Default: the run's folder. */
  readonly lake?: string;
  readonly signal?: AbortSignal;
}

/** What a picture shows. */
export interface Plotted {
  /** Absolute path of the file. */
  readonly path: string;
  readonly model: string;
  /** Edges drawn, and edges that were too many. */
  readonly edges: number;
  readonly leftOut: number;
}

/** Neurons take 17 bytes each: with more, a picture would take memory that runs do not. Models of today have a few million. */
const MOST_NEURONS = 2 ** 25;
/** As many as a picture of four thousand pixels can tell apart. */
const MOST_LAYERS = 4000;
/** Models that an error message lists. */
const LISTED = 20;

/**
 * Draws one model of a run into a file, which appears whole or not at all. Memory follows the number of neurons and of edges drawn, not of
 * edges in the table.
 *
 * @param run output folder of the run
 * @param output path that ends with `.svg` or `.png`; a file there is replaced
 * @throws {RangeError} when an option, the extension or the model is none that there is; lists the models
 * @throws {Error} when the folder holds no tables, or a PNG is asked for and what it needs is missing; says what to install
 * @throws {SyntaxError} when a file in the folder is damaged
 * @example
 * import { plotRun } from "svrflow/run";
 *
 * const { path, edges, leftOut } = await plotRun("my-run", "picture.svg", { maxEdges: 500 });
 * console.log(`${path}: ${edges} edges, ${leftOut} left out`);
 */
export async function plotRun(run: string, output: string, options: PlotOptions = {}): Promise<Plotted> {
  const extension = extname(output).toLowerCase();
  if (extension !== ".svg" && extension !== ".png") {
    throw new RangeError(
      `picture ${show(output)}: found the extension ${show(extension)}, required .svg or .png`,
    );
  }
  // Before the work, so that it is not in vain.
  const toPng = extension === ".png" ? await (await import("./png.ts")).openPngWriter() : null;
  const { svg, model, edges, leftOut } = await drawModel(run, options);
  const path = resolve(output);
  await writeWhole([path, toPng === null ? svg : toPng(svg)]);
  return { path, model, edges, leftOut };
}

/**
 * Draws one model of a run. See `plotRun`.
 *
 * @returns the picture as SVG, and what it shows
 * @throws as `plotRun`
 */
export async function drawModel(
  run: string,
  options: PlotOptions = {},
): Promise<Omit<Plotted, "path"> & { readonly svg: string }> {
  const { scale = "linear", maxEdges = 2000, all = false, signal } = options;
  if (!(Number.isInteger(maxEdges) && maxEdges >= 1 && maxEdges <= MOST_EDGES)) {
    throw new RangeError(`max-edges: found ${maxEdges}, required a whole number from 1 to ${MOST_EDGES}`);
  }
  const lake = await openLake(options.lake ?? run);
  const model = await modelOf(lake, options.model);
  const layers = await layersOf(lake, model, signal);
  const edges = await strongestEdges(interruptible(readTable(lake, model, "edges"), signal), maxEdges, all);
  const guessed = await guessedOf(lake, model, signal);
  const record = await pictureRecord(run, lake, model);
  // Plot and its document are half a second and 10 MB to load: not for those who only import the library.
  const { drawPicture } = await import("./picture.ts");
  const svg = drawPicture({ model: model.header.id, layers, edges, ...guessed, ...record }, { scale });
  return { svg, model: model.header.id, edges: edges.count, leftOut: edges.total - edges.count };
}

async function modelOf(lake: LakePlace, id: string | undefined): Promise<StoredModel> {
  if (id !== undefined) {
    const [found] = await storedModels(lake, id);
    if (found !== undefined) return found;
  }
  const run = lake.name;
  const models = await storedModels(lake);
  const [only] = models;
  if (only !== undefined && models.length === 1 && id === undefined) return only;
  const ids = models.slice(0, LISTED).map(({ header }) => show(header.id)).join(", ");
  const more = models.length > LISTED ? ` and ${models.length - LISTED} more` : "";
  throw new RangeError(
    id === undefined
      ? `${run}: found ${models.length} models, required --model with one of ${ids}${more}`
      : `${run}: found no model ${show(id)}, required one of ${ids}${more}`,
  );
}

async function guessedOf(
  lake: LakePlace,
  model: StoredModel,
  signal: AbortSignal | undefined,
): Promise<Pick<PictureData, "guessed">> {
  let [connections, of] = [0, 0];
  for await (const batch of interruptible(readTable(lake, model, "connections"), signal)) {
    for (const evidence of column(batch, "evidence", "utf8")) {
      of += 1;
      if (evidence === "guessed") connections += 1;
    }
  }
  return connections === 0 ? {} : { guessed: { connections, of } };
}

async function layersOf(
  lake: LakePlace,
  model: StoredModel,
  signal: AbortSignal | undefined,
): Promise<readonly PicturedLayer[]> {
  const layers: PicturedLayer[] = [];
  let neurons = 0;
  for await (const batch of interruptible(readTable(lake, model, "layers"), signal)) {
    const names = column(batch, "name", "utf8");
    const kinds = column(batch, "kind", "utf8");
    // Null where the layer was skipped; what lies there then is 0.
    const ranks = column(batch, "rank", "int32");
    for (const [at, index] of column(batch, "layer_index", "int32").entries()) {
      const rank = ranks[at]!;
      neurons += rank;
      if (index !== layers.length || rank < 0 || neurons > MOST_NEURONS || index >= MOST_LAYERS) {
        throw new RangeError(
          `${lake.name}, layers of ${
            show(model.header.id)
          }: found layer ${index} of rank ${rank}, required layers in order, ` +
            `at most ${MOST_LAYERS} with ${MOST_NEURONS} neurons`,
        );
      }
      layers.push({
        name: names[at]!,
        kind: kinds[at]!,
        singularValues: new Float64Array(rank),
        intensity: new Float64Array(rank),
        nearKernel: new Uint8Array(rank),
      });
    }
  }
  for await (const batch of interruptible(readTable(lake, model, "neurons"), signal)) {
    const index = column(batch, "layer_index", "int32");
    const values = column(batch, "singular_value", "float64");
    const intensities = column(batch, "intensity", "float64");
    const near = column(batch, "near_kernel", "bool");
    for (const [at, neuron] of column(batch, "neuron", "int32").entries()) {
      const layer = layers[index[at]!];
      const value = values[at]!;
      if (layer === undefined || !(neuron in layer.singularValues) || !(value >= 0 && value < Infinity)) {
        throw new RangeError(
          `${lake.name}, neurons of ${show(model.header.id)}: found neuron ${neuron} of layer ${
            index[at]
          } with singular value ` +
            `${value}, required one that its layer has, finite and at least 0`,
        );
      }
      layer.singularValues[neuron] = value;
      layer.intensity[neuron] = intensities[at]!;
      layer.nearKernel[neuron] = near[at]!;
    }
  }
  return layers;
}

async function* interruptible(
  batches: AsyncIterable<TableBatch>,
  signal: AbortSignal | undefined,
): AsyncGenerator<TableBatch, void> {
  for await (const batch of batches) {
    signal?.throwIfAborted();
    yield batch;
  }
}
