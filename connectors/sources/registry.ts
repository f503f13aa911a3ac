/** Which formats there are. A new one is a file and a line here. */

import { extname } from "node:path";
import { isRemote, nameOf, placeOf } from "../places/place.ts";
import { show } from "../../src/model/errors.ts";
import type { SourceFormat } from "../../src/model/ports.ts";
import { withConfig } from "./model-config.ts";
import { withPlainWeights } from "./parametrized.ts";
import { withDequantized } from "./quantized/quantized.ts";
import { remoteFormat } from "./remote-format.ts";
import { recognize } from "./recognize.ts";
import { INDEX_ENDING, shardsOf } from "./shard-names.ts";
import { refusal, unsupportedFormat } from "./unsupported.ts";

const pytorch = async () => (await import("./pytorch/pytorch.ts")).pytorch;
const numpy = async () => (await import("./numpy/numpy.ts")).numpy;
const keras = async () => (await import("./keras/keras.ts")).keras;
const sharded = async () => (await import("./sharded.ts")).sharded;

/** File formats by extension, with its dot and in lower case; each is loaded when it is first used. */
export type Formats = ReadonlyMap<string, () => Promise<SourceFormat>>;

/** The formats that svrflow reads by itself. A run with plugins has theirs too. */
export const FORMATS: Formats = new Map([
  [".safetensors", async () => (await import("./safetensors.ts")).safetensors],
  [".safetensors.index.json", sharded],
  [".bin.index.json", sharded],
  [".pt2", async () => (await import("./export/pt2.ts")).pt2],
  [".pt", pytorch],
  [".pth", pytorch],
  [".th", pytorch],
  [".tar", pytorch],
  [".bin", pytorch],
  [".ckpt", pytorch],
  [".zip", pytorch],
  [".npz", numpy],
  [".npy", numpy],
  [".gguf", async () => (await import("./gguf/gguf.ts")).gguf],
  [".onnx", async () => (await import("./onnx/onnx.ts")).onnx],
  [".h5", keras],
  [".hdf5", keras],
  [".keras", keras],
]);

/** Extensions that say little: other programs use them too, so the content decides. */
export const SHARED_EXTENSIONS: readonly string[] = [".bin", ".ckpt", ".tar", ".zip"];

/** A file's extension, lower case: the longest that is known, else whatever follows its last dot. */
export function extensionOf(path: string, formats: Formats = FORMATS): string {
  const lower = (isRemote(path) ? nameOf(path) : path).toLowerCase();
  const known = [...formats.keys()].filter((extension) =>
    lower.endsWith(extension) && lower.length > extension.length
  );
  return known.reduce((longest, each) => each.length > longest.length ? each : longest, extname(lower));
}

/** A path or name without its extension. */
export function withoutExtension(path: string, formats: Formats = FORMATS): string {
  return path.slice(0, path.length - extensionOf(path, formats).length);
}

/**
 * The format of a file: by its extension, and where others use the extension too, by its content. Its models know the
 * `config.json` beside them.
 *
 * @throws {TypeError} when the file has no format that can be read; says which it has and how to convert it, or lists those that can
 */
export async function formatOf(
  path: string,
  signal?: AbortSignal,
  formats: Formats = FORMATS,
): Promise<SourceFormat> {
  const format = await knownFormat(placeOf(path), formats, signal);
  // What is secret in an address gets no further than here.
  return { ...format, open: (path, id, signal) => format.open(placeOf(path), id, signal) };
}

const plain = (format: SourceFormat) => withDequantized(withConfig(withPlainWeights(format)));

async function knownFormat(path: string, formats: Formats, signal?: AbortSignal): Promise<SourceFormat> {
  const extension = extensionOf(path, formats);
  const load = INDEX_ENDING.test(path) ? sharded : formats.get(extension);
  if (
    // GGUF joins its files by itself: the metadata of the first is that of all.
    extension !== ".gguf" && shardsOf(nameOf(path))[0] === nameOf(path) &&
    formats.get(extension) === FORMATS.get(extension)
  ) {
    return plain(remoteFormat(path, (await import("./sharded.ts")).unindexed));
  }
  if (load !== undefined && !SHARED_EXTENSIONS.includes(extension)) {
    return plain(remoteFormat(path, await load()));
  }
  const found = await recognize(path, signal);
  const byContent = load === undefined || found.extension === null ? undefined : formats.get(found.extension);
  if (byContent !== undefined) return plain(remoteFormat(path, await byContent()));
  const unsupported = unsupportedFormat(extension, found.head);
  if (unsupported !== undefined) throw refusal(path, unsupported);
  if (load !== undefined) {
    throw new TypeError(
      `${path}: found extension ${
        show(extension)
      } and neither PyTorch nor NumPy in it, required either (a shard of TensorFlow.js, a folder packed by tar or a checkpoint of TensorFlow must be converted first)`,
    );
  }
  throw new TypeError(
    `${path}: found extension ${show(extension)}, required ${
      [...formats.keys()].join(" or ")
    } (convert the model to safetensors first, or name a plugin that reads it: --plugin)`,
  );
}
