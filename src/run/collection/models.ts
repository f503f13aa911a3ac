/** The models of a run: every entry of its config as something that can be opened. */

import { counted } from "../../model/counted.ts";
import { dirname, resolve } from "node:path";
import { ConfigError } from "../../../config/document.ts";
import { loadTopology } from "../../../config/load.ts";
import { loadManifest } from "../../../config/manifest.ts";
import { type FileEntry, type RunConfig, type WrittenConfig, writtenConfig } from "../../../config/schema.ts";
import { beside, folderNameOf, isRemote, nameOf, placeOf, shown } from "../../../connectors/places/place.ts";
import { resolveModels } from "../../../connectors/sources/collection.ts";
import { checkDigest } from "../../../connectors/sources/digest.ts";
import type { PassedFile } from "../../../connectors/sources/passed-files.ts";
import {
  extensionOf,
  formatOf,
  FORMATS,
  type Formats,
  withoutExtension,
} from "../../../connectors/sources/registry.ts";
import { openSynthetic } from "../../../connectors/sources/synthetic.ts";
import { show } from "../../model/errors.ts";
import type { Model } from "../../model/ports.ts";
import type { TopologyDeclaration } from "../../model/topology.ts";
import { uniqueIds } from "./collection-ids.ts";
import { prefixedIds } from "./id-prefix.ts";
import { nameFilter } from "./name-glob.ts";
import { placesOf } from "./checkpoint-series.ts";
import { withLentGraph } from "./lent-graph.ts";
import { folderOf, remoteTopology, type SideFile, sideFile } from "./side-topology.ts";

/** A model that can be opened, and what was declared about it. */
export interface PlannedModel {
  readonly id: string;
  /** What the user called it. */
  readonly uri: string;
  readonly topology: TopologyDeclaration | undefined;
  /** The series that it is a checkpoint of, and its place there; absent where nothing says so. */
  readonly series?: string;
  readonly step?: number;
  open(signal?: AbortSignal): Promise<Model>;
}

type ModelEntry = Exclude<RunConfig["models"], readonly unknown[]>;
type TopologyEntry = RunConfig["topology"];

/** A model before its id is final. */
interface Draft {
  readonly id: string;
  readonly given: boolean;
  /** Whether its entry says more than where it is. */
  readonly told: boolean;
  readonly uri: string;
  readonly topology: TopologyDeclaration | undefined;
  readonly series?: string | undefined;
  readonly step?: number | undefined;
  open(id: string, signal?: AbortSignal): Promise<Model>;
}

/**
 * Resolves the models of a config, in its order. A file that several entries stand for is there once, unless one gives it an id.
 *
 * A model's topology is the one its entry names, else the run's, else a side file `<model>.topology.yaml` (or `.yml`,
 * `.json`) beside the model.
 *
 * @param passed told of each file beside the models, once, that holds one and cannot be read
 * @param formats default: those that svrflow reads by itself
 * @throws {RangeError} when an entry stands for no model
 * @throws {ConfigError} when a manifest or a topology cannot be loaded, two models have the same id, or nothing is left to be read
 */
export async function planModels(
  config: RunConfig,
  baseDir: string,
  signal?: AbortSignal,
  passed: (file: PassedFile) => void = () => undefined,
  formats: Formats = FORMATS,
): Promise<PlannedModel[]> {
  const entries = Array.isArray(config.models) ? config.models : [config.models];
  const wanted = nameFilter(listOf(config.include), listOf(config.exclude));
  const drafts: Draft[] = [];
  const told = new Map<string, PassedFile>();
  const search = { wanted, formats, signal, passed: (file: PassedFile) => void told.set(file.path, file) };
  for (const entry of entries) drafts.push(...await draftsOf(entry, config.topology, baseDir, search));
  for (const file of told.values()) passed(file);
  const models = withoutRepeats(drafts);
  if (models.length === 0) {
    throw new ConfigError("include, exclude: found that they leave no model, required at least one");
  }
  const ids = prefixedIds(config.idPrefix, config.out, models, uniqueIds(models, formats), formats);
  const byId = await placesOf(config.series, ids);
  // An id that a user made up may say nothing; the name that it stands for may.
  const byName = await placesOf(
    config.series,
    models.map(({ given, uri }) => given ? shortName(uri, formats) : ""),
  );
  return models.map((draft, at): PlannedModel => {
    const place = byId[at] ?? byName[at];
    const series = draft.series ?? place?.series;
    const step = draft.step ?? place?.step;
    return {
      id: ids[at]!,
      uri: draft.uri,
      topology: draft.topology,
      ...series === undefined ? {} : { series },
      ...step === undefined ? {} : { step },
      open: (signal) => draft.open(ids[at]!, signal),
    };
  });
}

