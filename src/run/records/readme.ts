/** Puts the READMEs where a run leaves its results. */

import { resolve } from "node:path";
import type { RunConfig } from "../../../config/schema.ts";
import { folderLake } from "../../../connectors/lake/folder.ts";
import { readManifest } from "../../../connectors/lake/manifest.ts";
import { isBucket, openLake } from "../../../connectors/lake/open.ts";
import type { LakePlace } from "../../../connectors/lake/place.ts";
import { GRAPH_FILE } from "../../../connectors/sinks/ladybug/ladybug.ts";
import { messageOf } from "../../model/errors.ts";
import { TABLE_NAMES } from "../../model/tables.ts";
import { folderReadme, lakeReadme, README_MARK } from "../../report/output-readme.ts";
import { VERSION } from "../../version.ts";
import type { RunRecord } from "./records.ts";

const NAME = "README.md";

/**
 * Writes the README of the output folder, and that of the lake where there is one, each whole or not at all. A README that is not
 * svrflow's stays as it is.
 *
 * @param out absolute
 * @returns why those could not be written that could not: the results stand without them
 */
export async function writeReadmes(
  out: string,
  { sinks, graph, lake }: RunConfig,
  { run_id: runId, ended, counts }: Pick<RunRecord, "run_id" | "ended" | "counts">,
): Promise<string[]> {
  const inLake = lake === undefined || !isBucket(lake) && resolve(lake) === out ? {} : { lake };
  const place = folderLake(out);
  const files = (await readManifest(place).catch(() => null))?.models.flatMap((model) => model.files) ?? [];
  const tables = new Set(files.map(({ table }) => table));
  const own = folderReadme({
    runId,
    version: VERSION,
    ended,
    models: counts.done,
    sinks,
    tables: TABLE_NAMES.filter((table) => tables.has(table)),
    graph: graph === "embedded" ? GRAPH_FILE : null,
    ...inLake,
  });
  const writes = [put(place, own)];
  if (inLake.lake !== undefined) {
    const root = isBucket(inLake.lake) ? `${inLake.lake.replace(/\/+$/, "")}/` : "";
    writes.push(openLake(inLake.lake).then((place) => put(place, lakeReadme(root))));
  }
  const written = await Promise.allSettled(writes);
  return written.flatMap((each) => each.status === "rejected" ? [messageOf(each.reason)] : []);
}

/** Replaces a README of ours that says something else. */
async function put(place: LakePlace, text: string): Promise<void> {
  const isOurs = (before: string | null) => before === null || before.startsWith(README_MARK);
  const before = await place.readText(NAME);
  if (before === text || !isOurs(before)) return;
  await place.replaceText(NAME, (now) => now !== null && !isOurs(now) ? now : text);
}
