/** Formats whose models are fetched: what a run needs of a file is fetched once, to be digested and to be read. */

import type { Model, SourceFormat } from "../../src/model/ports.ts";
import { isRemote } from "../places/place.ts";

/** Formats that know the bytes of a tensor before it is read. */
const KNOWS_RANGES: readonly string[] = ["safetensors", "gguf"];

/** The same format; its models, where they are fetched, digest no more than a run needs. */
export function remoteFormat(place: string, format: SourceFormat): SourceFormat {
  if (!isRemote(place) || KNOWS_RANGES.includes(format.name)) return format;
  return { ...format, open: async (path, id, signal) => reading(await format.open(path, id, signal)) };
}

/**
 * Where a format cannot say in which bytes a tensor is, the tensors are read before they are digested: the digest is then of what was
 * touched, which the next reading finds at hand.
 */
function reading(model: Model): Model {
  return {
    ...model,
    async inputs(signal, tensors, known) {
      const readable = model.tensors.filter(({ name, unreadable }) =>
        unreadable === undefined && (tensors === undefined || tensors.has(name))
      );
      for (const { name } of readable) await model.read(name, signal);
      return await model.inputs(signal, tensors, known);
    },
  };
}
