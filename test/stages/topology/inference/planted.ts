/** Networks whose layers share channels as it is said: each space of channels has traits, and weights follow the traits on both sides. */

import { type Random, random } from "../../../../src/model/random.ts";
import type { InferredFrom } from "../../../../src/stages/topology/inference/layer-reader.ts";
import { modelInMemory, type Values } from "../../../support/model-in-memory.ts";

/** A layer from one space to another, of channels by their traits. */
export interface PlantedLayer {
  readonly name: string;
  /** Spaces that are read, side by side. */
  readonly from: readonly string[];
  /** The space that is written to. */
  readonly to: string;
  /** Extents of the kernel; 3 x 3 where nothing is said. */
  readonly kernel?: readonly number[];
  readonly depthwise?: boolean;
}

const TRAITS = 6;
const NOISE = 0.7;

function normals(count: number, source: Random): Float64Array {
  const values = new Float64Array(count);
  source.normals(values);
  return values;
}

/**
 * A network.
 *
 * @param spaces channels of each space, by its name
 * @param layers in the order of the modules
 * @param padded wider spaces by name, with the narrower one whose channels are their middle ones
 * @returns tensors `<layer>.weight`, `[out, in, ...kernel]`, float64
 */
export function planted(
  spaces: Readonly<Record<string, number>>,
  layers: readonly PlantedLayer[],
  seed = 1,
  padded: Readonly<Record<string, string>> = {},
): InferredFrom {
  const source = random(seed, "planted");
  const traits = new Map<string, Float64Array>();
  for (const [name, channels] of Object.entries(spaces)) traits.set(name, normals(channels * TRAITS, source));
  for (const [wide, narrow] of Object.entries(padded)) {
    traits.get(wide)!.set(traits.get(narrow)!, (spaces[wide]! - spaces[narrow]!) / 2 * TRAITS);
  }
  const tensors = new Map<string, Values>();
  for (const { name, from, to, kernel = [3, 3], depthwise = false } of layers) {
    const z = kernel.reduce((product, extent) => product * extent, 1);
    const out = spaces[to]!;
    const read = Float64Array.from(from.flatMap((each) => [...traits.get(each)!]));
    const into = depthwise ? 1 : read.length / TRAITS;
    const values = normals(out * into * z, source).map((value) => NOISE * value);
    const mix = normals(TRAITS * TRAITS * z, source);
    for (let o = 0; o < out; o++) {
      for (let c = 0; c < into; c++) {
        for (let k = 0; k < z; k++) {
          let sum = 0;
          for (let t = 0; t < TRAITS; t++) {
            const written = traits.get(to)![o * TRAITS + t]!;
            if (depthwise) sum += written * mix[t * z + k]!;
            else {for (let u = 0; u < TRAITS; u++) {
                sum += written * read[c * TRAITS + u]! * mix[(t * TRAITS + u) * z + k]!;
              }}
          }
          values[(o * into + c) * z + k]! += sum / (depthwise ? Math.sqrt(TRAITS) : TRAITS);
        }
      }
    }
    tensors.set(`${name}.weight`, { shape: [out, into, ...kernel], values });
  }
  return modelInMemory(tensors);
}

/**
 * A network with noisy copies of its layers behind it.
 *
 * @param renamed what the copy of a tensor is called; null for none
 * @param noise its deviation, of that of the weights
 */
export function withCopy(
  { tensors, read, ...model }: InferredFrom,
  renamed: (name: string) => string | null,
  noise: number,
): InferredFrom {
  const originals = new Map(
    tensors.flatMap(({ name }) => {
      const copy = renamed(name);
      return copy === null ? [] : [[copy, name] as const];
    }),
  );
  return {
    ...model,
    tensors: [
      ...tensors,
      ...[...originals].map(([name, original]) => ({
        ...tensors.find((each) => each.name === original)!,
        name,
      })),
    ],
    read: async (name, signal) => {
      const original = originals.get(name);
      if (original === undefined) return await read(name, signal);
      const values = await read(original, signal);
      const size = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
      const added = normals(values.length, random(1, name));
      return values.map((value, at) => value + noise * size * added[at]!);
    },
  };
}
