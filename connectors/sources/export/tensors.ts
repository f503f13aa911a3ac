/** The tensors of an exported program: a checkpoint of torch's within the archive, or a file of raw numbers for each. */

import { messageOf, show } from "../../../src/model/errors.ts";
import { elementCount, type TensorInfo } from "../../../src/model/tensor.ts";
import { DTYPE_BYTES, toFloat64, unreadable } from "../floats.ts";
import { isObject } from "../keras/config.ts";
import { openLegacyTorch, openTorchZip, pickleEntry } from "../pytorch/containers.ts";
import { checked, infoOf, readTensor } from "../pytorch/contents.ts";
import { gather, isRowMajor, spanOf, type Strided } from "../strided.ts";
import { isZip, openZip, type ZipArchive } from "../zip/zip.ts";
import type { ZipEntry } from "../zip/entry.ts";
import { countOf, field, readText } from "./json.ts";

/** A tensor of an archive. */
export interface ExportedTensor {
  readonly info: TensorInfo;
  /** @throws {RangeError} when it cannot be read as real numbers */
  read(signal?: AbortSignal): Promise<Float64Array>;
}

/** Numbers for element types: those of the exporter, which are not those of torch. */
const DTYPES: ReadonlyMap<number, string> = new Map([
  [1, "U8"],
  [2, "I8"],
  [3, "I16"],
  [4, "I32"],
  [5, "I64"],
  [6, "F16"],
  [7, "F32"],
  [8, "F64"],
  [9, "C32"],
  [10, "C64"],
  [11, "C128"],
  [12, "BOOL"],
  [13, "BF16"],
  [28, "U16"],
  [29, "F8_E4M3"],
  [30, "F8_E5M2"],
  [31, "F8_E4M3FNUZ"],
  [32, "F8_E5M2FNUZ"],
]);

/** No framework makes tensors of more axes. */
const MOST_AXES = 16;

/** A tensor with stride 0 says the same element again and again: as many as are worth it. */
const MOST_REPEATED = 2 ** 20;

/** The first bytes of a checkpoint. */
const HEAD = 64;

/** Tensors of a checkpoint that `torch.save` wrote, within an archive. */
export async function checkpointTensors(
  what: string,
  archive: ZipArchive,
  entry: ZipEntry,
  signal?: AbortSignal,
): Promise<readonly ExportedTensor[]> {
  const place = `${what}: ${show(entry.name)}`;
  const source = await archive.source(entry, signal);
  const head = await source.slice(0, Math.min(HEAD, source.size), signal);
  const inner = isZip(head) ? await openZip(place, source, signal) : null;
  const pickle = inner === null ? undefined : pickleEntry(inner);
  if (inner !== null && pickle === undefined) {
    throw new SyntaxError(`${place}: found no data.pkl, required a file that torch.save wrote`);
  }
  const container = inner === null || pickle === undefined
    ? await openLegacyTorch(place, source, signal)
    : await openTorchZip(place, inner, pickle, signal);
  return checked(place, container).tensors.map((each): ExportedTensor => ({
    info: { ...infoOf(each), name: each.whole },
    read: (signal) => readTensor(`${what}: tensor ${show(each.whole)}`, container, each.tensor, signal),
  }));
}

