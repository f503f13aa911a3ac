/** The models of a run: every entry of its config as something that can be opened. */

import { existsSync } from "node:fs";
import { basename, isAbsolute, resolve } from "node:path";
import { ConfigError } from "../../config/document.ts";
import { loadTopology } from "../../config/load.ts";
import type { RunConfig } from "../../config/schema.ts";
import { resolveModels } from "../../connectors/sources/collection.ts";
import { formatOf, withoutExtension } from "../../connectors/sources/registry.ts";
import { openSynthetic } from "../../connectors/sources/synthetic.ts";
import { show } from "../model/errors.ts";
import type { Model } from "../model/ports.ts";
import type { TopologyDeclaration } from "../model/topology.ts";

/** A model that can be opened, and what was declared about it. */
export interface PlannedModel {
  readonly id: string;
  /** What the user called it. */
  readonly uri: string;
  readonly topology: TopologyDeclaration | undefined;
  open(signal?: AbortSignal): Promise<Model>;
}

type ModelEntry = Exclude<RunConfig["models"], readonly unknown[]>;
type TopologyEntry = RunConfig["topology"];

/**
 * Resolves the models of a config, in its order.
 *
 * A model's topology is the one its entry names, else the run's, else a side file `<model>.topology.yaml` (or `.yml`,
 * `.json`) beside the model.
 *
 * @throws {RangeError} when an entry stands for no model
 * @throws {ConfigError} when a topology cannot be loaded, or two models have the same id
 */
export async function planModels(config: RunConfig, baseDir: string): Promise<PlannedModel[]> {
  const entries = Array.isArray(config.models) ? config.models : [config.models];
  const planned: PlannedModel[] = [];
  for (const entry of entries) planned.push(...await planEntry(entry, config.topology, baseDir));
  const byId = new Map<string, PlannedModel>();
  for (const model of planned) {
    const same = byId.get(model.id);
    if (same !== undefined) {
      throw new ConfigError(
        `models: found ${show(same.uri)} and ${show(model.uri)} with the same id ${
          show(model.id)
        }, required one id each ` +
          `(give them one: {path: …, id: …})`,
      );
    }
    byId.set(model.id, model);
  }
  return planned;
}

async function planEntry(entry: ModelEntry, shared: TopologyEntry, baseDir: string): Promise<PlannedModel[]> {
  if (typeof entry === "object" && "synthetic" in entry) {
    const { id, synthetic } = entry;
    return [{
      id,
      uri: `synthetic:${id}`,
      topology: undefined,
      open: () => new Promise((resolve) => resolve(openSynthetic(synthetic, id))),
    }];
  }
  const { path: pattern, id, topology } = typeof entry === "string"
    ? { path: entry, id: undefined, topology: undefined }
    : entry;
  const files = await resolveModels(pattern, baseDir);
  if (id !== undefined && files.length > 1) {
    throw new ConfigError(
      `models: found ${files.length} files for ${show(pattern)}, required one where an id is given`,
    );
  }
  const declared = await topologyOf(topology ?? shared, baseDir);
  return await Promise.all(files.map(async (file): Promise<PlannedModel> => ({
    id: id ?? file.id,
    uri: file.path,
    topology: declared ?? await sideFile(file.path),
    async open(signal) {
      const format = await formatOf(file.path);
      return await format.open(file.path, id ?? file.id, signal);
    },
  })));
}

async function topologyOf(entry: TopologyEntry, baseDir: string): Promise<TopologyDeclaration | undefined> {
  if (typeof entry !== "string") return entry;
  return await loadTopology(isAbsolute(entry) ? entry : resolve(baseDir, entry));
}

async function sideFile(model: string): Promise<TopologyDeclaration | undefined> {
  const stem = withoutExtension(model);
  const found = [stem, model].flatMap((name) =>
    [".yaml", ".yml", ".json"].map((end) => `${name}.topology${end}`)
  )
    .filter((path) => existsSync(path));
  if (found.length > 1) {
    throw new ConfigError(
      `${model}: found topologies ${found.map((path) => basename(path)).join(" and ")}, required one`,
    );
  }
  return found[0] === undefined ? undefined : await loadTopology(found[0]);
}

/**
 * Opens one model file by its header, for those who build their own pipeline.
 *
 * @param id default: the file's name without extension
 * @throws {TypeError} when no format has the file's extension
 * @throws {SyntaxError} when the file is damaged
 */
export async function openModel(path: string, id?: string): Promise<Model> {
  const [file] = await resolveModels(path, resolve("."));
  const format = await formatOf(path);
  return await format.open(path, id ?? file?.id ?? path);
}