const listOf = (globs: string | readonly string[] | undefined) => typeof globs === "string" ? [globs] : globs;

const shortName = (uri: string, formats: Formats) =>
  isRemote(uri)
    ? `${folderNameOf(uri)}/${withoutExtension(nameOf(uri), formats)}`
    : withoutExtension(uri, formats).split(/[/\\]/u).slice(-2).join("/");

/** A file that several entries stand for and none gave an id is one model: as the entry says that says something about it. */
function withoutRepeats(drafts: readonly Draft[]): Draft[] {
  const plain = new Set(drafts.filter(({ given, told }) => !given && !told).map(({ uri }) => uri));
  const told = new Set(drafts.filter((draft) => !draft.given && draft.told).map(({ uri }) => uri));
  return drafts.filter((draft) => {
    if (draft.given || draft.told) return true;
    return !told.has(draft.uri) && plain.delete(draft.uri);
  });
}

/** How files are searched for. */
interface Search {
  /** Whether the run's `include` and `exclude` leave a name. */
  readonly wanted: (name: string) => boolean;
  readonly passed: (file: PassedFile) => void;
  readonly formats: Formats;
  readonly signal: AbortSignal | undefined;
}

async function draftsOf(
  entry: ModelEntry,
  shared: TopologyEntry,
  baseDir: string,
  search: Search,
): Promise<Draft[]> {
  if (typeof entry === "string") return await draftFiles({ path: entry }, shared, baseDir, search);
  if ("synthetic" in entry) {
    const { id, synthetic } = entry;
    // Its URI is of the id that the config gives it, whatever prefix that gets.
    const open = (as: string) =>
      new Promise<Model>((resolve) => resolve({ ...openSynthetic(synthetic, id), id: as }));
    return [{ id, given: true, told: true, uri: `synthetic:${id}`, topology: undefined, open }];
  }
  if (!("manifest" in entry)) return await draftFiles(entry, shared, baseDir, search);
  const path = resolve(baseDir, entry.manifest);
  const own = nameFilter(listOf(entry.include), listOf(entry.exclude));
  const both = { ...search, wanted: (name: string) => search.wanted(name) && own(name) };
  const run = typeof shared === "string" && !isRemote(shared) ? resolve(baseDir, shared) : shared;
  const drafts: Draft[] = [];
  for (const file of await loadManifest(path)) {
    drafts.push(...await draftFiles(file, run, dirname(path), both));
  }
  return drafts;
}

