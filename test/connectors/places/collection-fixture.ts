/** Small models of every format, as files that a server or a folder may have. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ggufFile } from "../../support/files/gguf-file.ts";
import { kerasFile } from "../../support/files/h5-file.ts";
import { npyOf } from "../../support/files/npy-file.ts";
import { field, file, integer, integers, joined, node, TYPE, value } from "../../support/files/onnx-file.ts";
import { noise } from "../../support/files/safetensors-file.ts";
import { torchFile } from "../../support/files/torch-file.ts";
import type { WrittenTensor } from "../../support/files/written-tensor.ts";
import { zipOf } from "../../support/files/zip-file.ts";

const ROOT = new URL("../../../", import.meta.url);

/** A committed file. */
export async function committed(path: string): Promise<Uint8Array> {
  return Uint8Array.from(await readFile(fileURLToPath(new URL(path, ROOT))));
}

/** Three layers of a perceptron, wide enough to have edges. */
export const LAYERS: readonly WrittenTensor[] = [[64, 48], [56, 64], [40, 56]].map(([out, into], at) => ({
  name: `layers.${at}.weight`,
  dtype: "F32",
  shape: [out!, into!],
  values: [...noise(out! * into!, at + 1)],
}));

/** Safetensors of these tensors. */
export function safetensors(tensors: readonly WrittenTensor[]): Uint8Array {
  let at = 0;
  const entries = tensors.map(({ name, shape, values }) => {
    const begin = at;
    at += values.length * 4;
    return [name, { dtype: "F32", shape, data_offsets: [begin, at] }] as const;
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const data = tensors.map(({ values }) => Buffer.from(Float32Array.from(values).buffer));
  return Uint8Array.from(Buffer.concat([length, header, ...data]));
}

/** Two shards and their index, below a folder. */
export function shards(folder: string): Map<string, Uint8Array> {
  const [first, ...others] = LAYERS;
  const names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;
  const map = Object.fromEntries(LAYERS.map(({ name }, at) => [name, names[at === 0 ? 0 : 1]]));
  return new Map([
    [`${folder}/${names[0]}`, safetensors([first!])],
    [`${folder}/${names[1]}`, safetensors(others)],
    [`${folder}/model.safetensors.index.json`, Buffer.from(JSON.stringify({ weight_map: map }))],
  ]);
}

/** A perceptron in ONNX whose weights lie beside it, all in one file. */
export function onnxWithData(folder: string, location = "weights/all.bin"): Map<string, Uint8Array> {
  const entry = (key: string, text: string) => field(13, joined(field(1, key), field(2, text)));
  let offset = 0;
  const initializers = LAYERS.map(({ name, shape, values }) => {
    const external = joined(
      entry("location", location),
      entry("offset", String(offset)),
      entry("length", String(values.length * 4)),
      integer(14, 1),
    );
    offset += values.length * 4;
    return field(5, joined(integers(1, shape), integer(2, TYPE.F32), field(8, name), external));
  });
  const nodes = LAYERS.map(({ name }, at) => node("Gemm", [`x${at}`, name], [`x${at + 1}`], { transB: 1 }));
  const ends = [value(11, "x0", ["n", 48]), value(12, `x${LAYERS.length}`, ["n", 40])];
  return new Map([
    [`${folder}/net.onnx`, Uint8Array.from(file(...nodes, ...initializers, ...ends))],
    [
      `${folder}/weights/all.bin`,
      Uint8Array.from(
        Buffer.concat(LAYERS.map(({ values }) => Buffer.from(Float32Array.from(values).buffer))),
      ),
    ],
  ]);
}

/** A file, or a few that belong together, of each format; paths begin with `/`. The first path of each is the model's. */
export async function models(): Promise<ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>> {
  const one = (path: string, bytes: Uint8Array) => new Map([[path, bytes]]);
  const sharded = shards("/sharded");
  const index = "/sharded/model.safetensors.index.json";
  return new Map<string, ReadonlyMap<string, Uint8Array>>([
    [
      "safetensors with a topology beside it",
      new Map([
        ["/own/trained net.safetensors", safetensors(LAYERS)],
        [
          "/own/trained net.topology.yaml",
          Buffer.from("chain: [layers.0, layers.1, layers.2]\n"),
        ],
      ]),
    ],
    ["safetensors in several files", new Map([[index, sharded.get(index)!], ...sharded])],
    ["ONNX with external data", onnxWithData("/onnx")],
    ["PyTorch's zip", one("/pt/net.pt", torchFile("zip", LAYERS))],
    ["PyTorch's older container", one("/pt/older.pth", torchFile("legacy", LAYERS))],
    ["a checkpoint whose extension others use", one("/bin/net.bin", torchFile("zip", LAYERS))],
    [
      "NumPy's archive, compressed",
      one(
        "/np/net.npz",
        zipOf(LAYERS.map((each) => ({
          name: `${each.name}.npy`,
          data: npyOf(each),
          deflate: true,
        }))),
      ),
    ],
    ["GGUF", one("/gguf/net.gguf", ggufFile(LAYERS))],
    ["Keras's HDF5", one("/keras/cnn.h5", await kerasFile("cnn.h5.gz"))],
    ["Keras's archive", one("/keras/cnn.keras", await kerasFile("cnn.keras"))],
  ]);
}
