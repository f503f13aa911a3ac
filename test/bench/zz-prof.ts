import { show } from "/tmp/co/T.mjs";
/**
 * Compares two models of 20 layers of 1024 x 1024, first with nothing kept, then with the spectra that the first time has left, and says which
 * part of the processor time of decomposing them the comparison takes: `node test/bench/comparison.ts [layers] [width]`. Every layer but the
 * last stands for a space of hidden channels, so that the test of lineage is made of all of them. The memory is the largest resident set of
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

const [layers = 20, width = 1024] = argv.slice(2).map(Number);
const folder = await `/tmp/co/cmp${argv[2] ?? 20}`;

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
    models, ...(process.env.KERNEL ? { kernel: process.env.KERNEL as "wasm" } : {}),
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


import { existsSync, mkdirSync } from "node:fs";
import { Session } from "node:inspector";
import { writeFileSync } from "node:fs";
import { env, threadCpuUsage } from "node:process";
mkdirSync(folder, { recursive: true });
const paths = ["base.safetensors", "other.safetensors"].map((n) => join(folder, n));
if (!existsSync(paths[1]!)) {
  await written("base.safetensors", () => () => 0);
  await written("other.safetensors", (layer) => { const next = gaussian(1000 + layer); return () => 0.003 * next(); });
}
const session = new Session(); session.connect();
const post = (m: string) => new Promise<any>((ok, no) => session.post(m as any, (e: any, r: any) => e ? no(e) : ok(r)));
{const m=await measured(paths); show(); console.log("first",m.seconds)};
const most = Number(env["REPS"] ?? 3);
for (let i = 0; i < most; i++) {
  if (i === most - 1) { await post("Profiler.enable"); await post("Profiler.start"); }
  const c = threadCpuUsage(); const m = await measured(paths); const d = threadCpuUsage(c);
  show(); console.log("warm all", m.seconds.toFixed(2), "main", ((d.user + d.system) / 1e6).toFixed(2), "MB", m.megabytes.toFixed(0));
}
writeFileSync("/tmp/co/warm.cpuprofile", JSON.stringify((await post("Profiler.stop")).profile));
