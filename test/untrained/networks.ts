/** Untrained networks, seeded, with the names of published ones: nothing that is found in them is there. */

import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { show } from "../../src/model/errors.ts";
import type { LayerGraph } from "../../src/model/layer.ts";
import type { Model } from "../../src/model/ports.ts";
import { random } from "../../src/model/random.ts";
import { elementCount, type TensorInfo } from "../../src/model/tensor.ts";
import type { TopologyDeclaration } from "../../src/model/topology.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { writeRaw } from "../support/files/safetensors-file.ts";
import { ARCHITECTURES, type Size } from "./architectures.ts";
import type { Initialization } from "./initializations.ts";
import type { Parameter } from "./parameters.ts";

/** A network that can be had untrained. */
export type NetworkName = keyof typeof ARCHITECTURES;

/** Their names. */
export const NETWORKS: readonly NetworkName[] = ["resnet18", "vgg11", "mobilenetv2", "gpt2"];

/** Which untrained network of its kind. */
export interface UntrainedOptions extends Partial<Size> {
  readonly seed: number;
  /** Weights as they are computed, in float64. Default: rounded to float32, as files have them. */
  readonly exact?: boolean;
}

/**
 * An untrained network in memory. Weights are made when they are read; the same arguments give the same ones, bit for bit. Biases are zero,
 * normalizations those of a network that has seen nothing.
 *
 * MobileNetV2 says its dataflow itself (`Model.operators`): its family is not known, and a chain guessed from its names has no connection
 * into a depthwise convolution.
 */
export function untrained(
  network: NetworkName,
  initialization: Initialization,
  { seed, exact = false, ...size }: UntrainedOptions,
): Model {
  const { build, size: usual } = ARCHITECTURES[network];
  const { width = usual.width, depth = usual.depth } = size;
  const { parameters, config, operators } = build({ width, depth });
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const tensors = parameters.map((parameter) => infoOf(parameter, exact));
  const id = `${network}, ${initialization.name}, seed ${seed}`;
  const said = JSON.stringify({ network, initialization: initialization.name, seed, width, depth, exact });
  return {
    id,
    uri: `untrained:${id}`,
    format: "untrained",
    tensors,
    metadata: new Map(),
    ...config === undefined ? {} : { config },
    ...operators === undefined ? {} : { operators: operators(tensors) },
    read(name) {
      const parameter = byName.get(name);
      if (parameter === undefined) {
        return Promise.reject(
          new RangeError(`${id}: found no tensor ${show(name)}, required one of its own`),
        );
      }
      return Promise.resolve(valuesOf(parameter, initialization, seed, exact));
    },
    inputs: () =>
      Promise.resolve([{
        path: `untrained:${id}`,
        bytes: said.length,
        sha256: createHash("sha256").update(said).digest("hex"),
      }]),
    close: () => Promise.resolve(),
  };
}

function infoOf({ name, shape, is }: Parameter, exact: boolean): TensorInfo {
  const [dtype, bytes] = is === "counter" ? ["I64", 8] : exact ? ["F64", 8] : ["F32", 4];
  return { name, dtype, shape, byteLength: bytes * elementCount(shape) };
}

function valuesOf(
  parameter: Parameter,
  initialization: Initialization,
  seed: number,
  exact: boolean,
): Float64Array {
  const { name, shape } = parameter;
  const values = new Float64Array(elementCount(shape));
  switch (parameter.is) {
    case "weight": {
      const { weight, transposed } = parameter;
      const made = initialization.weight(weight, random(seed, `${initialization.name}/${name}`));
      if (transposed) {
        made.forEach((value, i) => values[i % weight.in * weight.out + Math.floor(i / weight.in)] = value);
      } else values.set(made);
      return exact ? values : values.map(Math.fround);
    }
    case "scale":
      return values.fill(initialization.scale(parameter.scale));
    case "constant":
      return values.fill(parameter.value);
    case "mask": {
      const positions = shape.at(-1)!;
      return values.map((_, i) => i % positions <= Math.floor(i / positions) ? 1 : 0);
    }
    case "counter":
      return values;
  }
}

/** What `writeUntrained` is told beside what `untrained` is. */
export interface WriteOptions extends UntrainedOptions {
  /** Whether a topology is written beside a network whose family is not known. Default: yes. */
  readonly topology?: boolean;
}

/**
 * Writes an untrained network as safetensors, float32 (float64 where `exact`). Beside it, in the same folder: `config.json` of GPT-2,
 * which tells its heads, and `<name>.topology.json` of MobileNetV2.
 *
 * @param path with the extension `.safetensors`
 */
export async function writeUntrained(
  path: string,
  network: NetworkName,
  initialization: Initialization,
  { topology = true, ...options }: WriteOptions,
): Promise<void> {
  const model = untrained(network, initialization, options);
  await writeModel(path, model);
  const folder = dirname(path);
  if (model.config !== undefined) {
    await writeFile(join(folder, "config.json"), JSON.stringify(model.config));
  }
  if (topology && model.operators !== undefined) {
    const beside = `${basename(path, ".safetensors")}.topology.json`;
    await writeFile(join(folder, beside), JSON.stringify(topologyOf(layerGraph(model))));
  }
}

/** Writes any model as safetensors: float64 and integers of 64 bits as they are, the rest as float32. */
export async function writeModel(path: string, model: Model): Promise<void> {
  const pieces: Buffer[] = [];
  const entries: string[] = [];
  let at = 0;
  for (const { name, dtype, shape } of model.tensors) {
    const written = dtype === "F64" || dtype === "I64" ? dtype : "F32";
    const bytes = bytesOf(written, await model.read(name));
    const entry = { dtype: written, shape, data_offsets: [at, at + bytes.length] };
    entries.push(`${JSON.stringify(name)}: ${JSON.stringify(entry)}`);
    at += bytes.length;
    pieces.push(bytes);
  }
  await writeRaw(path, `{${entries.join(", ")}}`, Buffer.concat(pieces));
}

function bytesOf(dtype: "F32" | "F64" | "I64", values: Float64Array): Buffer {
  switch (dtype) {
    case "F32":
      return Buffer.from(Float32Array.from(values).buffer);
    case "F64":
      return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    case "I64":
      return Buffer.from(BigInt64Array.from(values, BigInt).buffer);
  }
}

/** A layer graph as a user would declare it: weights are `[m, n/g, ...k]`. */
function topologyOf({ layers, connections }: LayerGraph): TopologyDeclaration {
  return {
    layers: layers.map(({ name, weight, groups, kind }) => ({ name, weight: weight.tensor, groups, kind })),
    connections: connections.map(({ source, target, part, via, channels }) => ({
      from: layers[source]!.name,
      to: layers[target]!.name,
      part,
      via,
      channels,
    })),
  };
}
