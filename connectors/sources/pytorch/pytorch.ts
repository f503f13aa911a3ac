/**
 * PyTorch's files: state dicts, checkpoints around them, whole modules and TorchScript archives. The pickle is read as inert
 * records and nothing in it is ever run; tensors are read one at a time, by position.
 */

import { show } from "../../../src/model/errors.ts";
import type { Model, SourceFormat } from "../../../src/model/ports.ts";
import { elementCount, type TensorInfo } from "../../../src/model/tensor.ts";
import type { ByteSource } from "../../bytes.ts";
import { openPlace } from "../../places/open.ts";
import { digestFile } from "../digest.ts";
import { toFloat64 } from "../floats.ts";
import { isKind } from "./pickle-values.ts";
import { gather, isRowMajor, spanOf, swapBytes } from "../strided.ts";
import {
  isLegacyTorch,
  openLegacyTorch,
  openTorchZip,
  pickleEntry,
  type TorchContainer,
} from "./containers.ts";
import { type NamedTensor, namedTensors } from "./names.ts";
import type { TorchTensor } from "./tensor.ts";
import { isZip, openZip, type ZipArchive } from "../zip/zip.ts";

/** A container's tensors, checked against its storages. */
interface Contents {
  readonly container: TorchContainer;
  readonly tensors: readonly NamedTensor[];
  readonly networks: readonly string[];
}

/** The magic number's pickle takes 15 bytes in protocol 2, and 29 in protocol 0. */
const HEAD = 64;

/** Remarks beside a state dict, such as the epoch: as many, and as long, as anybody reads. */
const MOST_REMARKS = 100, LONGEST_REMARK = 1000;

/** Reads what `torch.save` and `torch.jit.save` write, and zip archives that carry one such file. */
export const pytorch: SourceFormat = {
  name: "pytorch",
  extensions: [".pt", ".pth", ".th", ".tar", ".bin", ".ckpt", ".zip"],
  async open(path, id, signal) {
    const source = await openPlace(path, signal);
    try {
      const head = await source.slice(0, Math.min(HEAD, source.size), signal);
      return modelOf(path, id, source, await contentsOf(path, source, head, signal));
    } catch (failure) {
      await source.close();
      throw failure;
    }
  },
};

async function contentsOf(
  what: string,
  source: ByteSource,
  head: Uint8Array,
  signal?: AbortSignal,
): Promise<Contents> {
  if (isZip(head)) {
    const archive = await openZip(what, source, signal);
    const entry = pickleEntry(archive);
    if (entry === undefined) return await carried(what, archive, signal);
    return checked(what, await openTorchZip(what, archive, entry, signal));
  }
  if (isLegacyTorch(head)) return checked(what, await openLegacyTorch(what, source, signal));
  throw new SyntaxError(
    `${what}: found ${
      show(new TextDecoder("latin1").decode(head.subarray(0, 8)))
    } at byte 0, required a file that torch.save wrote (a zip archive or torch's magic number)`,
  );
}

/** A zip archive that carries files of torch's, as reinforcement-learning libraries write it: the one with weights in it. */
async function carried(what: string, archive: ZipArchive, signal?: AbortSignal): Promise<Contents> {
  const candidates = [...archive.entries.values()].filter(({ name }) =>
    /\.(pt|pth|th|ckpt|bin)$/i.test(name) && !/optim/i.test(name)
  );
  const found: { readonly name: string; readonly contents: Contents }[] = [];
  for (const entry of candidates) {
    const inner = `${what}: ${show(entry.name)}`;
    const source = await archive.source(entry, signal);
    const head = await source.slice(0, Math.min(HEAD, source.size), signal);
    if (!isZip(head) && !isLegacyTorch(head)) continue;
    const nested = isZip(head) ? await openZip(inner, source, signal) : null;
    const pickle = nested === null ? undefined : pickleEntry(nested);
    // An archive in an archive in an archive is nobody's model.
    if (nested !== null && pickle === undefined) continue;
    const container = nested === null || pickle === undefined
      ? await openLegacyTorch(inner, source, signal)
      : await openTorchZip(inner, nested, pickle, signal);
    const contents = checked(inner, container);
    if (contents.tensors.some(({ tensor }) => tensor.shape.length > 1)) {
      found.push({ name: entry.name, contents });
    }
  }
  if (found.length !== 1) {
    const names = found.map(({ name }) => show(name)).join(" and ");
    throw new SyntaxError(
      `${what}: found ${
        found.length === 0 ? "no model of torch's" : names
      } in the zip archive, required one (unzip it and name the model)`,
    );
  }
  return found[0]!.contents;
}

