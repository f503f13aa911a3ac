/** What the command line names, as a config. */

import { extname, resolve } from "node:path";
import { ConfigError } from "../../config/document.ts";
import { isRemote } from "../../connectors/places/place.ts";
import { type LoadedConfig, loadRunConfig, type Overrides, runConfigOf } from "../../config/load.ts";

const CONFIG_EXTENSIONS = [".yaml", ".yml", ".json"];

/** Names of JSON files that are models, or parts of one. */
const MODEL_JSON = /(\.index|(^|[/\\])model)\.json$/i;

/**
 * The config of `svr run <what...>`: one config file, or any number of models, folders, globs and manifests (.csv).
 *
 * @param options keyed as in a config file; `plugin` is `--plugin`, whose paths start from the working directory
 * @throws {ConfigError} when both are mixed, or the settings are not valid
 */
export async function configOfArguments(
  what: readonly string[],
  options: Overrides,
): Promise<LoadedConfig> {
  const overrides = withPlugins(options);
  const configs = what.filter((each) =>
    CONFIG_EXTENSIONS.includes(extname(each).toLowerCase()) && !MODEL_JSON.test(each) && !isRemote(each)
  );
  const [config] = configs;
  if (config === undefined) {
    const models = what.map((each) => extname(each).toLowerCase() === ".csv" ? { manifest: each } : each);
    return runConfigOf({ ...overrides, models });
  }
  if (what.length > 1) {
    throw new ConfigError(
      `svr run: found ${what.length} arguments, required one config file, or models only`,
    );
  }
  return await loadRunConfig(config, overrides);
}

/** Options with `--plugin` under `plugins`, as in a config file. Paths become absolute: those of a config start from its folder. */
export function withPlugins({ plugin, ...others }: Overrides): Overrides {
  if (!Array.isArray(plugin)) return others;
  const plugins = plugin.map((each: string) => /^\.{1,2}[\\/]/.test(each) ? resolve(each) : each);
  return { ...others, plugins };
}

/** Which models `--compare` names: all with all, those of series step by step, or all with a base. */
export function compareOf(text: string): unknown {
  return text === "all" || text === "series" ? { [text]: true } : { base: text };
}