async function draftFiles(
  { path: pattern, id, topology, include, exclude, series, step, sha256 }: FileEntry,
  shared: TopologyEntry,
  baseDir: string,
  { wanted, passed, formats, signal }: Search,
): Promise<Draft[]> {
  const own = nameFilter(listOf(include), listOf(exclude));
  const found = await resolveModels(pattern, baseDir, signal, (file, name) => {
    if (own(name) && wanted(name)) passed(file);
  }, formats);
  const chosen = found.filter(({ name }) => own(name));
  if (chosen.length === 0) {
    throw new RangeError(
      `models: found ${counted(found.length, "file")} for ${
        show(shown(pattern))
      } of which include and exclude leave none, required at least one`,
    );
  }
  for (const [key, value] of Object.entries({ id, step, sha256 })) {
    if (value === undefined || chosen.length === 1) continue;
    throw new ConfigError(
      `models: found ${chosen.length} files for ${show(shown(pattern))}, required one where ${key} is given`,
    );
  }
  const declared = await topologyOf(topology ?? shared, baseDir, formats);
  const files = chosen.filter(({ name }) => wanted(name));
  return await Promise.all(files.map(async (file): Promise<Draft> => {
    const side = declared === undefined ? await sideFile(file.path, formats, signal) : declared;
    const lender = side.topology?.from === undefined ? undefined : lenderAt(side.topology.from, side.folder);
    return {
      id: id ?? file.id,
      given: id !== undefined,
      told: [topology, series, step, sha256].some((each) => each !== undefined),
      uri: file.path,
      topology: lender === undefined ? side.topology : undefined,
      series,
      step,
      async open(id, signal) {
        if (side.failure !== undefined) throw side.failure;
        if (sha256 !== undefined) await checkDigest(file.path, sha256, signal);
        const format = await formatOf(file.path, signal, formats);
        const model = await format.open(file.path, id, signal);
        return lender === undefined ? model : await withLentGraph(model, lender, formats, signal);
      },
    };
  }));
}

/** A topology that an entry names, and the folder from which its paths start; a model in its place lends its graph. */
async function topologyOf(
  entry: TopologyEntry,
  baseDir: string,
  formats: Formats,
): Promise<SideFile | undefined> {
  if (entry === undefined) return undefined;
  if (typeof entry !== "string") return { topology: entry, folder: baseDir };
  if (formats.has(extensionOf(entry, formats))) return { topology: { from: entry }, folder: baseDir };
  if (isRemote(entry)) {
    return { topology: await remoteTopology(placeOf(entry)), folder: folderOf(placeOf(entry)) };
  }
  const path = resolve(baseDir, entry);
  return { topology: await loadTopology(path), folder: dirname(path) };
}

/** The place of a model that lends its graph, named from a folder. */
function lenderAt(from: string, folder: string): string {
  // What was fetched names only what lies beside it.
  if (isRemote(folder)) return beside(`${folder}/topology`, from);
  return isRemote(from) ? placeOf(from) : resolve(folder, from);
}

/**
 * Opens one model, a file or a remote one, by its header, for those who build their own pipeline.
 *
 * @param id default: the file's name without extension
 * @throws {TypeError} when no format has the file's extension
 * @throws {SyntaxError} when the file is damaged
 * @example
 * import { openModel } from "svrflow";
 *
 * const model = await openModel("https://example.org/model.safetensors");
 * for (const { name, dtype, shape } of model.tensors) console.log(name, dtype, shape);
 * console.log((await model.read("fc1.weight")).length);
 * await model.close();
 */
export async function openModel(path: string, id?: string): Promise<Model> {
  const [file] = await resolveModels(path, resolve("."));
  const place = file?.path ?? path;
  const format = await formatOf(place);
  return await format.open(place, id ?? file?.id ?? place);
}

/** A config as it may be written down: without what is secret in an address. */
export function recorded(config: RunConfig): WrittenConfig {
  const { models } = config;
  const known = <T extends { topology?: TopologyEntry }>(owner: T): T => {
    const { topology } = owner;
    if (typeof topology === "string") return { ...owner, topology: shown(topology) };
    const from = topology?.from;
    return from === undefined ? owner : { ...owner, topology: { ...topology, from: shown(from) } };
  };
  const entry = (model: ModelEntry): ModelEntry => {
    if (typeof model === "string") return shown(model);
    return "path" in model ? known({ ...model, path: shown(model.path) }) : model;
  };
  const all = { ...config, models: Array.isArray(models) ? models.map(entry) : entry(models) };
  return writtenConfig(known(all));
}
