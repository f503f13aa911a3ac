/** Pictures of the models of a run, from its Parquet tables. */

import { mkdir } from "node:fs/promises";
import { extname, join, resolve } from "node:path";
import { openLake } from "../../connectors/lake/open.ts";
import type { LakePlace } from "../../connectors/lake/place.ts";
import { readTable, type StoredModel, storedModels } from "../../connectors/readers/run-tables.ts";
import { writeWhole } from "../../connectors/whole-files.ts";
import { show } from "../model/errors.ts";
import { guessedOf, interruptible, layersOf } from "./model-tables.ts";
import { edgesFor, MOST_EDGES, type PictureSettings } from "./picture-data.ts";
import { type PictureRecords, pictureRecords } from "./plot-record.ts";
import { readSeries } from "./series-data.ts";
import { strongestEdges } from "./strongest-edges.ts";

/** What any picture may be told. */
export interface LookOptions {
  /** Default: linear. */
  readonly scale?: PictureSettings["scale"];
  /** Whether singular values are drawn as shares of their layer's largest. */
  readonly normalize?: boolean;
  /** Whether head and legend are left out. */
  readonly bare?: boolean;
  /** Where the tables lie, a folder or `s3://bucket/prefix`. Default: the run's folder. */
  readonly lake?: string;
  readonly signal?: AbortSignal;
}

/** What the picture of a model may be told. */
export interface PlotOptions extends LookOptions {
  /** Which model; needed where the run has several. */
  readonly model?: string;
  /** The most edges drawn, from 1 to 8,000. Default: by the number of layers, from 350 for three to 100 for 36 and more. */
  readonly maxEdges?: number;
  /** Whether edges that are not significant are drawn too. */
  readonly all?: boolean;
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

/** What the picture of a series shows. */
export interface PlottedSeries {
  /** Absolute path of the file. */
  readonly path: string;
  readonly series: string;
  readonly checkpoints: number;
  readonly layers: number;
}

/** What the picture of a spectrum shows. */
export interface PlottedSpectrum {
  /** Absolute path of the file. */
  readonly path: string;
  readonly model: string;
  readonly layer: string;
  readonly eigenvalues: number;
}

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
  return await plotted(run, output, options);
}

async function plotted(
  run: string,
  output: string,
  options: PlotOptions,
  records?: PictureRecords,
): Promise<Plotted> {
  // Before the work, so that it is not in vain.
  const write = await pictureWriter(output);
  const { svg, ...shown } = await drawModel(run, options, records);
  return { path: await write(svg), ...shown };
}

/**
 * Draws all models of a run, or one of them, into a folder: a file for each, named as the folder of its tables.
 *
 * @param run output folder of the run
 * @param folder is made where it is not there; files of these names are replaced
 * @returns what each picture shows, as soon as it is there
 * @throws as `plotRun`
 * @example
 * import { plotModels } from "svrflow/run";
 *
 * for await (const { path, edges } of plotModels("my-run", "pictures")) console.log(path, edges);
 */
export async function* plotModels(
  run: string,
  folder: string,
  options: PlotOptions & { readonly format?: "svg" | "png" } = {},
): AsyncGenerator<Plotted, void> {
  const { model, format = "svg" } = options;
  const lake = await openLake(options.lake ?? run);
  const models = model === undefined ? await storedModels(lake) : [await modelOf(lake, model)];
  await mkdir(folder, { recursive: true });
  const records = pictureRecords(run);
  for (const { header: { id }, partition } of models) {
    const file = join(folder, `${partition.slice("model=".length)}.${format}`);
    yield await plotted(run, file, { ...options, model: id }, records);
  }
}

/**
 * Draws the spectra of a series of checkpoints over their steps, layer by layer.
 *
 * @param run output folder of the run
 * @param series its name, as the table `models` has it
 * @param output path that ends with `.svg` or `.png`; a file there is replaced
 * @throws {RangeError} when there is no such series, or it has one checkpoint only; lists those that there are
 * @throws as `plotRun`
 * @example
 * import { plotSeries } from "svrflow/run";
 *
 * const { checkpoints } = await plotSeries("my-run", "mnist-mlp", "series.svg", { normalize: true });
 * console.log(checkpoints);
 */
