/** From a file and the command line's options to a checked run config. */

import { dirname, relative, resolve } from "node:path";
import { z } from "zod";
import { type ConfigDocument, ConfigError, parseConfigDocument, readDocument } from "./document.ts";
import { complaints } from "./issues.ts";
import { type RunConfig, runConfigSchema, settledConfig } from "./schema.ts";
import { type TopologyConfig, topologySchema } from "./topology.ts";

/** A checked config, and the folder that the paths in it start from. */
export interface LoadedConfig {
  readonly config: RunConfig;
  readonly baseDir: string;
}

/** Settings from the command line, keyed as in a config file; they replace the file's. */
export type Overrides = Readonly<Record<string, unknown>>;

/**
 * Loads a run config.
 *
 * @throws {ConfigError} when the file cannot be read or parsed, or the settings are not valid
 * @example
 * import { loadRunConfig, runPipeline } from "svrflow/run";
 *
 * const { out, record } = await runPipeline(await loadRunConfig("my-run.yaml", { sigma: 4 }));
 * console.log(out, record.counts);
 */
export async function loadRunConfig(path: string, overrides: Overrides = {}): Promise<LoadedConfig> {
  const document = await readDocument(path);
  const baseDir = dirname(resolve(path));
  const config = fromFolder(checkRun(document, fromHere(overrides)), document, baseDir, overrides);
  return { config: withPlaces(config, document), baseDir };
}

/** Whether a path is a place with a scheme: it is where it is. */
const isAddress = (path: string) => /^(s3|https?|hub):/i.test(path);

/** Options name a topology from the working directory; within a config paths start from its folder. */
function fromHere(overrides: Overrides): Overrides {
  const { topology } = overrides;
  return typeof topology === "string" && !isAddress(topology)
    ? { ...overrides, topology: resolve(topology) }
    : overrides;
}

/** Paths that a config file names start from its folder: here those for what a run writes and for credentials. */
function fromFolder(
  config: RunConfig,
  document: ConfigDocument,
  folder: string,
  overrides: Overrides,
): RunConfig {
  /** Whether it is the file that says so, and no option. */
  const isWritten = (...keys: readonly [string, ...string[]]) =>
    valueAt(document.value, keys) !== undefined && valueAt(overrides, keys) === undefined;
  const from = (path: string) => isAddress(path) ? path : relative(".", resolve(folder, path)) || ".";
  const { out, lake, cache, neo4j } = config;
  return {
    ...config,
    ...isWritten("out") ? { out: from(out) } : {},
    ...lake !== undefined && isWritten("lake") ? { lake: from(lake) } : {},
    ...cache !== "off" && cache.dir !== undefined && isWritten("cache", "dir")
      ? { cache: { ...cache, dir: from(cache.dir) } }
      : {},
    ...neo4j?.credentials !== undefined && isWritten("neo4j", "credentials")
      ? { neo4j: { ...neo4j, credentials: from(neo4j.credentials) } }
      : {},
  };
}

function valueAt(value: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>((inner, key) => isObject(inner) ? inner[key] : undefined, value);
}

/**
 * A run config from settings alone, without a file; paths start from the working directory.
 *
 * @throws {ConfigError} when the settings are not valid
 * @example
 * import { runConfigOf } from "svrflow/run";
 *
 * const { config } = runConfigOf({ models: "checkpoints/", sigma: 4 });
 * console.log(config.out, config.correction); // svr-out bh
 */
export function runConfigOf(settings: Overrides): LoadedConfig {
  return { config: checkRun(parseConfigDocument("options", "{}"), settings), baseDir: resolve(".") };
}

/**
 * A config that a run has written down, and settings that replace its own.
 *
 * @param path where it stands; messages name it
 * @param baseDir the folder that paths of models start from
 * @throws {ConfigError} when the settings are not valid
 */
export function recordedRunConfig(
  path: string,
  config: Overrides,
  overrides: Overrides,
  baseDir: string,
): LoadedConfig {
  const document = parseConfigDocument(path, JSON.stringify(config));
  return { config: checkRun(document, fromHere(overrides)), baseDir };
}

/**
 * Loads a topology file.
 *
 * @throws {ConfigError} when it cannot be read or parsed, or is not valid
 * @example
 * import { layerGraph, loadTopology, openModel } from "svrflow";
 *
 * const model = await openModel("model.safetensors");
 * const { connections } = layerGraph(model, { topology: await loadTopology("model.topology.yaml") });
 * console.log(connections.length);
 */
