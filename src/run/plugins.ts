/** Formats and sinks from outside: loaded from where a config names them, or given in code. */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigError } from "../../config/document.ts";
import type { LoadedConfig } from "../../config/load.ts";
import { checkPlugin } from "../../config/plugin.ts";
import { SINKS } from "../../connectors/sinks/registry.ts";
import { pluginFormat } from "../../connectors/sources/plugin-format.ts";
import { FORMATS, type Formats } from "../../connectors/sources/registry.ts";
import { COMPARISON_TABLE_NAMES } from "../model/comparison-tables.ts";
import { messageOf, show } from "../model/errors.ts";
import type { Plugin, PluginSink } from "../model/plugin.ts";
import { TABLE_NAMES } from "../model/tables.ts";

/** What a run takes from one plugin, for its record. */
export interface PluginRecord {
  /** As the config names it; `code` for what was given to `run`. */
  readonly module: string;
  /** Names with their versions. */
  readonly formats: readonly string[];
  readonly sinks: readonly string[];
}

/** What a run may use beside what svrflow has by itself. */
export interface LoadedPlugins {
  /** Those of svrflow too. */
  readonly formats: Formats;
  readonly sinks: readonly PluginSink[];
  readonly records: readonly PluginRecord[];
}

/** A plugin and where it is from. */
interface PluginModule {
  readonly module: string;
  readonly exported: Plugin;
  /** Digest of the file, where a file was named; `""` for packages and code, whose versions have to do. */
  readonly revision: string;
}

/**
 * Loads the plugins that a config names, and puts those that were given in code before them.
 *
 * @throws {ConfigError} when a module does not load or exports something else, when two formats have the same extension or two
 * sinks the same name, or when one of them is svrflow's own; names the module
 */
export async function loadPlugins(
  { config, baseDir }: LoadedConfig,
  given: Plugin = {},
): Promise<LoadedPlugins> {
  const modules: PluginModule[] = [];
  if (given.formats !== undefined || given.sinks !== undefined) {
    checkPlugin("run()", given);
    modules.push({ module: "code", exported: given, revision: "" });
  }
  for (const module of new Set(config.plugins)) modules.push(await loaded(module, baseDir));
  return {
    formats: formatsOf(modules),
    sinks: sinksOf(modules),
    records: modules.map(({ module, exported: { formats = [], sinks = [] } }) => ({
      module,
      formats: formats.map(({ name, version }) => `${name} ${version}`),
      sinks: sinks.map(({ name }) => name),
    })),
  };
}

async function loaded(module: string, baseDir: string): Promise<PluginModule> {
  const isFile = module.startsWith(".") || isAbsolute(module);
  const path = isFile ? resolve(baseDir, module) : packageFile(module, baseDir);
  const from = isFile ? `plugin ${path}` : `plugin ${module} (${path})`;
  try {
    const revision = isFile ? await digestOf(path) : "";
    // With its digest, a file that has changed since it was imported is another module.
    const url = `${pathToFileURL(path).href}${isFile ? `?${revision}` : ""}`;
    const exported = await import(url) as object;
    checkPlugin(from, exported);
    return { module, exported, revision };
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(
      `${from}: found that it does not load (${
        messageOf(cause)
      }), required a module that exports formats or sinks`,
      { cause },
    );
  }
}

async function digestOf(path: string): Promise<string> {
  return createHash("sha256").update(await readFile(path)).digest("hex").slice(0, 16);
}

/** The file of an installed package, as it is found from a folder. */
function packageFile(name: string, folder: string): string {
  try {
    const path = createRequire(join(folder, "config.js")).resolve(name);
    if (isAbsolute(path)) return path;
    throw new Error("a module of the runtime");
  } catch (cause) {
    throw new ConfigError(
      `plugin ${name}: found no such package from ${folder} (${
        messageOf(cause).split(" Require stack:")[0]
      }), required an installed package whose exports have a default, or a file such as ./${name}`,
      { cause },
    );
  }
}

function formatsOf(modules: readonly PluginModule[]): Formats {
  const all = new Map(FORMATS);
  for (const { module, exported, revision } of modules) {
    for (const format of exported.formats ?? []) {
      const guarded = pluginFormat(format, revision);
      for (const extension of format.extensions) {
        if (all.has(extension)) {
          throw new ConfigError(
            `plugin ${module}: format ${format.name}: found extension ${extension}, which another format has, required one of its own`,
          );
        }
        all.set(extension, () => Promise.resolve(guarded));
      }
    }
  }
  return all;
}

/** Names of folders and files that a run makes by itself: a sink's name is also its folder. */
const TAKEN: readonly string[] = [
  ...Object.keys(SINKS),
  ...TABLE_NAMES,
  ...COMPARISON_TABLE_NAMES,
  "comparison",
  "graph",
  "report",
  "run",
];

function sinksOf(modules: readonly PluginModule[]): PluginSink[] {
  const all = new Map<string, PluginSink>();
  for (const { module, exported } of modules) {
    for (const sink of exported.sinks ?? []) {
      if (TAKEN.includes(sink.name) || all.has(sink.name)) {
        throw new ConfigError(
          `plugin ${module}: found a sink named ${show(sink.name)}, which ${
            all.has(sink.name) ? "another plugin" : "svrflow"
          } has, required a name of its own`,
        );
      }
      all.set(sink.name, sink);
    }
  }
  return [...all.values()];
}
