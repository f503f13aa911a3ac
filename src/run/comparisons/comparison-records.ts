/** What is known of comparisons that stand: a file for each, written when all of its tables stand under their final names. */

import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeWhole } from "../../../connectors/whole-files.ts";
import type { QueryTargets } from "../../analysis/findings/query-words.ts";
import type { PairReport } from "../../compare/comparison-report.ts";
import { codeOf } from "../../model/errors.ts";
import type { ComparisonHeader } from "../../model/comparison.ts";
import type { WrittenFile } from "../../model/ports.ts";
import { STATE_FOLDER } from "../records/completed-models.ts";

/** Raised when what a record holds changes: records of another format count as none. */
const FORMAT = 1;

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
}

/** The records in an output folder. */
export class ComparisonRecords {
  readonly #folder: string;

  constructor(out: string) {
    this.#folder = join(out, STATE_FOLDER);
  }

  /** The record of a comparison of two models, whatever its key; null where there is none, or a damaged one. */
  async find(base: string, other: string): Promise<ComparisonRecord | null> {
    const record = await this.#read(nameOf(base, other));
    return record?.base.id === base && record.other.id === other ? record : null;
  }

  async put(record: Omit<ComparisonRecord, "format">): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const path = join(this.#folder, nameOf(record.base.id, record.other.id));
    await writeWhole([path, JSON.stringify({ format: FORMAT, ...record } satisfies ComparisonRecord)]);
  }

  async #read(name: string): Promise<ComparisonRecord | null> {
    try {
      const record = JSON.parse(await readFile(join(this.#folder, name), "utf8")) as ComparisonRecord;
      return record.format === FORMAT ? record : null;
    } catch (failure) {
      // A damaged record is none: the comparison is made again.
      if (failure instanceof SyntaxError || codeOf(failure) === "ENOENT") return null;
      throw failure;
    }
  }
}

/** Two ids together may be longer than a name. */
function nameOf(base: string, other: string): string {
  return `comparison-${createHash("sha256").update(JSON.stringify([base, other])).digest("hex")}.json`;
}