export async function plotSeries(
  run: string,
  series: string,
  output: string,
  options: LookOptions = {},
): Promise<PlottedSeries> {
  const write = await pictureWriter(output);
  const { lake, signal, scale = "linear", ...look } = options;
  const data = await readSeries(await openLake(lake ?? run), series, signal);
  const { drawSeries } = await import("./series-picture.ts");
  const path = await write(drawSeries(data, { scale, ...look }));
  return { path, series, checkpoints: data.steps.length, layers: data.layers.length };
}

/**
 * Draws the spectrum of a layer: the density of its eigenvalues on logarithmic axes, the law of noise, spikes, and the power law of its tail.
 *
 * @param run output folder of the run
 * @param layer its name or index
 * @param output path that ends with `.svg` or `.png`; a file there is replaced
 * @throws {RangeError} when there is no such layer, or it has no spectrum; lists the layers
 * @throws as `plotRun`
 * @example
 * import { plotSpectrum } from "svrflow/run";
 *
 * const { path, eigenvalues } = await plotSpectrum("my-run", "fc1", "spectrum.svg");
 * console.log(path, eigenvalues);
 */
export async function plotSpectrum(
  run: string,
  layer: string,
  output: string,
  options: Pick<PlotOptions, "model" | "bare" | "lake" | "signal"> = {},
): Promise<PlottedSpectrum> {
  const write = await pictureWriter(output);
  const lake = await openLake(options.lake ?? run);
  const { readSpectrum } = await import("./spectrum/spectrum-data.ts");
  const data = await readSpectrum(lake, await modelOf(lake, options.model), layer, options.signal);
  const { drawSpectrum } = await import("./spectrum/spectrum-picture.ts");
  const path = await write(drawSpectrum(data, options.bare));
  return { path, model: data.model, layer: data.layer, eigenvalues: data.eigenvalues.length };
}

/**
 * How a picture becomes a file, as its extension wants it.
 *
 * @returns writes the text of an SVG, and gives the absolute path of what was written
 * @throws {RangeError} when the extension is neither `.svg` nor `.png`
 */
export async function pictureWriter(output: string): Promise<(svg: string) => Promise<string>> {
  const extension = extname(output).toLowerCase();
  if (extension !== ".svg" && extension !== ".png") {
    const way = extension === ".pdf" ? "; rsvg-convert -f pdf -o x.pdf x.svg makes a PDF of an SVG" : "";
    throw new RangeError(
      `picture ${show(output)}: found the extension ${show(extension)}, required .svg or .png${way}`,
    );
  }
  const toPng = extension === ".png" ? await (await import("./png.ts")).openPngWriter() : null;
  const path = resolve(output);
  return async (svg) => {
    await writeWhole([path, toPng === null ? svg : toPng(svg)]);
    return path;
  };
}

/**
 * Draws one model of a run. See `plotRun`.
 *
 * @param records default: those in the run's folder
 * @returns the picture as SVG, and what it shows
 * @throws as `plotRun`
 */
export async function drawModel(
  run: string,
  options: PlotOptions = {},
  records: PictureRecords = pictureRecords(run),
): Promise<Omit<Plotted, "path"> & { readonly svg: string }> {
  const { model: id, maxEdges, all = false, lake: place = run, signal, scale = "linear", ...look } = options;
  if (maxEdges !== undefined && !(Number.isInteger(maxEdges) && maxEdges >= 1 && maxEdges <= MOST_EDGES)) {
    throw new RangeError(`max-edges: found ${maxEdges}, required a whole number from 1 to ${MOST_EDGES}`);
  }
  const lake = await openLake(place);
  const model = await modelOf(lake, id);
  const layers = await layersOf(lake, model, signal);
  const most = maxEdges ?? edgesFor(layers.length);
  const edges = await strongestEdges(interruptible(readTable(lake, model, "edges"), signal), most, all);
  const guessed = await guessedOf(lake, model, signal);
  const record = await records(lake, model);
  // Plot and its document are half a second and 10 MB to load: not for those who only import the library.
  const { drawPicture } = await import("./picture.ts");
  const data = { model: model.header.id, layers, edges, ...guessed, ...record };
  const svg = drawPicture(data, { scale, ...look });
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
      ? `${run}: found ${models.length} models, required --model with one of ${ids}${more}, or a folder for all of them (-o pictures/)`
      : `${run}: found no model ${show(id)}, required one of ${ids}${more}`,
  );
}
