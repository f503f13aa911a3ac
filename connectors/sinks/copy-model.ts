/** A model's tables, taken from the Parquet files of a run to sinks that lack them. */

import type { ModelHeader, ModelSink, Sink, WrittenFile } from "../../src/model/ports.ts";
import { TABLE_NAMES } from "../../src/model/tables.ts";
import type { LakePlace } from "../lake/place.ts";
import { readTable } from "../readers/run-tables.ts";
import { encodeModelId } from "./staging.ts";

/**
 * Gives a model's rows to sinks and commits it there; where one fails, to none.
 *
 * @returns the files that they wrote
 * @throws {SyntaxError} when a file is no such table
 */
export async function copyModel(
  lake: LakePlace,
  header: ModelHeader,
  sinks: readonly Sink[],
  signal?: AbortSignal,
): Promise<readonly WrittenFile[]> {
  const stored = { header, runId: "", partition: `model=${encodeModelId(header.id)}` };
  const open: ModelSink[] = [];
  try {
    for (const sink of sinks) open.push(await sink.begin(header));
    for (const table of TABLE_NAMES) {
      for await (const batch of readTable(lake, stored, table)) {
        signal?.throwIfAborted();
        for (const sink of open) await sink.write(table, batch);
      }
    }
    const files: WrittenFile[] = [];
    for (let sink = open[0]; sink !== undefined; sink = open[0]) {
      files.push(...await sink.commit());
      open.shift();
    }
    return files;
  } finally {
    await Promise.allSettled(open.map((sink) => sink.abort()));
  }
}
