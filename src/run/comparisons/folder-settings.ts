/** What comparisons into the folder of a run share with the run. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../../../config/document.ts";
import type { Overrides } from "../../../config/load.ts";
import { codeOf, messageOf } from "../../model/errors.ts";
import { COMPARED_LAYERS } from "../settings.ts";

/** Where results go, and what shapes layers: the neurons that are compared must be those of the run's tables. */
const SHARED: readonly string[] = ["sinks", "graph", "lake", "neo4j", ...COMPARED_LAYERS];

/**
 * The settings of the run that stands in a folder; Parquet tables only where there is none.
 *
 * @throws {ConfigError} when its `run.json` is damaged
 */
export async function folderSettings(out: string): Promise<Overrides> {
  const path = join(out, "run.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (failure) {
    if (codeOf(failure) === "ENOENT" || codeOf(failure) === "ENOTDIR") {
      return { sinks: ["parquet"], graph: "none" };
    }
    throw failure;
  }
  const refuse = (found: string, options: ErrorOptions = {}) =>
    new ConfigError(`${path}: found ${found}, required the JSON that svr run writes`, options);
  let run: { readonly config?: unknown; readonly lake?: unknown } | null;
  try {
    run = JSON.parse(text) as typeof run;
  } catch (cause) {
    throw refuse(messageOf(cause), { cause });
  }
  const config = run?.config;
  if (typeof config !== "object" || config === null) throw refuse("no config");
  const settings = Object.fromEntries(Object.entries(config).filter(([key]) => SHARED.includes(key)));
  // A path in the config starts from wherever the run was started.
  return typeof run?.lake === "string" ? { ...settings, lake: run.lake } : settings;
}
