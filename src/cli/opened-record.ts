/** What tells that a model need not be opened again to know what it is: none of the files that its opening looked at has changed. */

import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { RunConfig } from "../../config/schema.ts";
import { contentOfFile } from "../../connectors/sources/file.ts";
import { configBeside } from "../../connectors/sources/model-config.ts";
import type { InputFile } from "../model/ports.ts";
import { SCHEMA_VERSION } from "../model/tables.ts";
import { VERSION } from "../version.ts";
import { layerSettings } from "./layer-settings.ts";
import type { PlannedModel } from "./models.ts";

/** Of one opening. */
export interface OpenedRecord {
  /** Digest of the version, the topology and the settings under which it was opened: they say which tensors matter. */
  readonly under: string;
  /** Files by absolute path, the model's own first, each with what tells its content from any other; null for one that was not there. */
  readonly files: readonly (readonly [path: string, content: string | null])[];
}

type Planned = Pick<PlannedModel, "file" | "topology">;

/**
 * Records an opening.
 *
 * @param inputs all files that were read
 * @param since when the first of them was opened: a file that has changed since then, or shortly before, is not told apart
 * @returns undefined where the model has to be opened each time
 */
export async function openedRecord(
  { file, topology }: Planned,
  inputs: readonly Pick<InputFile, "path">[],
  config: RunConfig,
  since: number,
): Promise<OpenedRecord | undefined> {
  if (file === undefined) return undefined;
  const looked = [file, ...inputs.map(({ path }) => path), configBeside(file)].map((path) => resolve(path));
  const files: (readonly [string, string | null])[] = [];
  for (const path of new Set(looked)) {
    const content = await contentOfFile(path, since);
    // Only the config may be missing.
    if (content === undefined || (content === null && path !== looked.at(-1))) return undefined;
    files.push([path, content]);
  }
  return { under: underOf(topology, config), files };
}

/** Whether opening a model now would find what it found then. @param record untrusted */
export async function isAsOpened(
  record: OpenedRecord | undefined,
  { file, topology }: Planned,
  config: RunConfig,
): Promise<boolean> {
  if (file === undefined || record?.under !== underOf(topology, config)) return false;
  if (record.files[0]?.[0] !== resolve(file)) return false;
  for (const [path, content] of record.files) {
    if (await contentOfFile(path) !== content) return false;
  }
  return true;
}

function underOf(topology: Planned["topology"], config: RunConfig): string {
  const settings = { ...layerSettings(config), topology, version: VERSION, schema: SCHEMA_VERSION };
  return createHash("sha256").update(JSON.stringify(settings)).digest("hex");
}
