/** The `config.json` that Hugging Face writes beside weights, whatever their format. */

import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Model, SourceFormat } from "../../src/model/ports.ts";
import { digestFile, openFile } from "./file.ts";
import { readJson } from "./json-file.ts";

/** Configs have some kilobytes; those that list ten thousand labels have half a megabyte. */
const LONGEST_CONFIG = 2 ** 20;

/** The same format, whose models know the `config.json` in their folder and count it among their files. */
export function withConfig(format: SourceFormat): SourceFormat {
  return {
    ...format,
    async open(path, id, signal) {
      const config = join(dirname(path), "config.json");
      if (config === path || !(await stat(config).catch(() => null))?.isFile()) {
        return await format.open(path, id, signal);
      }
      const model = await format.open(path, id, signal);
      try {
        return await configured(model, config, signal);
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
  const source = await openFile(path);
  try {
    const config = await readJson(path, source, LONGEST_CONFIG, signal);
    const digest = await digestFile(path, source, signal);
    return {
      ...model,
      config,
      inputs: async (signal, tensors) => [...await model.inputs(signal, tensors), digest],
    };
  } finally {
    await source.close();
  }
}
