/**
 * A run in a queue, done by workers of one thread each: `node test/bench/scale.ts pairs [models]` takes one worker and two by turns and
 * prints the ratio of their times; `node test/bench/scale.ts growth 10,100,1000` prints what a run of so many models takes and leaves.
 * Needs redis-server. Models are files of random weights: 8 layers of 512 x 512 (pairs) or of 128 x 128 (growth).
 */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, execPath, memoryUsage } from "node:process";
import { Redis } from "ioredis";
import { runConfigOf } from "../../config/load.ts";
import { runQueue } from "../../src/run/workers/run-queue.ts";
import { ROOT } from "../integration/svr.ts";
import { normals } from "../../src/kernels/numbers.ts";
import { writeTensors } from "../support/files/safetensors-file.ts";
import { startRedis, type TestRedis } from "../redis/server.ts";

const LAYERS = 8;

/** What a run took and left. */
interface Measured {
  /** Seconds until the last model was done, and of the merge behind that. */
  readonly models: number;
  readonly merge: number;
  /** Bytes that the server holds with all models queued, beyond those of an empty one. */
  readonly queued: number;
  readonly lake: number;
  readonly graph: number;
}

/** Writes models of random weights. @returns their folder */
async function written(count: number, width: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "svrflow-scale-models-"));
  for (let model = 0; model < count; model++) {
    const tensors = Array.from(
      { length: LAYERS },
      (_, layer) => [`l${layer}.weight`, [width, width], normals(width * width)] as const,
    );
    await writeTensors(join(folder, `m${model}.safetensors`), tensors);
  }
  return folder;
}

async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = entries.filter((entry) => entry.isFile()).map((entry) =>
    stat(join(entry.parentPath, entry.name))
  );
  return (await Promise.all(sizes)).reduce((sum, { size }) => sum + size, 0);
}

async function usedMemory(client: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await client.info("memory"))![1]);
}

/** Runs models by so many workers, which have been started and wait. */
async function measured(
  server: TestRedis,
  models: string,
  count: number,
): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), "svrflow-scale-"));
  const [out, lake] = [join(folder, "out"), join(folder, "lake")];
  const client = new Redis(server.address);
  const workers = Array.from({ length: count }, (): ChildProcess =>
    spawn(
      execPath,
      ["src/cli.ts", "worker", "--queue", server.address, "--threads", "1", "--cache", "off", "--quiet"],
      { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] },
    ));
  try {
    // Each waits for a job.
    while (!(await client.info("clients")).includes(`blocked_clients:${count}`)) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const empty = await usedMemory(client);
    let [began, ended, queued] = [0, 0, 0];
    const loaded = runConfigOf({ models, out, lake, cache: "off" });
    await runQueue(loaded, server.address, {
      progress(event) {
        if (event.event === "queued") {
          began = performance.now();
          void usedMemory(client).then((bytes) => queued = bytes - empty);
        }
        if (event.event === "job-done") ended = performance.now();
      },
    });
    return {
      models: (ended - began) / 1000,
      merge: (performance.now() - ended) / 1000,
      queued,
      lake: await bytesIn(lake),
      graph: (await stat(join(out, "graph.lbug"))).size,
    };
  } finally {
    client.disconnect();
    for (const worker of workers) worker.kill("SIGTERM");
    await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("close", resolve))));
    await rm(folder, { recursive: true, force: true });
  }
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

const [, , what = "pairs", text = what === "pairs" ? "20" : "10,100,1000"] = argv;
const server = await startRedis();
try {
  if (what === "pairs") {
    const models = await written(Number(text), 512);
    const ratios: number[] = [];
    for (let round = 0; round < 5; round++) {
      const [one, two] = [await measured(server, models, 1), await measured(server, models, 2)];
      ratios.push(two.models / one.models);
      console.log(
        `${text} models: ${one.models.toFixed(1)} s by one worker, ${two.models.toFixed(1)} s by two, ratio ${
          ratios.at(-1)!.toFixed(3)
        }`,
      );
    }
    console.log(`median ratio ${median(ratios).toFixed(3)}`);
    await rm(models, { recursive: true });
  } else {
    for (const count of text.split(",").map(Number)) {
      const folder = await written(count, 128);
      const { models, merge, queued, lake, graph } = await measured(server, folder, 2);
      await rm(folder, { recursive: true });
      console.log(
        `${count} models: ${models.toFixed(1)} s by two workers (${
          (count / models / 2).toFixed(2)
        } models a second and core), ` +
          `merge ${merge.toFixed(1)} s; queue ${megabytes(queued)}, lake ${megabytes(lake)}, graph ${
            megabytes(graph)
          }, ` +
          `the run's process ${megabytes(memoryUsage().rss)}`,
      );
    }
  }
} finally {
  await server.stop();
}
