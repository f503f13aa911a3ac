/** Files of a folder, glob or remote place that hold models and are not taken: said, so that nobody misses one. */

import { nameOf } from "../places/place.ts";
import { recognize } from "./recognize.ts";
import { extensionOf } from "./registry.ts";
import { reasonAgainst, UNSUPPORTED_EXTENSIONS, unsupportedFormat } from "./unsupported.ts";

/** A file that is not taken. */
export interface PassedFile {
  /** A path or another place. */
  readonly path: string;
  /** What was found, and what to do: no sentence of its own. */
  readonly reason: string;
}

/** The file of TensorFlow.js; other JSON files are no models. */
const GRAPH = "model.json";

/** What trainers leave beside a model under extensions of unsupported formats, and what stands beside a `saved_model.pb`. */
const NO_MODEL =
  /^((optimizer|scheduler|scaler|rng_state.*|random_states.*|optim.*)\.(pkl|pickle|msgpack)|(keras_metadata|fingerprint)\.pb)$/i;

/** Extensions, with their dots, and whole names of files that may hold a model which is not taken. */
export const PASSED_NAMES: readonly string[] = [...UNSUPPORTED_EXTENSIONS, GRAPH];

/**
 * Of some files those of a format that is known and cannot be read, each with the way to one that can.
 *
 * Nothing is said of what is no model: texts, pictures, archives, states of optimizers, files of unknown content under an
 * extension that any program uses.
 */
export async function passedFiles(files: readonly string[], signal?: AbortSignal): Promise<PassedFile[]> {
  const found: PassedFile[] = [];
  for (const path of files) {
    const extension = extensionOf(path);
    const graph = nameOf(path) === GRAPH;
    if (NO_MODEL.test(nameOf(path)) || !graph && !UNSUPPORTED_EXTENSIONS.includes(extension)) continue;
    const head = graph ? await headOf(path, signal) : new Uint8Array();
    const format = unsupportedFormat(extension, head);
    if (format !== undefined) found.push({ path, reason: reasonAgainst(format) });
  }
  return found;
}

/** The first bytes of a file; none where it cannot be read: nothing is known to be a model then. */
async function headOf(path: string, signal?: AbortSignal): Promise<Uint8Array> {
  try {
    return (await recognize(path, signal)).head;
  } catch {
    signal?.throwIfAborted();
    return new Uint8Array();
  }
}
