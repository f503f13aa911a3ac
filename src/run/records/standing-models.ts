/** Models that stand in an output folder: what earlier runs left there is reported with what the last one did. */

import { isGone, samePlace } from "../../../connectors/places/identity.ts";
import { type Manifest, readManifest } from "../../../connectors/lake/manifest.ts";
import { folderLake } from "../../../connectors/lake/folder.ts";
import { isBucket, openLake } from "../../../connectors/lake/open.ts";
import { filesStand, hasModel } from "../../../connectors/sinks/staging.ts";
import type { QueryTargets } from "../../analysis/findings/query-words.ts";
import { messageOf } from "../../model/errors.ts";
import { naturalOrder } from "../../model/natural-order.ts";
import type { WrittenFile } from "../../model/ports.ts";
import { SCHEMA_VERSION } from "../../model/tables.ts";
import type { EarlierModel } from "../../report/run-report.ts";
import type { ModelPlace } from "../collection/id-conflicts.ts";
import { type DoneModel, reportSummary } from "./done-model.ts";
import type { CompletedModel, CompletedModels } from "./completed-models.ts";

/** A model that is reported. */
export interface StandingModel extends Pick<DoneModel, "entry" | "told"> {
  /** Which of its queries can be answered. */
  readonly targets: QueryTargets;
}

/** What earlier runs left, beside the models of the run that ends now. */
export interface StandingModels {
  /** All of them, naturally sorted by their ids. */
  readonly earlier: readonly EarlierModel[];
  /** Those of them that can be reported. */
  readonly reported: readonly StandingModel[];
}

/**
 * Finds the models that stand in an output folder.
 *
 * @param mine ids of the models of the run that ends now; they are left out
 * @throws {Error} when a record cannot be read
 */
export async function standingModels(
  completed: CompletedModels,
  out: string,
  mine: ReadonlySet<string>,
): Promise<StandingModels> {
  const manifest = await readManifest(await openLake(out));
  const unrecorded = new Map((manifest?.models ?? []).map((model) => [model.id, model]));
  const earlier: EarlierModel[] = [];
  const reported: StandingModel[] = [];
  const manifests: Manifests = new Map();
  const add = async (model: Pick<EarlierModel, "id" | "uri" | "run_id">, unreported: string | null) => {
    const { id, uri, run_id } = model;
    earlier.push({ id, uri, run_id, gone: await isGone(uri), unreported });
  };
  for (const id of mine) unrecorded.delete(id);
  for await (const model of completed.all(mine)) {
    const { entry } = model;
    if (mine.has(entry.id)) continue; // in a file of another name
    const schema = unrecorded.get(entry.id)?.schema_version ?? ("schema" in model ? model.schema : undefined);
    if (schema !== undefined && schema !== SCHEMA_VERSION) await add(entry, otherSchema(schema));
    else if (!("report" in model)) await add(entry, "its record is of another version; run the model again");
    else {
      const stand = await tablesStand(model, out, manifests).catch((failure: unknown) => messageOf(failure));
      if (stand !== false) await add(entry, stand === true ? null : `its tables cannot be read: ${stand}`);
      if (stand === true) {
        reported.push({ entry: model.entry, told: reportSummary(model.report), targets: model.targets });
      }
    }
    unrecorded.delete(entry.id);
  }
  for (const model of unrecorded.values()) {
    const { schema_version: schema } = model;
    const unreported = schema === SCHEMA_VERSION
      ? "its tables were put here by a run with another output folder, where its report is"
      : otherSchema(schema);
    await add(model, unreported);
  }
  return { earlier: earlier.sort((a, b) => naturalOrder(a.id, b.id)), reported };
}

/** Manifests of buckets by their addresses: each is read once, for to ask for one takes a request. */
type Manifests = Map<string, Promise<Manifest | null>>;

const otherSchema = (schema: number) =>
  `its tables have schema ${schema}, required ${SCHEMA_VERSION}; run the model again`;

/**
 * Whether a model's tables stand as they were recorded: its Parquet files, which `svr lake rm` removes, where it has some. Of a model without
 * tables there is nothing to miss, and what the sink of a plugin wrote is not ours to look for.
 */
async function tablesStand(
  { entry: { id, files }, lake }: CompletedModel,
  out: string,
  manifests: Manifests,
): Promise<boolean> {
  const own = files.filter(({ sink }) => sink === undefined);
  const parquet = own.filter(({ path }) => path.endsWith(".parquet"));
  if (parquet.length === 0) return own.length === 0 || await filesStand(folderLake(out), own);
  const place = lake ?? out;
  return isBucket(place)
    ? await named(place, id, parquet, manifests)
    : await filesStand(folderLake(place), parquet);
}

/** Whether the manifest of a bucket names just these files of a model: to ask for each of them would take a request. */
async function named(
  place: string,
  id: string,
  files: readonly WrittenFile[],
  manifests: Manifests,
): Promise<boolean> {
  const manifest = manifests.get(place) ?? openLake(place).then(readManifest);
  manifests.set(place, manifest);
  const model = (await manifest)?.models.find((each) => each.id === id);
  const digests = new Map(model?.files.map(({ path, sha256 }) => [path, sha256]));
  return hasModel(files) &&
    files.length === digests.size && files.every(({ path, sha256 }) => digests.get(path) === sha256);
}

/** The models that an output folder has records of, as a place where ids may be taken. */
export function recordedModels(completed: CompletedModels, out: string): ModelPlace {
  return {
    name: `output folder ${out}`,
    async sources(models) {
      const found = new Map<string, string>();
      const manifests: Manifests = new Map();
      for (const { id, uri } of models) {
        const model = await completed.find(id);
        // Whether its tables stand matters only where it was read from elsewhere.
        if (model === null || samePlace(model.entry.uri, uri)) continue;
        if (await tablesStand(model, out, manifests).catch(() => true)) found.set(id, model.entry.uri);
      }
      return found;
    },
  };
}

/** What is to be said of models whose files were deleted; null where there is nothing. */
export function goneWarning(
  earlier: readonly EarlierModel[],
): { readonly model: string; readonly warning: string } | null {
  const gone = earlier.filter((model) => model.gone);
  const [first] = gone;
  if (first === undefined) return null;
  const others = gone.length === 1 ? "" : `; so it is with ${gone.length} models, which report.md lists`;
  return {
    model: first.id,
    warning:
      `its file ${first.uri} is no longer there, while its tables stand (svr lake rm removes them)${others}`,
  };
}
