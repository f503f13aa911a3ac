/** Opens a model file of any format, with what stands beside it. */

import { dirname, join } from "node:path";
import { stat } from "node:fs/promises";
import { messageOf } from "../../src/model/errors.ts";
import type { Model } from "../../src/model/ports.ts";
import { openFile } from "./file.ts";
import { formatOf } from "./registry.ts";

/** The configs of published models take a few kilobytes. */
const LONGEST_CONFIG = 2 ** 20;

/**
 * Opens a model by its header. A `config.json` beside it becomes the model's config.
 *
 * @throws {TypeError} when no format has the file's name
 * @throws {SyntaxError} when the file, or the config, is damaged; names it
 */
export async function openModelFile(path: string, id: string, signal?: AbortSignal): Promise<Model> {
  const format = await formatOf(path);
  const model = await format.open(path, id, signal);
  try {
    const config = model.config ?? await readConfig(join(dirname(path), "config.json"), signal);
    return config === undefined ? model : Object.defineProperty(model, "config", { value: config });
  } catch (failure) {
    await model.close();
    throw failure;
  }
}

async function readConfig(path: string, signal?: AbortSignal): Promise<unknown> {
  if (!(await stat(path).catch(() => null))?.isFile()) return undefined;
  const source = await openFile(path);
  try {
    if (source.size > LONGEST_CONFIG) {
      throw new SyntaxError(`${path}: found ${source.size} bytes, required at most ${LONGEST_CONFIG}`);
    }
    return JSON.parse(new TextDecoder().decode(await source.slice(0, source.size, signal)));
  } catch (cause) {
    if (!(cause instanceof SyntaxError) || cause.message.startsWith(path)) throw cause;
    throw new SyntaxError(`${path}: found ${messageOf(cause)}, required the JSON of a model's config`, {
      cause,
    });
  } finally {
    await source.close();
  }
}
