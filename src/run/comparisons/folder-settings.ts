/** What comparisons into the folder of a run share with the run. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../../../config/document.ts";
import type { Overrides } from "../../../config/load.ts";
import { isBucket } from "../../../connectors/lake/open.ts";
import { codeOf, messageOf } from "../../model/errors.ts";
import { CompletedModels } from "../records/completed-models.ts";

/** Where results go, and what shapes layers: the neurons that are compared must be those of the run's tables. */
const SHARED = [
  "sinks",
  "graph",
  "lake",
  "neo4j",
  "batchNorm",
  "batchNormEpsilon",
  "normGain",
  "precision",
  "residual",
  "infer",
];

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
  let config: Readonly<Record<string, unknown>>;
  try {
    ({ config } = JSON.parse(text) as { readonly config: Readonly<Record<string, unknown>> });
  } catch (cause) {
    throw new ConfigError(`${path}: found ${messageOf(cause)}, required the JSON that svr run writes`, {
      cause,
    });
  }
  const settings = Object.fromEntries(SHARED.map((key) => [key, config[key]]));
  const { lake } = settings;
  if (typeof lake !== "string" || isBucket(lake)) return settings;
  // A path there starts from wherever the run was started; the record of a model has it whole.
  for await (const mark of new CompletedModels(out).all(new Set())) {
    if ("lake" in mark && mark.lake !== null) return { ...settings, lake: mark.lake };
  }
  return settings;
}
