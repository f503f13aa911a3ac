/** A run in a queue whose workers, server and network fail: everything is done once, nothing is lost, nothing is left over. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execPath } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Overrides, runConfigOf } from "../../config/load.ts";
import { TABLE_NAMES } from "../../src/model/tables.ts";
import { runPipeline } from "../../src/run/run-pipeline.ts";
import { removeDeadWorkers } from "../../src/run/output-folder.ts";
import { mergeRun } from "../../src/run/workers/merge.ts";
import { runQueue } from "../../src/run/workers/run-queue.ts";
import { random } from "../../src/model/random.ts";
import { describeWithRedis, type Network, startNetwork, startRedis, type TestRedis } from "./server.ts";
import { difference, graphOf, leftBehind, textOf } from "../run/workers/left-by-runs.ts";
import { ROOT } from "../integration/svr.ts";

const MODELS = 60;
const KILLS = 30;
/** Kills before which the server is killed too. */
const SERVER_KILLS: readonly number[] = [8, 16, 24];
/** The kill before which the network is cut, and for how many milliseconds. */
const CUT = { before: 12, milliseconds: 20_000 };

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-queue-faults-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const settings = (own: Overrides): Overrides => ({
  models: Array.from({ length: MODELS }, (_, seed) => {
    const layers = [{ name: "a", out: 60 + seed, in: 80 }, { name: "b", out: 50, in: 60 + seed }];
    return { id: `m${seed}`, synthetic: { seed, layers, connections: [{ from: "a", to: "b" }] } };
  }),
  kernel: "reference",
  threads: 1,
  sigma: 1,
  correction: "none",
  ...own,
});

describeWithRedis("a run in a queue", () => {
  let server: TestRedis;
  let network: Network;
  beforeAll(async () => {
    server = await startRedis();
    network = await startNetwork(server);
  });
  afterAll(async () => {
    await network.close();
    await server.stop();
  });

  const startWorker = (): ChildProcess =>
    spawn(execPath, ["src/cli.ts", "worker", "--queue", network.address, "--threads", "1", "--quiet"], {
      cwd: ROOT,
      stdio: "ignore",
    });

  async function kill(worker: ChildProcess, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const gone = new Promise((resolve) => worker.once("close", resolve));
    worker.kill(signal);
    await gone;
  }

  it("whose workers are killed thirty times, its server three times, and its network is cut", async () => {
    const [one, out] = [join(folder, "one"), join(folder, "out")];
    await runPipeline(runConfigOf(settings({ out: one })));
    const { uniform } = random(2026, "queue faults");
    const ended: string[] = [];
    const run = runQueue(runConfigOf(settings({ out })), network.address, {
      progress: (event) => void (event.event === "job-done" && ended.push(event.model)),
    });
    run.catch(() => undefined); // told below
    const workers = [startWorker(), startWorker()];
    let midway = 0;
    try {
      for (let kills = 0; kills < KILLS; kills++) {
        await sleep(500 + 1500 * uniform());
        if (ended.length < MODELS) midway++;
        if (SERVER_KILLS.includes(kills)) {
          await server.kill();
          await server.restart();
        }
        if (kills === CUT.before) {
          network.cut();
          await sleep(CUT.milliseconds);
          network.mend();
        }
        const victim = Math.floor(2 * uniform());
        await kill(workers[victim]!);
        workers[victim] = startWorker();
      }
      const { record } = await run;
      expect(record.counts).toMatchObject({ done: MODELS, failed: 0, spectra_computed: 0 });
    } finally {
      for (const worker of workers) await kill(worker, "SIGTERM");
    }
    // Workers that were killed when all was done have left their own folders to whoever comes next.
    await mergeRun(runConfigOf(settings({ out })));
    expect(midway).toBeGreaterThan(KILLS / 2);
    expect(ended.sort()).toEqual(Array.from({ length: MODELS }, (_, seed) => `m${seed}`).sort());
    for (const table of TABLE_NAMES) {
      expect([table, ...(await difference(one, out, table)).slice(0, 2)]).toEqual([table, 0, 0]);
    }
    expect(await graphOf(out)).toEqual(await graphOf(one));
    expect(await textOf(out, "report.json")).toBe(await textOf(one, "report.json"));
    // The process of a killed worker's model may live a moment longer, or have made its folder without having locked it yet (a minute then).
    // A file of the cache that it was writing stays for longer: whoever opens the cache later removes it.
    const left = async () => {
      await removeDeadWorkers(out);
      return (await leftBehind(out)).filter((name) => !/^\.cache\/.*\.partial$/.test(name));
    };
    await expect.poll(left, { timeout: 75_000 }).toEqual([]);
    const client = new Redis(server.address);
    expect(await client.keys("*:lock")).toEqual([]);
    client.disconnect();
  }, 400_000);
});
