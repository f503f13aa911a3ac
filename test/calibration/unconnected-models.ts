/** Small networks, seeded, in which no two layers share channels: untrained ones, and parts of a trained one whose every port is relabelled. */

import { fileURLToPath } from "node:url";
import { openModel } from "../../src/mod.ts";
import type { Model } from "../../src/model/ports.ts";
import { type Random, random } from "../../src/model/random.ts";
import type { InferredFrom } from "../../src/stages/topology/inference/layer-reader.ts";
import { modelInMemory, type Values } from "../support/model-in-memory.ts";
import { type Initialization, INITIALIZATIONS } from "../untrained/initializations.ts";

/** Out and in channels and kernel of each layer: an ordinary chain. */
const CHAIN: readonly (readonly [out: number, into: number, kernel: readonly number[]])[] = [
  [16, 3, [3, 3]],
  [24, 16, [3, 3]],
  [24, 24, [3, 3]],
  [32, 24, [1, 1]],
  [32, 32, [3, 3]],
  [10, 32, []],
];

/** Identity initializations have what they have. */
const UNALIGNED: readonly Initialization[] = INITIALIZATIONS.filter(({ holds }) => holds !== "neither");

/** What makes a network of each kind from a seed: parts of both VGGs of the project, and each initialization. */
export async function unconnectedMakers(): Promise<readonly ((seed: number) => InferredFrom)[]> {
  const models = fileURLToPath(new URL("../../pipelines/models/", import.meta.url));
  const trained = ["vgg16s-bn-wd", "vgg16s-wd"].map((name) =>
    trainedParts(`${models}${name}/epoch-012.f16.safetensors`)
  );
  return [
    ...await Promise.all(trained),
    ...UNALIGNED.map((initialization) => (seed: number) => untrainedChain(initialization, seed)),
  ];
}

/** `ln p` of the most surprising pair, corrected by Bonferroni over all pairs; 0 where there is none. */
export const leastLogP = (tests: readonly { readonly logP: number }[]): number =>
  Math.min(0, ...tests.map(({ logP }) => logP + Math.log(tests.length)));

/** An untrained network: the initialization's weights, and biases as PyTorch draws them. */
function untrainedChain({ weight }: Initialization, seed: number): InferredFrom {
  const source = random(seed, "untrained chain");
  return modelInMemory(
    new Map(CHAIN.flatMap(([out, into, kernel], at): (readonly [string, Values])[] => {
      const end = at === CHAIN.length - 1;
      const values = weight({ out, in: into, kernel, groups: 1, end, middle: at === 1 }, source);
      const bias = Float64Array.from({ length: out }, () => (2 * source.uniform() - 1) / Math.sqrt(into));
      return [
        [`layers.${at}.weight`, { shape: [out, into, ...kernel], values }],
        [`layers.${at}.bias`, { shape: [out], values: bias }],
      ];
    })),
  );
}

/** Some of the numbers below `n`, in random order. */
function drawn(n: number, count: number, source: Random): number[] {
  const all = Array.from({ length: n }, (_, i) => i);
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(source.uniform() * (n - i));
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all.slice(0, count);
}

/** Convolutions of a trained VGG with their vectors, read once. */
async function trainedParts(path: string): Promise<(seed: number) => InferredFrom> {
  const model = await openModel(path);
  try {
    const layers = await convolutions(model);
    return (seed) => relabelledParts(layers, seed);
  } finally {
    await model.close();
  }
}

interface Trained {
  readonly shape: readonly [number, number, number, number];
  readonly values: Float64Array;
  readonly vectors: readonly Float64Array[];
}

/** A batch norm's vectors behind the weight, in PyTorch's order, or a bias. */
async function convolutions(model: Model): Promise<Trained[]> {
  const found: Trained[] = [];
  for (const { name, shape } of model.tensors) {
    if (shape.length !== 4 || shape[1]! < 32) continue;
    const at = Number(/\d+/.exec(name)![0]);
    const norm = ["weight", "bias", "running_mean", "running_var"].map((leaf) =>
      `features.${at + 1}.${leaf}`
    );
    const names = model.tensors.some((each) => each.name === norm[3]) ? norm : [`features.${at}.bias`];
    const vectors: Float64Array[] = [];
    for (const each of names) vectors.push(await model.read(each));
    found.push({ shape: shape as Trained["shape"], values: await model.read(name), vectors });
  }
  return found;
}

/** Six layers in their order; of each port so many channels, drawn for itself: no two ports have the same ones in the same order. */
function relabelledParts(trained: readonly Trained[], seed: number): InferredFrom {
  const source = random(seed, "relabelled parts");
  const first = Math.floor(source.uniform() * (trained.length - 5));
  const width = [16, 24, 32][Math.floor(source.uniform() * 3)]!;
  const tensors = new Map<string, { shape: readonly number[]; values: Float64Array }>();
  trained.slice(first, first + 6).forEach(({ shape: [out, into, h, w], values, vectors }, at) => {
    const [rows, cols] = [drawn(out, width, source), drawn(into, width, source)];
    const z = h * w;
    const some = new Float64Array(width * width * z);
    rows.forEach((row, i) =>
      cols.forEach((col, j) => {
        some.set(values.subarray((row * into + col) * z, (row * into + col + 1) * z), (i * width + j) * z);
      })
    );
    tensors.set(`layers.${at}.weight`, { shape: [width, width, h, w], values: some });
    const leaves = vectors.length === 1 ? ["bias"] : ["gamma", "beta", "mean", "var"];
    vectors.forEach((vector, k) =>
      tensors.set(`layers.${at}.${vectors.length === 1 ? "" : "bn."}${leaves[k]!}`, {
        shape: [width],
        values: Float64Array.from(rows, (row) => vector[row]!),
      })
    );
  });
  return modelInMemory(tensors);
}
