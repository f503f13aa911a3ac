/**
 * How well topologies are inferred from weights: `node test/bench/wiring.ts [folder of shared models]`, or `--null <networks>` for networks that share
 * nothing. Graphs and families are hidden; weights stand in the order of the known topology, with names or without.
 */

import { argv, stdout } from "node:process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { openPool } from "../../src/kernels/pool.ts";
import { openModel } from "../../src/mod.ts";
import type { LayerGraph } from "../../src/model/layer.ts";
import type { Model } from "../../src/model/ports.ts";
import type { TensorInfo } from "../../src/model/tensor.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { guessedGraph } from "../../src/stages/topology/guess.ts";
import { inferred } from "../../src/stages/topology/inference/inferred.ts";
import { LOG_ALPHA } from "../../src/stages/topology/inference/level.ts";
import { leastLogP, unconnectedMakers } from "../calibration/unconnected-models.ts";
import { type HiddenModel, hiddenModel, weightPairs } from "../support/hidden-topology.ts";

/** Trained models with a graph or a family. */
const MODELS = [
  "models/resnet_cifar_akamaster/resnet20-12fca82f.th",
  "models/resnet_cifar_akamaster/resnet56-4bfd9763.th",
  "our-models/vgg16s/final.safetensors",
  "our-models/vgg16s-bn/final.safetensors",
  "our-models/vgg16s-bn/final-fused.onnx",
  "models/vdsr/model/model_epoch_50.pth",
  "models/waifu2x_chainer/models/vgg7/anime_style_noise0_rgb.npz",
  "models/waifu2x_chainer/models/upconv7/anime_style_scale_rgb.npz",
  "models/waifu2x_chainer/models/upresnet10/anime_style_scale_rgb.npz",
  "models/ultraface/models/pretrained/version-RFB-320.pth",
  "models/ultraface/models/onnx/version-RFB-320_simplified.onnx",
  "models/oarriaga_xception_epochs/emotion_models/fer2013_mini_XCEPTION.102-0.66.hdf5",
  "models/mlperf_tiny/benchmark/training/image_classification/pretrainedResnet.h5",
  "models/mlperf_tiny/benchmark/training/anomaly_detection/ad01.h5",
  "models/tinyvgg_maxi/models/tiny_vgg.pth",
  "models/burn_mnist/mnist.safetensors",
  "our-models/mnist-mlp/epoch-010.safetensors",
];

const moduleOf = (name: string) => name.replace(/[./][^./]*$/, "");

/** The model without graph and family: weights in the order of the known topology, each with the other tensors of its module behind it. */
function hidden(model: Model, { layers }: LayerGraph, shuffled: boolean): HiddenModel {
  const inFile = model.moduleOrder === true;
  const weights = [...new Set(layers.map(({ weight }) => weight.tensor))];
  const others = model.tensors.filter(({ name }) => !weights.includes(name));
  const byName = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  const ordered: TensorInfo[] = inFile ? [...model.tensors] : weights.flatMap((name) => [
    byName.get(name)!,
    ...others.filter((each) => moduleOf(each.name) === moduleOf(name)),
  ]);
  return hiddenModel(model, ordered, shuffled);
}

const connectionsOf = (graph: LayerGraph, evidence?: string) => new Set(weightPairs(graph, evidence));

/** Right ones of those found, of so many that there are. */
function score(found: ReadonlySet<string>, truth: ReadonlySet<string>): string {
  const right = [...found].filter((each) => truth.has(each)).length;
  return `${right}/${found.size} of ${truth.size}`;
}

async function table(folder: string, kernel: Kernel): Promise<void> {
  stdout.write(
    "| model | names | guess: right/found of known | all | inferred | pairs of ports | seconds |\n|---|---|---|---|---|---|---|\n",
  );
  for (const path of MODELS) {
    if (!existsSync(join(folder, path))) continue;
    const model = await openModel(join(folder, path));
    const known = layerGraph(model);
    for (const shuffled of [false, true]) {
      const { from, nameOf } = hidden(model, known, shuffled);
      const truth = new Set(
        [...connectionsOf(known)].map((each) =>
          each.split(" -> ").map((name) => nameOf.get(name) ?? name).join(" -> ")
        ),
      );
      const before = performance.now();
      const { graph, tests } = await inferred(from, kernel);
      const seconds = ((performance.now() - before) / 1000).toFixed(1);
      const cells = [
        path.split("/").slice(-2).join("/"),
        shuffled ? "shuffled" : "kept",
        score(connectionsOf(guessedGraph(from)), truth),
        score(connectionsOf(graph), truth),
        score(connectionsOf(graph, "inferred"), truth),
        tests.length,
        seconds,
      ];
      stdout.write(`| ${cells.join(" | ")} |\n`);
    }
    await model.close();
  }
}

/** Counts networks that show a pair at some levels though nothing is there. */
async function nulls(networks: number, kernel: Kernel): Promise<void> {
  const makers = await unconnectedMakers();
  const levels = [0.1, 0.01, 0.001];
  const hits = levels.map(() => 0);
  let connected = 0;
  for (let at = 0; at < networks; at++) {
    const { graph, tests } = await inferred(makers[at % makers.length]!(at), kernel);
    const least = leastLogP(tests);
    levels.forEach((level, i) => hits[i]! += Number(least <= Math.log(level)));
    connected += Number(graph.connections.some(({ evidence }) => evidence === "inferred"));
  }
  stdout.write(
    `${networks} networks that share nothing: ${connected} with an inferred connection (level ${
      Math.exp(LOG_ALPHA)
    }); a pair at `,
  );
  stdout.write(`${levels.map((level, i) => `${level}: ${hits[i]}`).join(", ")}\n`);
}

const kernel = await openPool({ name: "wasm", precision: "f64", threads: 1 });
if (argv[2] === "--null") await nulls(Number(argv[3] ?? 3000), kernel);
else await table(argv[2] ?? fileURLToPath(new URL("../../../shared", import.meta.url)), kernel);
await kernel.dispose();
