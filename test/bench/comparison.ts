/**
 * Compares two models of 20 layers of 1024 x 1024, first with nothing kept, then with the spectra that the first time has left, and says which
 * part of the processor time of decomposing them the comparison takes: `node test/bench/comparison.ts [layers] [width] [kernel]`. Every layer but
 * the last stands for a space of hidden channels, so that the test of lineage is made of all of them. The memory is the largest resident set of
 * the second time, above that at its start.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, cpuUsage, memoryUsage, stdout } from "node:process";
import { runConfigOf } from "../../config/load.ts";
import { CHANGE_SETTINGS } from "../../src/compare/layer-change.ts";
import { comparisonOf } from "../../src/run/compare.ts";
import { gaussian } from "../support/layer-fixture.ts";
import { writeTensors } from "../support/files/safetensors-file.ts";

const [layers = 20, width = 1024] = argv.slice(2, 4).map(Number);
const kernel = argv[4] ?? "auto";
const folder = await mkdtemp(join(tmpdir(), "svr-bench-comparison-"));

async function written(name: string, more: (layer: number) => (at: number) => number): Promise<string> {
  const path = join(folder, name);
  await writeTensors(
    path,
    Array.from({ length: layers }, (_, layer) => {
      const [next, change] = [gaussian(layer + 1), more(layer)];
      const values = Float32Array.from({ length: width * width }, (_, at) => 0.03 * next() + change(at));
      return [`fc${layer}.weight`, [width, width], values] as const;
    }),
  );
  return path;
}

/** Seconds of all processors that a comparison takes, and the most megabytes beyond those at its start. */
async function measured(models: readonly string[]): Promise<{ seconds: number; megabytes: number }> {
  const loaded = runConfigOf({
    models,
    kernel,
    topology: { chain: Array.from({ length: layers }, (_, layer) => `fc${layer}`) },
    out: join(folder, "out"),
  });
  const start = { time: cpuUsage(), bytes: memoryUsage.rss() };
  let most = start.bytes;
  const watch = setInterval(() => most = Math.max(most, memoryUsage.rss()), 20);
  await comparisonOf(loaded, CHANGE_SETTINGS);
  clearInterval(watch);
  const { user, system } = cpuUsage(start.time);
  return { seconds: (user + system) / 1e6, megabytes: (most - start.bytes) / 2 ** 20 };
}

try {
  const base = await written("base.safetensors", () => () => 0);
  const other = await written("other.safetensors", (layer) => {
    const next = gaussian(1000 + layer);
    return () => 0.003 * next();
  });
  const cold = await measured([base, other]);
  const warm = await measured([base, other]);
  const decomposing = cold.seconds - warm.seconds;
  stdout.write(
    [
      `${layers} layers of ${width} x ${width}, kernel ${kernel}`,
      `decomposing both: ${decomposing.toFixed(1)} s`,
      `comparing them:   ${warm.seconds.toFixed(1)} s, ${
        (100 * warm.seconds / decomposing).toFixed(1)
      } % of that`,
      `memory:           ${warm.megabytes.toFixed(0)} MB; both spectra and weights of a layer are ${
        (2 * 3 * 8 * width * width / 2 ** 20).toFixed(0)
      } MB`,
    ].map((line) => `${line}\n`).join(""),
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
