/** A model of a run, opened again from where the run has read it. */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ConfigError } from "../../../config/document.ts";
import { type RunConfig, runConfigSchema, settledConfig } from "../../../config/schema.ts";
import { globBase, isGlob } from "../../../connectors/glob.ts";
import { isRemote, shown } from "../../../connectors/places/place.ts";
import { messageOf, show } from "../../model/errors.ts";
import type { InputFile } from "../../model/ports.ts";
import { planModels, type PlannedModel } from "../collection/models.ts";
import type { CompletedModel } from "../records/completed-models.ts";

/**
 * The settings of the run in a folder; null where there is no record of one.
 *
 * @throws {ConfigError} when its `run.json` is damaged
 */
export async function recordedConfig(out: string): Promise<RunConfig | null> {
  const path = join(out, "run.json");
  if (!existsSync(path)) return null;
  try {
    const { config } = JSON.parse(await readFile(path, "utf8")) as { readonly config?: unknown };
    return settledConfig(runConfigSchema.parse(config));
  } catch (cause) {
    throw new ConfigError(`${path}: ${messageOf(cause)}; required the record that svr run writes`, { cause });
  }
}

/**
 * A model of a run as it can be opened again: with the topology that the run's config has for it. Plugins are never loaded, and nothing is fetched:
 * a record says what a run did, not what a program may do.
 *
 * @throws {RangeError} when it is not on this machine any more, or its topology is not; names the place
 */
export async function recordedModel(config: RunConfig, { entry }: CompletedModel): Promise<PlannedModel> {
  const { id, uri } = entry;
  const generated = entriesOf(config).find((each) =>
    typeof each === "object" && "synthetic" in each && uri === `synthetic:${each.id}`
  );
  const { topology, baseDir } = declaredFor(config, uri);
  if (generated === undefined && (isRemote(uri) || !existsSync(uri))) {
    throw new RangeError(
      `the weights of ${show(id)}: found ${
        isRemote(uri) ? `them at ${shown(uri)}, which svr view does not fetch` : `no file ${uri}`
      }, ` +
        "required the file that the run has read",
    );
  }
  const declared = typeof topology === "string" ? topology : topology?.from;
  if (declared !== undefined && isRemote(declared)) {
    throw new RangeError(
      `the topology of ${show(id)}: found it at ${
        shown(declared)
      }, which svr view does not fetch, required a file`,
    );
  }
  const models = generated ?? { path: uri, id, ...topology === undefined ? {} : { topology } };
  const [planned] = await planModels({
    ...config,
    models,
    topology: undefined,
    include: undefined,
    exclude: undefined,
    idPrefix: undefined,
  }, baseDir);
  return planned!;
}

/** @throws {RangeError} when the files behind a model are not those that the run has read; names the first that differs */
export function requireSameFiles(
  id: string,
  recorded: readonly InputFile[],
  found: readonly InputFile[],
): void {
  for (const { path, sha256, digested } of recorded) {
    const now = found.find((each) => each.path === path);
    if (now?.sha256 === sha256 && now.digested === digested) continue;
    throw new RangeError(
      `the weights of ${show(id)}: found that ${path} ${
        now === undefined ? "is not read any more" : "has changed since"
      }, ` +
        "required the content that the run has read; run it again",
    );
  }
}

type ModelEntry = Exclude<RunConfig["models"], readonly unknown[]>;

const entriesOf = ({ models }: RunConfig): readonly ModelEntry[] => Array.isArray(models) ? models : [models];

/** What the config says of a file's topology, and the folder where its paths start: that is what stands before the entry in the file's path. */
function declaredFor(
  config: RunConfig,
  uri: string,
): { readonly topology: RunConfig["topology"]; readonly baseDir: string } {
  const place = slashes(uri);
  const found = entriesOf(config).flatMap((entry) => {
    const pattern = typeof entry === "string" ? entry : "path" in entry ? entry.path : null;
    if (pattern === null) return [];
    const base = slashes(isGlob(pattern) ? globBase(pattern) : pattern).replace(/^(\.\/)+/, "").replace(
      /\/$/,
      "",
    );
    const at = base.startsWith("/") ? place.indexOf(base) : base === "" ? -1 : place.indexOf(`/${base}`);
    if (at < 0 || (base.startsWith("/") && at > 0)) return [];
    const own = typeof entry === "object" && "path" in entry ? entry.topology : undefined;
    return [{
      length: base.length,
      topology: own ?? config.topology,
      baseDir: at === 0 ? dirname(uri) : uri.slice(0, at),
    }];
  });
  const [best] = found.sort((a, b) => b.length - a.length);
  return best ?? { topology: config.topology, baseDir: dirname(uri) };
}

const slashes = (path: string) => path.replaceAll("\\", "/");
