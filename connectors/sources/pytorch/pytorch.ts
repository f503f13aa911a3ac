/**
 * PyTorch's files: state dicts, checkpoints around them, whole modules and TorchScript archives. The pickle is read as inert
 * records and nothing in it is ever run; tensors are read one at a time, by position.
 */

import { show } from "../../../src/model/errors.ts";
import type { Model, SourceFormat } from "../../../src/model/ports.ts";
import type { ByteSource } from "../../bytes.ts";
import { openIfThere, openPlace } from "../../places/open.ts";
import { beside, nameOf } from "../../places/place.ts";
import { digestFile } from "../digest.ts";
import { otherSlice } from "../shard-names.ts";
import { isKind } from "./pickle-values.ts";
import {
  isLegacyTorch,
  openLegacyTorch,
  openTorchZip,
  pickleEntry,
  type TorchContainer,
} from "./containers.ts";
import { checked, type Contents, infoOf, readTensor } from "./contents.ts";
import type { Script } from "../torchscript/archive.ts";
import { isZip, openZip, type ZipArchive } from "../zip/zip.ts";

/** The magic number's pickle takes 15 bytes in protocol 2, and 29 in protocol 0. */
const HEAD = 64;

/** A reason is one line. */
const LONGEST_REASON = 300;

/** Remarks beside a state dict, such as the epoch: as many, and as long, as anybody reads. */
const MOST_REMARKS = 100, LONGEST_REMARK = 1000;

/** A file's tensors, and what its code says of them, where it has any. */
interface ScriptContents extends Contents {
  readonly script: Script | null;
}

/** Reads what `torch.save` and `torch.jit.save` write, and zip archives that carry one such file. */
export const pytorch: SourceFormat = {
  name: "pytorch",
  extensions: [".pt", ".pth", ".th", ".tar", ".bin", ".ckpt", ".zip"],
  async open(path, id, signal) {
    const source = await openPlace(path, signal);
    try {
      const head = await source.slice(0, Math.min(HEAD, source.size), signal);
      const model = modelOf(path, id, source, await contentsOf(path, source, head, signal));
      const sliced = await slicesBeside(path, signal);
      return sliced === null ? model : { ...model, warnings: [...model.warnings ?? [], sliced] };
    } catch (failure) {
      await source.close();
      throw failure;
    }
  },
};

/** A warning where a file holds slices of matrices, and the other slices lie beside it. */
async function slicesBeside(path: string, signal?: AbortSignal): Promise<string | null> {
  const other = otherSlice(nameOf(path));
  const found = other === null ? null : await openIfThere(beside(path, other), signal);
  await found?.close();
  return found === null
    ? null
    : `one of several files that share each matrix, as ${
      show(other)
    } beside it does: its layers are slices of the network's (join the files first)`;
}

async function contentsOf(
  what: string,
  source: ByteSource,
  head: Uint8Array,
  signal?: AbortSignal,
): Promise<ScriptContents> {
  if (isZip(head)) {
    const archive = await openZip(what, source, signal);
    const entry = pickleEntry(archive);
    if (entry === undefined) return { ...await carried(what, archive, signal), script: null };
    const contents = checked(what, await openTorchZip(what, archive, entry, signal));
    const { container, tensors } = contents;
    // Most models hold no code.
    const { openScript } = await import("../torchscript/archive.ts");
    return { ...contents, script: await openScript(what, archive, entry, container.root, tensors, signal) };
  }
  if (isLegacyTorch(head)) {
    return { ...checked(what, await openLegacyTorch(what, source, signal)), script: null };
  }
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

function modelOf(
  path: string,
  id: string,
  source: ByteSource,
  { container, tensors, networks, script }: ScriptContents,
): Model {
  const constants = script?.constants ?? [];
  const byName = new Map(tensors.map(({ name, tensor }) => [name, { container, tensor }]));
  for (const { name, tensor } of constants) {
    if (script?.container != null) byName.set(name, { container: script.container, tensor });
  }
  return {
    id,
    uri: path,
    format: "pytorch",
    tensors: [...tensors, ...constants].map(infoOf),
    metadata: remarks(container),
    moduleOrder: true,
    ...networks.length === 0 ? {} : { networks },
    ...script?.operators == null ? {} : { operators: script.operators },
    ...script?.reason == null ? {} : { warnings: [unused(script.reason)] },
    async read(name, signal) {
      const found = byName.get(name);
      if (found === undefined) {
        throw new RangeError(`${path}: found no tensor ${show(name)}, required one of its ${byName.size}`);
      }
      return await readTensor(`${path}: tensor ${show(name)}`, found.container, found.tensor, signal);
    },
    inputs: async (signal, _, known) => [await digestFile(path, source, { signal, known })],
    close: () => source.close(),
  };
}

const unused = (reason: string) =>
  `the graph of this TorchScript file is not used: ${reason.slice(0, LONGEST_REASON)}`;

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