function checked(what: string, container: TorchContainer): Contents {
  const { tensors, networks } = namedTensors(container.root, what);
  for (const { name, tensor: { storage, unreadable } } of tensors) {
    if (storage === null || unreadable !== undefined) continue;
    const required = storage.elements * storage.elementBytes;
    const found = container.sizeOf(storage.key);
    // An empty storage has no entry in some versions.
    if (required > 0 && (found === undefined || found < required)) {
      throw new SyntaxError(
        `${what}: tensor ${show(name)}, storage ${show(storage.key)}: found ${
          found === undefined ? "none" : `${found} bytes`
        }, required ${required} bytes`,
      );
    }
  }
  return { container, tensors, networks };
}

function modelOf(
  path: string,
  id: string,
  source: ByteSource,
  { container, tensors, networks }: Contents,
): Model {
  const byName = new Map(tensors.map(({ name, tensor }) => [name, tensor]));
  return {
    id,
    uri: path,
    format: "pytorch",
    tensors: tensors.map(infoOf),
    metadata: remarks(container),
    moduleOrder: true,
    ...networks.length === 0 ? {} : { networks },
    async read(name, signal) {
      const tensor = byName.get(name);
      if (tensor === undefined) {
        throw new RangeError(`${path}: found no tensor ${show(name)}, required one of its ${byName.size}`);
      }
      return await readTensor(`${path}: tensor ${show(name)}`, container, tensor, signal);
    },
    inputs: async (signal, _, known) => [await digestFile(path, source, { signal, known })],
    close: () => source.close(),
  };
}

function infoOf({ name, tensor: { dtype, shape, bytes, unreadable } }: NamedTensor): TensorInfo {
  const info = { name, dtype, shape, byteLength: elementCount(shape) * bytes };
  return unreadable === undefined ? info : { ...info, unreadable };
}

async function readTensor(
  place: string,
  container: TorchContainer,
  tensor: TorchTensor,
  signal?: AbortSignal,
): Promise<Float64Array> {
  const { dtype, bytes: size, storage, unreadable } = tensor;
  if (unreadable !== undefined || storage === null) {
    throw new RangeError(`${place}: ${unreadable ?? "found no storage, required one"}`);
  }
  const { first, end } = spanOf(tensor);
  if (first === end) return new Float64Array(0);
  const bytes = await container.storage(storage.key, signal);
  const span = await bytes.slice(first * size, end * size, signal);
  const elements = isRowMajor(tensor) ? span : gather(span, tensor, size);
  try {
    return toFloat64(dtype, container.littleEndian ? elements : swapBytes(elements, size));
  } catch (cause) {
    throw new RangeError(`${place}: ${(cause as Error).message}`, { cause });
  }
}

/** Plain values beside the state dict, such as `epoch`. */
function remarks({ root }: TorchContainer): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of isKind(root, "dict") ? root.entries : []) {
    if (typeof key !== "string" || key.length > LONGEST_REMARK || found.size >= MOST_REMARKS) continue;
    if (!["string", "number", "bigint", "boolean"].includes(typeof value)) continue;
    found.set(key, String(value).slice(0, LONGEST_REMARK));
  }
  return found;
}
