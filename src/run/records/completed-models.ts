/**
 * What is known of models that earlier runs have done: a file for each, written when all of its tables stand under their
 * final names. A run that finds it, and the files that it names, has nothing to do for that model.
 */

import { folderLake } from "../../../connectors/lake/folder.ts";
import type { LakePlace } from "../../../connectors/lake/place.ts";
import { encodeModelId } from "../../../connectors/sinks/staging.ts";
import type { ModelReport } from "../../analysis/report.ts";
import type { QueryTargets } from "../../analysis/findings/query-words.ts";
import { SCHEMA_VERSION } from "../../model/tables.ts";
import type { DigestRecord } from "./file-digests.ts";
import type { RunRecord } from "./records.ts";

/** Raised when what a mark holds changes, the report's content too: marks of another format count as none. */
const FORMAT = 4;

/** The folder of the marks within an output folder. */
export const STATE_FOLDER = ".state";

/** A model that is done. */
export interface CompletedModel {
  readonly format: number;
  /** See `keyOf`: the model's content, and whatever shapes its tables. */
  readonly key: string;
  /** Runs that gave it to a graph: one of them stands in the graph's copy, if there is one. */
  readonly runIds: readonly string[];
  readonly entry: RunRecord["models"][number];
  /** See `Model.plugin`. */
  readonly plugin?: string | undefined;
  /** Of its tables. */
  readonly schema: number;
  /** Where its Parquet tables were put, a folder's absolute path or an address; null for the output folder itself. */
  readonly lake: string | null;
  /** Which queries of its report can be answered. */
  readonly targets: QueryTargets;
  readonly report: ModelReport;
  /** Of its files. Absent in marks of older runs. */
  readonly digests?: DigestRecord;
}

/** What is known of a model whose mark has another format. */
export interface UnreadableModel {
  readonly format: number;
  readonly entry: { readonly id: string; readonly uri: string; readonly run_id: string };
}

/** The marks in an output folder, or in a lake that several machines share. */
export class CompletedModels {
  readonly #place: LakePlace;

  /** @param place an output folder, or the root of a lake */
  constructor(place: string | LakePlace) {
    this.#place = typeof place === "string" ? folderLake(place) : place;
  }

  /** The mark of a model, whatever its key. */
  async find(id: string): Promise<CompletedModel | null> {
    const mark = await this.#read(this.#path(id));
    return mark !== null && "report" in mark && mark.entry.id === id ? mark : null;
  }

  /** All marks but those of some models, in no order; of other formats what can be told. @param except ids of models whose marks are not read */
  async *all(except: ReadonlySet<string>): AsyncGenerator<CompletedModel | UnreadableModel, void> {
    const passed = new Set([...except].map((id) => this.#path(id)));
    for (const path of await this.#place.list(`${STATE_FOLDER}/`)) {
      if (passed.has(path)) continue;
      const mark = /^[^/]*\/model=.*\.json$/.test(path) ? await this.#read(path) : null;
      if (mark !== null) yield mark;
    }
  }

  async #read(path: string): Promise<CompletedModel | UnreadableModel | null> {
    try {
      const text = await this.#place.readText(path);
      if (text === null) return null;
      const mark = JSON.parse(text) as CompletedModel | UnreadableModel;
      return mark.format === FORMAT && "report" in mark ? mark : unreadable(mark);
    } catch (failure) {
      // A damaged mark is none, and so is a file of hundreds of megabytes: the model is done again.
      if (failure instanceof SyntaxError || failure instanceof TypeError) return null;
      throw failure;
    }
  }

  /** Writes a mark, whole or not at all. @returns it as `find` will */
  async put(mark: Omit<CompletedModel, "format" | "schema">): Promise<CompletedModel> {
    const text = JSON.stringify({ format: FORMAT, schema: SCHEMA_VERSION, ...mark } satisfies CompletedModel);
    await this.#place.replaceText(this.#path(mark.entry.id), () => text);
    return JSON.parse(text) as CompletedModel;
  }

  /**
   * The report in the mark of a model that this run has found or put.
   *
   * @throws {Error} when it is gone since; names the file
   */
  async report(id: string): Promise<ModelReport> {
    const report = (await this.find(id))?.report;
    if (report !== undefined) return report;
    throw new Error(
      `${this.#place.name}/${
        this.#path(id)
      }: found no such mark any more, required the one that this run left`,
    );
  }

  #path(id: string): string {
    return `${STATE_FOLDER}/model=${encodeModelId(id)}.json`;
  }
}

/** The parts of a mark that all formats have; null where it lacks them. */
function unreadable({ format, entry: { id, uri, run_id } }: UnreadableModel): UnreadableModel | null {
  const texts: readonly unknown[] = [id, uri, run_id];
  return texts.every((each) => typeof each === "string") ? { format, entry: { id, uri, run_id } } : null;
}

/** Loads that were interrupted again and again leave no endless list. */
const MOST_RUNS = 16;

/** The last runs of a model, with one more. */
export function recentRuns(runIds: readonly string[], runId: string): readonly string[] {
  return [...runIds.slice(1 - MOST_RUNS), runId];
}
