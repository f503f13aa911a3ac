/** The `config.json` that Hugging Face writes beside weights, whatever their format. */

import type { Model, SourceFormat } from "../../src/model/ports.ts";
import type { ByteSource } from "../bytes.ts";
import { openIfThere } from "../places/open.ts";
import { beside } from "../places/place.ts";
import { digestFile } from "./digest.ts";
import { readJson } from "./json-file.ts";

/** Configs have some kilobytes; those that list ten thousand labels have half a megabyte. */
const LONGEST_CONFIG = 2 ** 20;

/** Where the `config.json` of a model may lie; of an adapter, its `adapter_config.json`. */
function configBeside(path: string): string {
  return beside(path, /(^|[/\\])adapter_model\.[^/\\]*$/.test(path) ? "adapter_config.json" : "config.json");
}

/** The same format, whose models know the `config.json` in their folder and count it among their files. */
export function withConfig(format: SourceFormat): SourceFormat {
  return {
    ...format,
    async open(path, id, signal) {
      const config = configBeside(path);
      const model = await format.open(path, id, signal);
      try {
        return config === path ? model : await configured(model, config, signal);
      } catch (failure) {
        await model.close();
        throw failure;
      }
    },
  };
}

async function configured(model: Model, path: string, signal?: AbortSignal): Promise<Model> {
  // A format that has read a config of its own knows better.
  if (model.config !== undefined) return model;
  const source = await openIfThere(path, signal);
  return source === null ? model : await withConfigOf(model, path, source, signal);
}

async function withConfigOf(
  model: Model,
  path: string,
  source: ByteSource,
  signal?: AbortSignal,
): Promise<Model> {
  try {
    const config = await readJson(path, source, LONGEST_CONFIG, signal);
    const digest = await digestFile(path, source, { signal });
    return {
      ...model,
      config,
      inputs: async (...wanted) => [...await model.inputs(...wanted), digest],
    };
  } finally {
    await source.close();
  }
}
