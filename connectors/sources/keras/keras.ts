/**
 * Keras files: `.h5` and `.hdf5` with weights or a whole model (Keras 1 to 3), and `.keras`, a zip of `config.json` and
 * `model.weights.h5` (Keras 3). Tensors are read by position; the model's config becomes its dataflow.
 */

import { messageOf, show } from "../../../src/model/errors.ts";
import type { OperatorGraph } from "../../../src/model/operators.ts";
import type { Model, SourceFormat } from "../../../src/model/ports.ts";
import type { ByteSource } from "../../bytes.ts";
import { openPlace } from "../../places/open.ts";
import { nameOf } from "../../places/place.ts";
import { digestFile } from "../digest.ts";
import { toFloat64 } from "../floats.ts";
import { openHdf5 } from "../hdf5/hdf5.ts";
import { isObject, own } from "./config.ts";
import { kerasOperators } from "./walk.ts";
import { type KerasWeights, kerasWeights } from "./weights.ts";
import { openZip } from "../zip/zip.ts";

/** The configs of the largest models take a few megabytes. */
const LONGEST_CONFIG = 64 * 2 ** 20;

/** What a file says beside its weights. */
interface Description {
  /** The model's config, as text; absent in files of weights. */
  readonly config?: string;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Reads `.h5`, `.hdf5` and `.keras` files. */
export const keras: SourceFormat = {
  name: "keras",
  extensions: [".h5", ".hdf5", ".keras"],
  async open(path, id, signal) {
    const source = await openPlace(path, signal);
    try {
      return await (nameOf(path).toLowerCase().endsWith(".keras") ? openArchive : openWeights)(
        path,
        id,
        source,
        signal,
      );
    } catch (failure) {
      await source.close();
      throw failure;
    }
  },
};

async function openWeights(
  path: string,
  id: string,
  source: ByteSource,
  signal?: AbortSignal,
): Promise<Model> {
  return await modelOf(path, path, id, source, source, undefined, signal);
}

async function openArchive(
  path: string,
  id: string,
  source: ByteSource,
  signal?: AbortSignal,
): Promise<Model> {
  const archive = await openZip(path, source, signal);
  const weights = archive.entries.get("model.weights.h5");
  const config = archive.entries.get("config.json");
  if (weights === undefined || config === undefined || config.size > LONGEST_CONFIG) {
    const names = [...archive.entries.keys()].join(", ");
    const found = config !== undefined && config.size > LONGEST_CONFIG
      ? `config.json of ${config.size} bytes`
      : show(names);
    throw new SyntaxError(
      `${path}: found ${found}, required config.json of at most ${LONGEST_CONFIG} bytes and model.weights.h5`,
    );
  }
  const metadata = new Map<string, string>();
  const about = archive.entries.get("metadata.json");
  if (about !== undefined && about.size <= LONGEST_CONFIG) {
    const text = new TextDecoder().decode(await archive.read(about, signal));
    const value = parseJson(`${path}: metadata.json`, text);
    if (isObject(value)) { for (const [key, each] of Object.entries(value)) metadata.set(key, String(each)); }
  }
  const text = new TextDecoder().decode(await archive.read(config, signal));
  const inside = await archive.source(weights, signal);
  return await modelOf(
    path,
    `${path}: model.weights.h5`,
    id,
    source,
    inside,
    { config: text, metadata },
    signal,
  );
}

/** @param inside the HDF5 file, which may be a part of `source` */
async function modelOf(
  path: string,
  what: string,
  id: string,
  source: ByteSource,
  inside: ByteSource,
  given: Description | undefined,
  signal?: AbortSignal,
): Promise<Model> {
  const file = await openHdf5(what, inside, signal);
  const root = file.groups.get("") ?? new Map<string, readonly string[]>();
  const description = given ?? describe(root, file.groups.get("model_weights"));
  const weights = kerasWeights(file);
  const byName = new Map(weights.tensors.map((tensor) => [tensor.info.name, tensor]));
  const config = description.config === undefined
    ? undefined
    : parseJson(`${path}: the model's config`, description.config);
  const operators = config === undefined ? null : dataflow(path, config, weights);
  return {
    id,
    uri: path,
    format: "keras",
    tensors: weights.tensors.map(({ info }) => info),
    metadata: description.metadata,
    ...operators === null ? {} : { operators },
    async read(name, signal) {
      const tensor = byName.get(name);
      if (tensor === undefined) {
        throw new RangeError(`${path}: found no tensor ${show(name)}, required one of its ${byName.size}`);
      }
      const { info, dataset } = tensor;
      if (info.unreadable !== undefined) {
        throw new RangeError(`${path}: tensor ${show(name)}: ${info.unreadable}`);
      }
      return toFloat64(info.dtype, await dataset.read(signal));
    },
    inputs: async (signal, _, known) => [await digestFile(path, source, { signal, known })],
    close: () => source.close(),
  };
}

/** @throws {SyntaxError} also where config and weights do not fit together */
function dataflow(path: string, config: unknown, weights: KerasWeights): OperatorGraph | null {
  const place = `${path}: the model's config`;
  try {
    return kerasOperators(place, config, weights);
  } catch (cause) {
    if (cause instanceof SyntaxError) throw cause;
    throw new SyntaxError(`${place}: ${messageOf(cause)}`, { cause });
  }
}

type Texts = ReadonlyMap<string, readonly string[]>;

function describe(root: Texts, weights: Texts | undefined): Description {
  const metadata = new Map<string, string>();
  for (const key of ["keras_version", "backend"]) {
    const value = root.get(key)?.[0] ?? weights?.get(key)?.[0];
    if (value !== undefined) metadata.set(key, value);
  }
  const config = root.get("model_config")?.[0];
  return config === undefined ? { metadata } : { config, metadata };
}

function parseJson(place: string, text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value) && own(value, "class_name") === undefined && place.endsWith("config")) {
      throw new SyntaxError(`found ${show(value)}, without a class_name`);
    }
    return value;
  } catch (cause) {
    throw new SyntaxError(`${place}: found ${messageOf(cause)}, required JSON as Keras writes it`, { cause });
  }
}
