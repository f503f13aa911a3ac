/** Which formats there are. A new one is a file and a line here. */

import { basename } from "node:path";
import { show } from "../../src/model/errors.ts";
import type { SourceFormat } from "../../src/model/ports.ts";

/** File formats by the end of a file's name, loaded when first used. */
export const FORMATS: ReadonlyMap<string, () => Promise<SourceFormat>> = new Map([
  [".safetensors", async () => (await import("./safetensors.ts")).safetensors],
  [".safetensors.index.json", async () => (await import("./safetensors-index.ts")).safetensorsIndex],
  [".h5", async () => (await import("./keras.ts")).keras],
  [".hdf5", async () => (await import("./keras.ts")).keras],
  [".keras", async () => (await import("./keras.ts")).keras],
]);

/** How the names of files end that can be read, with their dots. */
export const EXTENSIONS: readonly string[] = [...FORMATS.keys()];

/** Formats that are known and not read: how their names end, what they are, and the way to one that is. */
const UNSUPPORTED: readonly (readonly [end: string, name: string, how: string])[] = [
  [
    "model.json",
    "TensorFlow.js",
    "tensorflowjs_converter --input_format=tfjs_layers_model --output_format=keras model.json model.h5",
  ],
  [".gguf", "GGUF", "load it with transformers' from_pretrained(…, gguf_file=…) and save_pretrained(…)"],
  [".pb", "TensorFlow SavedModel", "load it in TensorFlow and model.save('model.keras')"],
  [".tflite", "TensorFlow Lite", "keep the Keras model that it was made from, or tf2onnx --tflite"],
  [".mlmodel", "Core ML", "convert the model that it was made from"],
  [
    ".msgpack",
    "Flax",
    "load it with transformers' from_pretrained(…, from_flax=True) and save_pretrained(…)",
  ],
  [".caffemodel", "Caffe", "convert it to ONNX"],
  [
    ".pkl",
    "a pickle of any kind of object",
    "load it where you trust it and save a state dict as safetensors",
  ],
  [
    ".joblib",
    "a pickle of any kind of object",
    "load it where you trust it and save its arrays by numpy.savez",
  ],
];

/** The end of a file's name, of those that are registered, the longest that fits; undefined where none does. */
export function extensionOf(path: string): string | undefined {
  const name = basename(path).toLowerCase();
  return EXTENSIONS.filter((each) => name.endsWith(each)).sort((a, b) => b.length - a.length)[0];
}

/**
 * The format of a file, by the end of its name.
 *
 * @throws {TypeError} when no format has this name; says how to convert it where that is known, else lists those that can be read
 */
export async function formatOf(path: string): Promise<SourceFormat> {
  const load = FORMATS.get(extensionOf(path) ?? "");
  if (load !== undefined) return await load();
  const name = basename(path);
  const known = UNSUPPORTED.find(([end]) => name.toLowerCase().endsWith(end));
  if (known !== undefined) {
    const [, format, how] = known;
    throw new TypeError(`${path}: found ${format}, which is not supported; to convert it: ${how}`);
  }
  throw new TypeError(
    `${path}: found a file named ${show(name)}, required one that ends in ${EXTENSIONS.join(", ")} ` +
      `(convert the model to safetensors first)`,
  );
}