export async function loadTopology(path: string): Promise<PlacedTopology> {
  return topologyOf(await readDocument(path));
}

/**
 * A topology from the text of a file that was read elsewhere.
 *
 * @param path named in messages
 * @throws {ConfigError} when it cannot be parsed, or is not valid
 */
export function parseTopology(path: string, text: string): PlacedTopology {
  return topologyOf(parseConfigDocument(path, text));
}

function topologyOf(document: ConfigDocument): PlacedTopology {
  const topology = check(topologySchema, document, document.value, (keys) => document.place(keys));
  return placed(topology, document, []);
}

/** A topology that knows where in its file each part stands, so that what does not fit a model is named by line. */
export type PlacedTopology = TopologyConfig & {
  readonly place: (keys: readonly PropertyKey[]) => string;
};

function placed(
  topology: TopologyConfig,
  document: ConfigDocument,
  prefix: readonly PropertyKey[],
): PlacedTopology {
  // Not enumerable: a config is printed, digested and written to run.json without it.
  return Object.defineProperty({ ...topology }, "place", {
    value: (keys: readonly PropertyKey[]) => document.place([...prefix, ...keys]),
  }) as PlacedTopology;
}

/** Topologies within a run config, placed. */
function withPlaces(config: RunConfig, document: ConfigDocument): RunConfig {
  const place = <T extends { topology?: string | TopologyConfig | undefined }>(
    owner: T,
    keys: readonly PropertyKey[],
  ) =>
    typeof owner.topology === "object"
      ? { ...owner, topology: placed(owner.topology, document, [...keys, "topology"]) }
      : owner;
  const models = Array.isArray(config.models)
    ? config.models.map((each, at) =>
      typeof each === "object" && "path" in each ? place(each, ["models", at]) : each
    )
    : config.models;
  return place({ ...config, models }, []);
}

function checkRun(document: ConfigDocument, overrides: Overrides): RunConfig {
  if (!isObject(document.value)) {
    throw new ConfigError(
      `${document.place([])}: found ${JSON.stringify(document.value)}, required settings`,
      { file: document.path },
    );
  }
  const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
  const fromFile = Object.entries(document.value).filter(([key]) =>
    // A level of significance on the command line replaces the file's, however either is spelled.
    !((key === "sigma" || key === "alpha") &&
      (Object.hasOwn(given, "sigma") || Object.hasOwn(given, "alpha")))
  );
  const settings = Object.fromEntries([...fromFile, ...Object.entries(given)]);
  // Settings of one server, or one cache, from the file and the command line together.
  for (const key of ["neo4j", "cache"]) {
    const [written, said] = [document.value[key], given[key]];
    if (isObject(written) && isObject(said)) settings[key] = { ...written, ...said };
  }
  // Elsewhere, with the tables that the file asks for.
  const { lake } = document.value;
  if (isObject(lake) && typeof given["lake"] === "string") {
    settings["lake"] = { ...lake, place: given["lake"] };
  }
  return settledConfig(check(
    runConfigSchema,
    document,
    settings,
    (keys) => Object.hasOwn(given, String(keys[0])) ? `--${flagOf(String(keys[0]))}` : document.place(keys),
  ));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `correctionOver` is `--correction-over` on the command line. `plugins` is `--plugin`, which names one and may be repeated. */
export function flagOf(key: string): string {
  return key === "plugins" ? "plugin" : key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function check<T>(
  schema: z.ZodType<T>,
  document: ConfigDocument,
  value: unknown,
  place: (keys: readonly PropertyKey[]) => string,
): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const found = complaints(result.error.issues, value, knownKeys(schema));
  const lines = found.map(({ keys, message }) => {
    const where = place(keys);
    // An option has said its key's name.
    return `${where}: ${where.startsWith("--") ? message.replace(/^\w+(?:: |\.)/, "") : message}`;
  });
  const inFile = lines.every((line) => line.startsWith(`${document.path}:`));
  throw new ConfigError(lines.join("; ") || `${document.path}: not valid`, {
    cause: result.error,
    ...inFile ? { file: document.path } : {},
  });
}

/** Every key that a schema knows at any depth: what a misspelt one may have meant. */
function knownKeys(schema: z.ZodType): string[] {
  const keys = new Set<string>();
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    for (const [key, inner] of Object.entries<unknown>({ ...node })) {
      if (key === "properties" && typeof inner === "object" && inner !== null) {
        for (const name of Object.keys(inner)) keys.add(name);
      }
      visit(inner);
    }
  };
  visit(z.toJSONSchema(schema, { io: "input" }));
  return [...keys];
}
