/**
 * What the figures of layers cost beside the decomposition, in processor time: `node test/bench/layer-metrics.ts [model]`. Without a model: of
 * Gaussian matrices.
 */

import { argv, cpuUsage, stdout } from "node:process";
import { formatOf } from "../../connectors/sources/registry.ts";
import { type ComputingKernelName, openInThread } from "../../src/kernels/in-thread.ts";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { type Layer, unfoldedShape } from "../../src/model/layer.ts";
import { random } from "../../src/model/random.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { bulkMetrics } from "../../src/stages/metrics/bulk-metrics.ts";
import { layerMetrics } from "../../src/stages/metrics/layer-metrics.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { median } from "../../src/stats/ordinary.ts";
import { layerOf } from "../support/layer-fixture.ts";

/** Rows and columns. */
const SHAPES = [[128, 352], [256, 784], [512, 512], [512, 4608], [1024, 1024], [2048, 2048]] as const;
const ROUNDS = 5;
const KERNELS: readonly ComputingKernelName[] = ["wasm", "native"];

interface Weighted {
  readonly layer: Layer;
  read(): Promise<Float64Array>;
}

async function weights(path: string | undefined): Promise<readonly Weighted[]> {
  if (path === undefined) {
    return SHAPES.map(([rows, cols], at) => ({
      layer: layerOf(at, rows, cols),
      read: () => {
        const weight = new Float64Array(rows * cols);
        random(at, "bench").normals(weight);
        return Promise.resolve(weight);
      },
    }));
  }
  const model = await (await formatOf(path)).open(path, path);
  return layerGraph(model).layers.map((layer) => ({ layer, read: () => model.read(layer.weight.tensor) }));
}

const seconds = ({ user, system }: { user: number; system: number }) => (user + system) / 1e6;

/** Processor time of a layer's decomposition and of its figures, medians of a few rounds. */
async function measure({ layer, read }: Weighted, kernel: Kernel): Promise<readonly [number, number]> {
  const rounds: { readonly decomposition: number; readonly figures: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const blocks = unfold(layer, await read(), "svr");
    let start = cpuUsage();
    const found = await spectrum(layer, blocks, "svr", kernel);
    const decomposition = seconds(cpuUsage(start));
    start = cpuUsage();
    const { neurons } = layerMetrics(found, kernel.info.precision);
    bulkMetrics(found.singularValues, neurons, layer.groups, unfoldedShape(layer, "svr"), Math.log(0.001));
    rounds.push({ decomposition, figures: seconds(cpuUsage(start)) });
  }
  return [
    median(rounds.map(({ decomposition }) => decomposition)),
    median(rounds.map(({ figures }) => figures)),
  ];
}

const layers = await weights(argv[2]);
for (const name of KERNELS) {
  const kernel = await openInThread(name, "f64");
  await measure(layers[0]!, kernel); // compiled once
  let [all, figures] = [0, 0];
  for (const each of layers) {
    const [decomposition, own] = await measure(each, kernel);
    all += decomposition;
    figures += own;
    const { rows, cols } = unfoldedShape(each.layer, "svr");
    stdout.write(
      `${name} ${each.layer.name} ${rows} x ${cols}: decomposition ${decomposition.toFixed(4)} s, figures ${
        own.toFixed(4)
      } s, ratio ${(own / decomposition).toFixed(4)}\n`,
    );
  }
  stdout.write(`${name}: ratio of all ${(figures / all).toFixed(4)}, required below 0.05\n`);
  await kernel.dispose();
}
