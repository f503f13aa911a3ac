/** Puts the READMEs where a run leaves its results. */

import { resolve } from "node:path";
import type { RunConfig } from "../../../config/schema.ts";
import { folderLake } from "../../../connectors/lake/folder.ts";
import { isBucket, openLake } from "../../../connectors/lake/open.ts";
import type { LakePlace } from "../../../connectors/lake/place.ts";
import { GRAPH_FILE } from "../../../connectors/sinks/ladybug/ladybug.ts";
import { folderReadme, lakeReadme, README_MARK } from "../../report/output-readme.ts";
import { VERSION } from "../../version.ts";
import type { RunRecord } from "./records.ts";

const NAME = "README.md";

/**
 * Writes the README of the output folder, and that of the lake where there is one, each whole or not at all. A README that is not
 * svrflow's stays as it is.
 *
 * @param out absolute
 */
export async function writeReadmes(
  out: string,
  { sinks, graph, lake }: RunConfig,
  { run_id: runId, ended, counts }: Pick<RunRecord, "run_id" | "ended" | "counts">,
): Promise<void> {
  const inLake = lake === undefined || !isBucket(lake) && resolve(lake) === out ? {} : { lake };
  await put(
    folderLake(out),
    folderReadme({
      runId,
      version: VERSION,
      ended,
      models: counts.done,
      sinks,
      graph: graph === "embedded" ? GRAPH_FILE : null,
      ...inLake,
    }),
  );
  if (inLake.lake === undefined) return;
  const root = isBucket(inLake.lake) ? `${inLake.lake.replace(/\/+$/, "")}/` : "";
  await put(await openLake(inLake.lake), lakeReadme(root));
}

/** Replaces a README of ours that says something else. */
async function put(place: LakePlace, text: string): Promise<void> {
  const isOurs = (before: string | null) => before === null || before.startsWith(README_MARK);
  const before = await place.readText(NAME);
  if (before === text || !isOurs(before)) return;
  await place.replaceText(NAME, (now) => now !== null && !isOurs(now) ? now : text);
}
