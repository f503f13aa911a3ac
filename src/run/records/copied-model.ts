/** A model that stands, taken to the sinks of a run that lack it. */

import { extname } from "node:path";
import type { RunConfig } from "../../../config/schema.ts";
import { openLake } from "../../../connectors/lake/open.ts";
import { filesStand } from "../../../connectors/sinks/staging.ts";
import type { InputFile, ModelHeader, Sink, WrittenFile } from "../../model/ports.ts";
import { bothTargets, queryTargets } from "../../query/query-targets.ts";
import { lakeOf } from "../settings.ts";
import { type CompletedModel, type CompletedModels, recentRuns } from "./completed-models.ts";
import { type DoneModel, doneOf } from "./done-model.ts";

/** A model that a mark says is done. */
export interface MarkedModel {
  readonly header: ModelHeader;
  /** As they are now. */
  readonly inputs: readonly InputFile[];
  readonly mark: CompletedModel;
  /** What the next run need not find out again, and whether the mark lacks some of it. */
  readonly remembered: Pick<CompletedModel, "digests">;
  readonly news: boolean;
}

/** What a model is taken to. */
export interface CopyTargets {
  readonly runId: string;
  readonly out: string;
  readonly config: RunConfig;
  readonly sinks: readonly Sink[];
  readonly marks: CompletedModels;
  readonly signal: AbortSignal | undefined;
}

/**
 * Takes the tables of a model to the sinks that lack them.
 *
 * @param unreadable what becomes of it where its tables cannot be read or a sink does not take them
 * @returns null where its Parquet tables do not stand
 */
export async function copiedModel(
  { header, inputs, mark, remembered, news }: MarkedModel,
  { marks, sinks, out, config, runId, signal }: CopyTargets,
  unreadable: (cause: unknown) => null,
): Promise<DoneModel | null> {
  const { id, files } = mark.entry;
  const { uri } = header;
  const lake = lakeOf(config) ?? (config.sinks.includes("parquet") ? null : mark.lake);
  const lacking: Sink[] = [];
  for (const sink of sinks) {
    if (await sink.holds?.({ id, runIds: mark.runIds, files }) !== true) lacking.push(sink);
  }
  if (lacking.length === 0) {
    if (news || lake !== mark.lake) {
      await marks.put({ ...mark, lake, entry: { ...mark.entry, uri, inputs }, ...remembered });
    }
    return doneOf(mark, { uri, inputs }, "none");
  }
  const place = await openLake(config.lake ?? out);
  if (!await filesStand(place, files.filter((file) => kindOf(file) === ".parquet"))) return null;
  // It reads tables, which most runs do not.
  const { copyModel } = await import("../../../connectors/sinks/copy-model.ts");
  const copied = await copyModel(place, header, lacking, signal).catch((cause: unknown) => {
    signal?.throwIfAborted();
    return unreadable(cause);
  });
  if (copied === null) return null;
  const kinds = new Set(copied.map(kindOf));
  const entry = {
    ...mark.entry,
    uri,
    inputs,
    files: [...files.filter((file) => !kinds.has(kindOf(file))), ...copied],
  };
  const runIds = recentRuns(mark.runIds, runId);
  const targets = bothTargets(queryTargets(config), mark.targets);
  const next = await marks.put({ ...mark, runIds, entry, lake, targets, ...remembered });
  return doneOf(next, { uri, inputs }, "copied");
}

/** What tells the files of one sink from another's. */
export const kindOf = ({ path, sink }: WrittenFile) => sink ?? extname(path);
