/** An output folder that comparisons are put into without a run. */

import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../../../config/document.ts";
import type { RunConfig } from "../../../config/schema.ts";
import { samePlace } from "../../../connectors/places/identity.ts";
import type { ComparedPair, PairReport } from "../../compare/comparison-report.ts";
import type { ComparedHeader } from "../../model/comparison.ts";
import type { SinkEvent } from "../../model/sink-event.ts";
import { VERSION } from "../../version.ts";
import type { PlannedModel } from "../collection/models.ts";
import { OpenSinks } from "../open-sinks.ts";
import { openFolder } from "../output-folder.ts";
import { type CompletedModel, CompletedModels } from "../records/completed-models.ts";
import { ComparisonRecords } from "./comparison-records.ts";
import { type ComparisonPlaces, madeComparison } from "./made-comparison.ts";
import { type MadeSeries, madeSeries, type SeriesWork } from "./made-series.ts";
import type { PairSettings } from "./pair-report.ts";

/** An output folder that comparisons go to: held by one at a time, as a run holds it. */
export class KeptComparisons {
  readonly #out: string;
  readonly #config: RunConfig;
  readonly #records: ComparisonRecords;
  readonly #marks: CompletedModels;
  readonly #opened: OpenSinks;
  readonly #folder: Awaited<ReturnType<typeof openFolder>>;
  readonly #staging: string;
  /** Under which id the run knows a model; null for none. A model is asked for with each of its pairs, a search reads all marks. */
  readonly #ids = new Map<PlannedModel, string | null>();
  #isFinished = false;

  private constructor(
    out: string,
    config: RunConfig,
    sinks: OpenSinks,
    folder: Awaited<ReturnType<typeof openFolder>>,
    staging: string,
  ) {
    this.#out = out;
    this.#config = config;
    this.#records = new ComparisonRecords(out);
    this.#marks = new CompletedModels(out);
    this.#opened = sinks;
    this.#folder = folder;
    this.#staging = staging;
  }

  /** @throws {Error} when another run is at work in the folder, or a sink cannot be opened */
  static async open(
    out: string,
    config: RunConfig,
    warning: (model: string, text: string) => void,
  ): Promise<KeptComparisons> {
    const folder = await openFolder(out);
    const runId = `compare-${randomBytes(8).toString("hex")}`;
    const progress = (event: SinkEvent) => {
      if (event.event !== "not-related") return;
      const { base, other, missing } = event;
      warning(other, `the graph has no relations with ${base}, since it lacks ${missing.join(" and ")}`);
    };
    const sinks = new OpenSinks({ runId, version: VERSION, out, progress });
    const kept = new KeptComparisons(out, config, sinks, folder, join(out, `.staging-${runId}`));
    try {
      await sinks.open(config, []);
      return kept;
    } catch (failure) {
      await kept.release();
      throw failure;
    }
  }

  /** Brings a comparison to the folder. @param settings all that shapes it */
  async taken(
    base: ComparedHeader,
    other: ComparedHeader,
    settings: PairSettings,
    compute: () => Promise<ComparedPair>,
    signal?: AbortSignal,
  ): Promise<PairReport> {
    return (await madeComparison(base, other, settings, this.#places(signal), compute)).report;
  }

  /** Brings a series to the folder. @param headers of its checkpoints */
  async takenSeries(
    work: SeriesWork,
    headers: readonly ComparedHeader[],
    settings: PairSettings,
    signal?: AbortSignal,
  ): Promise<MadeSeries> {
    return await madeSeries(work, headers, settings, this.#places(signal));
  }

  #places(signal: AbortSignal | undefined): ComparisonPlaces {
    return {
      out: this.#out,
      config: this.#config,
      sinks: this.#opened.all,
      records: this.#records,
      signal,
    };
  }

  /**
   * What the folder's run knows of a model, by its place or its id.
   *
   * @throws {ConfigError} when the run has another model of its id
   */
  async mark(planned: PlannedModel): Promise<CompletedModel | null> {
    const known = this.#ids.get(planned);
    if (known !== undefined) return known === null ? null : await this.#marks.find(known);
    const mark = await this.#sought(planned);
    this.#ids.set(planned, mark?.entry.id ?? null);
    return mark;
  }

  async #sought({ id, uri }: PlannedModel): Promise<CompletedModel | null> {
    const named = await this.#marks.find(id);
    if (named !== null && samePlace(named.entry.uri, uri)) return named;
    for await (const each of this.#marks.all(new Set([id]))) {
      if ("report" in each && samePlace(each.entry.uri, uri)) return each;
    }
    if (named === null) return null;
    throw new ConfigError(
      `svr compare: found ${uri} under the id ${id}, which the run in this folder has given to ${named.entry.uri}; required another ` +
        "folder, or an id of its own",
    );
  }

  async finish(signal?: AbortSignal): Promise<void> {
    await this.#opened.finish(signal);
    this.#isFinished = true;
  }

  /** Lets others in. What was not finished is forgotten. */
  async release(): Promise<void> {
    if (!this.#isFinished) await this.#opened.abort();
    await rm(this.#staging, { recursive: true, force: true });
    await (this.#isFinished ? this.#folder.release() : this.#folder.abandon());
  }
}