/** Tensors that lie as raw numbers in entries of their own, by the table that says where. */
export async function rawTensors(
  what: string,
  archive: ZipArchive,
  table: ZipEntry,
  signal?: AbortSignal,
): Promise<readonly ExportedTensor[]> {
  const place = `${what}: ${show(table.name)}`;
  const folder = table.name.slice(0, table.name.lastIndexOf("/") + 1);
  const config = field(await readText(place, archive, table, signal), "config");
  if (!isObject(config)) throw new SyntaxError(`${place}: found no config, required a table of tensors`);
  const out: ExportedTensor[] = [];
  const pickled = new Map<ZipEntry, readonly ExportedTensor[]>();
  for (const [name, value] of Object.entries(config)) {
    const where = `${place}: tensor ${show(name)}`;
    const file = field(value, "path_name");
    const entry = typeof file === "string" ? archive.entries.get(folder + file) : undefined;
    if (field(value, "use_pickle") === true) {
      if (entry === undefined) throw new SyntaxError(`${where}: found no entry ${show(file)}, required one`);
      const found = pickled.get(entry) ?? await checkpointTensors(what, archive, entry, signal);
      pickled.set(entry, found);
      const [only] = found;
      // An object that is no tensor may hold none, or several.
      const isTensor = field(value, "is_param") === true || isObject(field(value, "tensor_meta"));
      if (found.length !== 1 && !isTensor) continue;
      if (only === undefined || found.length > 1) {
        throw new SyntaxError(`${where}: ${show(file)}: found ${found.length} tensors, required one`);
      }
      out.push({ ...only, info: { ...only.info, name } });
      continue;
    }
    const meta = field(value, "tensor_meta");
    // A program's other constants are no tensors.
    if (isObject(meta)) out.push(rawTensor(what, where, archive, name, file, entry, meta));
  }
  return out;
}

function rawTensor(
  what: string,
  where: string,
  archive: ZipArchive,
  name: string,
  file: unknown,
  entry: ZipEntry | undefined,
  meta: object,
): ExportedTensor {
  const code = field(meta, "dtype");
  const dtype = typeof code === "number" ? DTYPES.get(code) ?? `type ${code}` : "unknown";
  const [shape, strides] = ["sizes", "strides"].map((key) => counts(field(meta, key)));
  const offset = countOf(field(meta, "storage_offset"));
  if (shape == null || strides == null || offset === null || shape.length !== strides.length) {
    throw new SyntaxError(
      `${where}: found sizes ${show(field(meta, "sizes"))}, strides ${
        show(field(meta, "strides"))
      } and offset ${
        show(field(meta, "storage_offset"))
      }, required non-negative integers, at most ${MOST_AXES} axes`,
    );
  }
  const bytes = DTYPE_BYTES.get(dtype);
  const tensor: Strided = { shape, strides, offset };
  const reason = unreadable(dtype);
  const info = { name, dtype, shape, byteLength: elementCount(shape) * (bytes ?? 0) };
  if (reason !== undefined || bytes === undefined) {
    const refused = reason ?? `dtype ${dtype} is not known`;
    return {
      info: { ...info, unreadable: refused },
      read: () => Promise.reject(new RangeError(`${what}: tensor ${show(name)}: ${refused}`)),
    };
  }
  const { first, end } = spanOf(tensor);
  const elements = elementCount(shape);
  const room = Math.floor((entry?.size ?? 0) / bytes);
  if (elements > 0 && (entry === undefined || !(end <= room))) {
    throw new SyntaxError(
      `${where}: entry ${show(file)}: found ${
        entry === undefined ? "none" : `${entry.size} bytes`
      }, required ${end * bytes} bytes for shape ${show(shape)}`,
    );
  }
  if (elements > room && elements > MOST_REPEATED) {
    throw new SyntaxError(
      `${where}: found ${elements} elements of ${room}, required at most ${MOST_REPEATED} where they repeat`,
    );
  }
  return {
    info,
    async read(signal) {
      if (entry === undefined || first === end) return new Float64Array(0);
      const source = await archive.source(entry, signal);
      const span = await source.slice(first * bytes, end * bytes, signal);
      try {
        return toFloat64(dtype, isRowMajor(tensor) ? span : gather(span, tensor, bytes));
      } catch (cause) {
        throw new RangeError(`${what}: tensor ${show(name)}: ${messageOf(cause)}`, { cause });
      }
    },
  };
}

function counts(value: unknown): number[] | null {
  if (!Array.isArray(value) || value.length > MOST_AXES) return null;
  const found = value.map(countOf);
  return found.includes(null) ? null : found as number[];
}
