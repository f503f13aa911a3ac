/** Writes a model that is in memory as others' programs leave theirs: a safetensors file with its `config.json` beside it. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Model } from "../../../src/model/ports.ts";
import { writeTensors } from "./safetensors-file.ts";

/** Makes the folder. @returns the file with the weights, as float32 */
export async function writeModelFolder(folder: string, model: Model): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, "model.safetensors");
  const tensors = await Promise.all(
    model.tensors.map(async ({ name, shape }) => [name, shape, await model.read(name)] as const),
  );
  await writeTensors(file, tensors);
  await writeFile(join(folder, "config.json"), JSON.stringify(model.config));
  return file;
}
