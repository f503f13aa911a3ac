/** What tells that a model need not be opened again to know what it is: none of the files that its opening looked at has changed. */

import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { RunConfig } from "../../../config/schema.ts";
import { contentOfFile } from "../../../connectors/sources/file.ts";
import { configBeside } from "../../../connectors/sources/model-config.ts";
import type { InputFile } from "../../model/ports.ts";
import { SCHEMA_VERSION } from "../../model/tables.ts";
import { VERSION } from "../../version.ts";
import { layerSettings } from "../layer-settings.ts";
import type { PlannedModel } from "../collection/models.ts";

/** Files by absolute path, each with what tells its content from any other; null for one that is not there. */
export type LookedAt = readonly (readonly [path: string, content: string | null])[];

/** Of one opening. */
export interface OpenedRecord {
  /** Digest of the version, the topology and the settings under which it was opened: they say which tensors matter. */
  readonly under: string;
  /** The model's own file, and its config. */
  readonly files: LookedAt;
}

type Planned = Pick<PlannedModel, "file" | "topology">;

/**
 * What the opening of a model will look at.
 *
 * @param now see `contentOfFile`
 * @returns null where that cannot be told, or is not all that it depends on
 */
export async function lookedAt({ file }: Pick<PlannedModel, "file">, now?: number): Promise<LookedAt | null> {
  if (file === undefined) return null;
  const files: (readonly [string, string | null])[] = [];
  for (const path of new Set([file, configBeside(file)].map((each) => resolve(each)))) {
    const content = await contentOfFile(path, now);
    // Only the config may be missing.
    if (content === undefined || (content === null && files.length === 0)) return null;
    files.push([path, content]);
  }
  return files;
}

/**
 * Records an opening. Models in several files are opened each time: a link to one of them may lead elsewhere by then.
 *
 * @param before what `lookedAt` said before it
 * @param inputs all files that were read
 * @param since when it began: a file that has changed since then, or shortly before, is not told apart
 * @returns undefined where the model has to be opened each time
 */
export async function openedRecord(
  planned: Planned,
  before: LookedAt | null,
  inputs: readonly Pick<InputFile, "path">[],
  config: RunConfig,
  since: number,
): Promise<OpenedRecord | undefined> {
  const files = await lookedAt(planned, since);
  if (files === null || !isSame(files, before)) return undefined;
  const paths = files.map(([path]) => path);
  if (!inputs.every(({ path }) => paths.includes(resolve(path)))) return undefined;
  return { under: underOf(planned.topology, config), files };
}

/** Whether opening a model now would find what it found then. @param record may be damaged: it is none then */
export async function isAsOpened(
  record: OpenedRecord | undefined,
  planned: Planned,
  config: RunConfig,
): Promise<boolean> {
  return record?.under === underOf(planned.topology, config) && isSame(await lookedAt(planned), record.files);
}

const isSame = (one: LookedAt | null, other: LookedAt | null) =>
  one !== null && JSON.stringify(one) === JSON.stringify(other);

function underOf(topology: Planned["topology"], config: RunConfig): string {
  const settings = { ...layerSettings(config), topology, version: VERSION, schema: SCHEMA_VERSION };
  return createHash("sha256").update(JSON.stringify(settings)).digest("hex");
}
