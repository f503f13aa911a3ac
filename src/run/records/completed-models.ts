/**
 * What is known of models that earlier runs have done: a file for each, written when all of its tables stand under their
 * final names. A run that finds it, and the files that it names, has nothing to do for that model.
 */

import { mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { encodeModelId } from "../../../connectors/sinks/staging.ts";
import { writeWhole } from "../../../connectors/whole-files.ts";
import type { ModelReport } from "../../analysis/report.ts";
import { codeOf } from "../../model/errors.ts";
import type { DigestRecord } from "./file-digests.ts";
import type { RunRecord } from "./records.ts";

/** Raised when what a mark holds changes, the report's content too: marks of another format count as none. */
const FORMAT = 3;

/** The folder of the marks within an output folder. */
export const STATE_FOLDER = ".state";

/** A report of thousands of connections has megabytes; a file beyond this is none of ours. */
const LARGEST = 2 ** 28;

/** A model that is done. */
export interface CompletedModel {
  readonly format: number;
  /** See `keyOf`: the model's content, and whatever shapes its tables. */
  readonly key: string;
  /** Runs that gave it to a graph: one of them stands in the graph's copy, if there is one. */
  readonly runIds: readonly string[];
  readonly entry: RunRecord["models"][number];
  readonly report: ModelReport;
  /** Of its files. Absent in marks of older runs. */
  readonly digests?: DigestRecord;
}

/** The marks in an output folder. */
export class CompletedModels {
  readonly #folder: string;

  constructor(out: string) {
    this.#folder = join(out, STATE_FOLDER);
  }

  /** Removes what was being written when a run was killed. */
  async tidy(): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    for (const name of names) {
      if (name.endsWith(".partial")) await rm(join(this.#folder, name), { force: true });
    }
  }

  /** The mark of a model, whatever its key. */
  async find(id: string): Promise<CompletedModel | null> {
    try {
      const file = await open(this.#path(id), "r");
      try {
        if ((await file.stat()).size > LARGEST) return null;
        const mark = JSON.parse(await file.readFile("utf8")) as CompletedModel;
        return mark.format === FORMAT && mark.entry.id === id ? mark : null;
      } finally {
        await file.close();
      }
    } catch (failure) {
      // A damaged mark is none: the model is done again.
      if (failure instanceof SyntaxError || failure instanceof TypeError || codeOf(failure) === "ENOENT") {
        return null;
      }
      throw failure;
    }
  }

  /** Writes a mark, whole or not at all. @returns it as `find` will */
  async put(mark: Omit<CompletedModel, "format">): Promise<CompletedModel> {
    const text = JSON.stringify({ format: FORMAT, ...mark } satisfies CompletedModel);
    const path = this.#path(mark.entry.id);
    await mkdir(this.#folder, { recursive: true });
    await writeWhole([path, text]);
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
    throw new Error(`${this.#path(id)}: found no such mark any more, required the one that this run left`);
  }

  #path(id: string): string {
    return join(this.#folder, `model=${encodeModelId(id)}.json`);
  }
}
