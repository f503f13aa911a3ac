/** Which formats there are. A new one is a file and a line here. */

import { extname } from "node:path";
import { show } from "../../src/model/errors.ts";
import type { SourceFormat } from "../../src/model/ports.ts";

/** File formats by extension, loaded when first used. */
export const FORMATS: ReadonlyMap<string, () => Promise<SourceFormat>> = new Map([
  [".safetensors", async () => (await import("./safetensors.ts")).safetensors],
  [".onnx", async () => (await import("./onnx.ts")).onnx],
]);

/** The extensions that can be read, with their dots. */
export const EXTENSIONS: readonly string[] = [...FORMATS.keys()];

/**
 * The format of a file, by its extension.
 *
 * @throws {TypeError} when no format has this extension; lists those that do
 */
export async function formatOf(path: string): Promise<SourceFormat> {
  const extension = extname(path).toLowerCase();
  const load = FORMATS.get(extension);
  if (load === undefined) {
    throw new TypeError(
      `${path}: found extension ${show(extension)}, required ${
        EXTENSIONS.join(" or ")
      } (convert the model to safetensors first)`,
    );
  }
  return await load();
}
