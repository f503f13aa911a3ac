/** What is known of comparisons that stand: a file for each, written when all of its tables stand under their final names. */

import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeWhole } from "../../../connectors/whole-files.ts";
import type { QueryTargets } from "../../analysis/findings/query-words.ts";
import type { PairReport } from "../../compare/comparison-report.ts";
import type { SeriesReport } from "../../compare/series-report.ts";
import { codeOf } from "../../model/errors.ts";
import type { ComparisonHeader } from "../../model/comparison.ts";
import type { WrittenFile } from "../../model/ports.ts";
import { STATE_FOLDER } from "../records/completed-models.ts";

/** Raised when what a record holds changes: records of another format count as none. */
const FORMAT = 2;

/** A comparison that was made. */
export interface ComparisonRecord extends ComparisonHeader {
  readonly format: number;
  /** Of all sinks. */
  readonly files: readonly WrittenFile[];
  /** Where its Parquet tables were put, a folder's absolute path or an address; null for the output folder itself. */
  readonly lake: string | null;
  /** Which queries of its report can be answered. */
  readonly targets: QueryTargets;
  readonly report: PairReport;
  /** The key of the series whose tracks its tables hold; null for none. */
  readonly series: string | null;
}

/** A series whose tracks were made. */
export interface SeriesRecord {
  readonly format: number;
  /** Of its checkpoints and of the settings. */
  readonly key: string;
  /** Of the tracks only those that its picture shows. */
  readonly report: SeriesReport;
}

/** The records in an output folder. */
export class ComparisonRecords {
  readonly #folder: string;

  constructor(out: string) {
    this.#folder = join(out, STATE_FOLDER);
  }

  /** The record of a comparison of two models, whatever its key; null where there is none, or a damaged one. */
  async find(base: string, other: string): Promise<ComparisonRecord | null> {
    const record = await this.#read<ComparisonRecord>(nameOf(base, other));
    return record?.base.id === base && record.other.id === other ? record : null;
  }

  async put(record: Omit<ComparisonRecord, "format">): Promise<void> {
    await this.#write(nameOf(record.base.id, record.other.id), record);
  }

  /** What is known of a series, as it was last made; null where nothing is. */
  async findSeries(series: string): Promise<SeriesRecord | null> {
    return await this.#read<SeriesRecord>(seriesName(series));
  }

  async putSeries(key: string, report: SeriesReport): Promise<void> {
    await this.#write(seriesName(report.series), { key, report });
  }

  async #write(name: string, record: object): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    await writeWhole([join(this.#folder, name), JSON.stringify({ format: FORMAT, ...record })]);
  }

  async #read<R extends { readonly format: number }>(name: string): Promise<R | null> {
    try {
      const record = JSON.parse(await readFile(join(this.#folder, name), "utf8")) as R;
      return record.format === FORMAT ? record : null;
    } catch (failure) {
      // A damaged record is none: the comparison is made again.
      if (failure instanceof SyntaxError || codeOf(failure) === "ENOENT") return null;
      throw failure;
    }
  }
}

/** Two ids together may be longer than a name. */
const nameOf = (base: string, other: string) => `comparison-${digest([base, other])}.json`;
const seriesName = (series: string) => `series-${digest([series])}.json`;

function digest(ids: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(ids)).digest("hex");
}
