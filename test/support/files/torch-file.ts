/** Writes what `torch.save` writes, by hand. Shares no code with the reader. */

import { encoded, type WrittenTensor } from "./written-tensor.ts";
import { fields, zipOf } from "./zip-file.ts";

const CLASSES: Readonly<Record<string, string>> = {
  F64: "DoubleStorage",
  F32: "FloatStorage",
  F16: "HalfStorage",
  BF16: "BFloat16Storage",
  I64: "LongStorage",
  I32: "IntStorage",
  I16: "ShortStorage",
  I8: "CharStorage",
  U8: "ByteStorage",
  BOOL: "BoolStorage",
  C64: "ComplexFloatStorage",
};

/** A piece of a pickle, as bytes. */
export type Piece = Buffer;

/** Pieces of pickles, protocol 2. */
export const pickle = {
  text: (value: string): Piece => {
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from("X"), fields([bytes.length, 4]), bytes]);
  },
  int: (value: number): Piece =>
    value < 256
      ? Buffer.from([0x4b, value])
      : value < 2 ** 31
      ? Buffer.concat([Buffer.from("J"), fields([value, 4])])
      : Buffer.concat([Buffer.from([0x8a, 8]), fields([value, 8])]),
  global: (module: string, name: string): Piece => Buffer.from(`c${module}\n${name}\n`),
  tuple: (...items: readonly Piece[]): Piece => Buffer.concat([Buffer.from("("), ...items, Buffer.from("t")]),
  call: (callable: Piece, ...args: readonly Piece[]): Piece =>
    Buffer.concat([callable, pickle.tuple(...args), Buffer.from("R")]),
  dict: (entries: readonly (readonly [key: Piece, value: Piece])[]): Piece =>
    Buffer.concat([Buffer.from("}("), ...entries.flat(), Buffer.from("u")]),
  storage: (name: string, key: string, elements: number): Piece =>
    Buffer.concat([
      pickle.tuple(
        pickle.text("storage"),
        pickle.global("torch", name),
        pickle.text(key),
        pickle.text("cpu"),
        pickle.int(elements),
      ),
      Buffer.from("Q"),
    ]),
  tensor: (storage: Piece, offset: number, shape: readonly number[], strides: readonly number[]): Piece =>
    pickle.call(
      pickle.global("torch._utils", "_rebuild_tensor_v2"),
      storage,
      pickle.int(offset),
      pickle.tuple(...shape.map(pickle.int)),
      pickle.tuple(...strides.map(pickle.int)),
      Buffer.from([0x89]),
      pickle.call(pickle.global("collections", "OrderedDict")),
    ),
  whole: (...pieces: readonly Piece[]): Piece =>
    Buffer.concat([Buffer.from([0x80, 2]), ...pieces, Buffer.from(".")]),
} as const;

/** A state dict as a dict, each tensor with a storage of its own, keyed by its place. */
export function stateDict(tensors: readonly WrittenTensor[]): Piece {
  return pickle.dict(tensors.map(({ name, dtype, shape, values }, at) => [
    pickle.text(name),
    pickle.tensor(
      pickle.storage(CLASSES[dtype]!, String(at), values.length),
      0,
      shape,
      shape.map((_, axis) => shape.slice(axis + 1).reduce((product, extent) => product * extent, 1)),
    ),
  ]));
}

/** A zip container of this pickle and these storages. */
export function torchZip(value: Piece, storages: readonly Uint8Array[], deflate = false): Buffer {
  return zipOfPickle(pickle.whole(value), storages, deflate);
}

/** The same of a whole pickle, whatever it says. */
export function zipOfPickle(data: Uint8Array, storages: readonly Uint8Array[], deflate = false): Buffer {
  return zipOf([
    { name: "archive/data.pkl", data, deflate },
    ...storages.map((data, key) => ({ name: `archive/data/${key}`, data, deflate })),
    { name: "archive/version", data: "3\n" },
  ]);
}

/** A legacy container, storages with counts of elements. */
export function torchLegacy(
  value: Piece,
  storages: readonly { readonly data: Uint8Array; readonly elements: number }[],
): Buffer {
  const magic = Buffer.from([0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]);
  return Buffer.concat([
    pickle.whole(magic),
    pickle.whole(pickle.int(1001)),
    pickle.whole(pickle.dict([[pickle.text("little_endian"), Buffer.from([0x88])]])),
    pickle.whole(value),
    pickle.whole(Buffer.from("]("), ...storages.map((_, key) => pickle.text(String(key))), Buffer.from("e")),
    ...storages.flatMap(({ data, elements }) => [fields([elements, 8]), Buffer.from(data)]),
  ]);
}

/** A file of these tensors, in the container. */
export function torchFile(container: "zip" | "legacy", tensors: readonly WrittenTensor[]): Buffer {
  const value = stateDict(tensors);
  return container === "zip" ? torchZip(value, tensors.map((tensor) => encoded(tensor))) : torchLegacy(
    value,
    tensors.map((tensor) => ({ data: encoded(tensor), elements: tensor.values.length })),
  );
}

/** A list that holds the level below it twice, by the memo, over and over: 2^levels places of what is at the bottom. */
export const doubled = (levels: number, bottom: Piece): Piece =>
  Buffer.concat([
    bottom,
    Buffer.from("q\0"),
    ...Array.from({ length: levels }, (_, at) =>
      Buffer.concat([
        Buffer.from("]("),
        Buffer.from([0x68, at, 0x68, at]),
        Buffer.from("eq"),
        Buffer.from([at + 1]),
      ])),
  ]);

/** A TorchScript archive of a module with these tensors, a flag, a count and this code. */
export function torchScript(
  code: string | Uint8Array,
  tensors: readonly WrittenTensor[],
  constants: readonly WrittenTensor[] = [],
): Buffer {
  const state = pickle.dict([
    [pickle.text("flag"), Buffer.from([0x88])],
    [pickle.text("count"), pickle.int(3)],
  ]);
  const weights = stateDict(tensors);
  // Two dicts' entries as one: that of the tensors goes on where the other ends.
  const entries = Buffer.concat([state.subarray(0, -1), weights.subarray(2)]);
  const root = Buffer.concat([pickle.call(pickle.global("__torch__", "Net")), entries, Buffer.from("b")]);
  const stored = constants.map(({ dtype, shape, values }, at) => {
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
    const storage = pickle.storage(
      dtype === "I64" ? "LongStorage" : "FloatStorage",
      String(at),
      values.length,
    );
    return pickle.tensor(storage, 0, shape, strides);
  });
  return zipOf([
    { name: "m/data.pkl", data: pickle.whole(root) },
    { name: "m/code/__torch__.py", data: code },
    { name: "m/constants.pkl", data: pickle.whole(pickle.tuple(...stored)) },
    ...tensors.map((tensor, at) => ({ name: `m/data/${at}`, data: encoded(tensor) })),
    ...constants.map((tensor, at) => ({ name: `m/constants/${at}`, data: encoded(tensor) })),
  ]);
}
