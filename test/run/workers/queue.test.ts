import { access, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type Overrides, runConfigOf } from "../../../config/load.ts";
import { COMPARISON_TABLE_NAMES } from "../../../src/model/comparison-tables.ts";
import { TABLE_NAMES } from "../../../src/model/tables.ts";
import type { ProgressEvent } from "../../../src/run/progress/progress.ts";
import { runPipeline } from "../../../src/run/run-pipeline.ts";
import { runQueue } from "../../../src/run/workers/run-queue.ts";
import { type QueueWorkerOptions, workAtQueue } from "../../../src/run/workers/work-at-queue.ts";
import { svr } from "../../integration/svr.ts";
import { describeWithRedis, startRedis, type TestRedis } from "../../redis/server.ts";
import { difference, graphOf, leftBehind, textOf } from "./left-by-runs.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-queue-"));
  await writeFile(join(folder, "damaged.npz"), "this is no archive");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const synthetic = (id: string, seed: number) => {
  const layers = [{ name: "a", out: 8 + seed, in: 6 }, { name: "b", out: 10, in: 8 + seed }];
  return { id, synthetic: { seed, layers, connections: [{ from: "a", to: "b" }] } };
};

const settings = (own: Overrides): Overrides => ({
  models: [...[1, 2, 3, 4, 5].map((seed) => synthetic(`m${seed}`, seed)), join(folder, "damaged.npz")],
  kernel: "reference",
  threads: 1,
  sigma: 1,
  correction: "none",
  compare: { base: "m1" },
  ...own,
});

describeWithRedis("a run in a queue", () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  /** Works while something is done. */
  async function withWorkers<T>(
    work: () => Promise<T>,
    options: readonly QueueWorkerOptions[] = [{}],
  ): Promise<{ readonly result: T; readonly done: readonly number[] }> {
    const stop = new AbortController();
    const workers = options.map((each) => workAtQueue(server.address, { ...each, signal: stop.signal }));
    try {
      const result = await work();
      stop.abort();
      return { result, done: await Promise.all(workers) };
    } finally {
      stop.abort();
      await Promise.allSettled(workers);
    }
  }

  it("by two workers leaves what one run leaves, and does nothing twice", async () => {
    const [one, out, lake] = ["one", "out", "lake"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const whole = await runPipeline(runConfigOf(settings({ out: one })));
    const events: ProgressEvent[] = [];
    const run = (into: string) =>
      runQueue(runConfigOf(settings({ out: into, lake })), server.address, {
        progress: (event) => void events.push(event),
      });
    const first = await withWorkers(() => run(out), [{}, { overrides: { threads: 2 } }]);
    expect(first.done.reduce((sum, count) => sum + count)).toBe(5);
    expect(first.result.record.counts).toMatchObject({ done: 5, failed: 1, spectra_computed: 0 });
    for (const table of [...TABLE_NAMES, ...COMPARISON_TABLE_NAMES]) {
      expect([table, ...(await difference(one, lake, table)).slice(0, 2)]).toEqual([table, 0, 0]);
    }
    expect(await graphOf(out)).toEqual(await graphOf(one));
    expect(await textOf(out, "report.json")).toBe(await textOf(one, "report.json"));
    expect(first.result.report.failed).toEqual(whole.report.failed);
    expect(await leftBehind(out, lake)).toEqual([]);
    const ends = events.flatMap((event) => event.event === "job-done" ? [event] : []);
    expect(ends.map(({ index, of }) => [index, of])).toEqual([1, 2, 3, 4, 5, 6].map((at) => [at, 6]));
    expect(ends.filter(({ failure }) => failure !== null).map(({ model }) => model)).toEqual(["damaged"]);
    // Asked for again, all stands: nothing is computed.
    const again = await withWorkers(() => run(out));
    expect(again.result.record.counts).toMatchObject({ up_to_date: 5, failed: 1 });
  });

  it("gives up a model that ends the process of two workers, with the reason; the others are done", async () => {
    const plugin = join(folder, "aborts.mjs");
    await writeFile(join(folder, "poison.aborts"), "poison");
    await writeFile(
      plugin,
      `const tensors = ["a", "b"].map((name) => ({ name: name + ".weight", dtype: "F64", shape: [8, 8], byteLength: 512 }));
      export const formats = [{ name: "aborts", version: "1", extensions: [".aborts"], open: (uri, id) => ({
        id, uri, format: "aborts", tensors, metadata: new Map(), read: () => process.abort(),
        inputs: () => Promise.resolve([{ path: uri, bytes: 6, digested: 6, sha256: "0".repeat(64) }]),
        close: () => Promise.resolve(),
      }) }];`,
    );
    const own = {
      models: [synthetic("m1", 1), join(folder, "poison.aborts"), synthetic("m2", 2)],
      plugins: [plugin],
      compare: undefined,
      out: join(folder, "poisoned"),
    };
    const run = () => runQueue(runConfigOf(settings(own)), server.address);
    const trusting = { plugins: true };
    const { result, done } = await withWorkers(run, [trusting, trusting]);
    expect(done.reduce((sum, count) => sum + count)).toBe(2);
    expect(result.report.failed).toEqual([
      expect.objectContaining({ id: "poison", error: "the process that did it ended with SIGABRT" }),
    ]);
    expect(result.told.map(({ id }) => id)).toEqual(["m1", "m2"]);
    // Modules that a run names are loaded by those workers only that may.
    const out = join(folder, "untrusted");
    const refused = withWorkers(() => runQueue(runConfigOf(settings({ ...own, out })), server.address));
    await expect(refused).rejects.toThrow(
      /plugins: found .*aborts\.mjs, required a worker that may load them/,
    );
  });

  it("goes on where the process that does models has ended while it had nothing to do", async () => {
    const [plugin, gone] = [join(folder, "ends.mjs"), join(folder, "ended")];
    await writeFile(join(folder, "first.ends"), "");
    // What is left of a model ends the process behind it.
    await writeFile(
      plugin,
      `import { writeFileSync } from "node:fs";
      const tensors = ["a", "b"].map((name) => ({ name: name + ".weight", dtype: "F64", shape: [8, 8], byteLength: 512 }));
      export const formats = [{ name: "ends", version: "1", extensions: [".ends"], open: (uri, id) => ({
        id, uri, format: "ends", tensors, metadata: new Map(),
        read: () => Promise.resolve(Float64Array.from({ length: 64 }, (_, at) => Math.sin(at * at))),
        inputs: () => Promise.resolve([{ path: uri, bytes: 0, digested: 0, sha256: "0".repeat(64) }]),
        close() {
          if (process.argv[1].includes("model-process-main")) setTimeout(() => (writeFileSync(${
        JSON.stringify(gone)
      }, ""), process.exit(9)), 700);
          return Promise.resolve();
        },
      }) }];`,
    );
    const first = {
      models: join(folder, "first.ends"),
      plugins: [plugin],
      out: join(folder, "ends"),
      compare: undefined,
    };
    const second = { models: [synthetic("m1", 1)], out: join(folder, "after"), compare: undefined };
    const run = (own: Overrides) => runQueue(runConfigOf(settings(own)), server.address);
    const { result } = await withWorkers(async () => {
      const { record } = await run(first);
      await vi.waitFor(() => access(gone), { timeout: 10_000 });
      return [record.counts.done, (await run(second)).record.counts.done];
    }, [{ plugins: true }]);
    expect(result).toEqual([1, 1]);
  });

  it("goes on with another worker where one has no kernel, which ends and says so", async () => {
    const loaded = runConfigOf(
      settings({ models: [synthetic("m1", 1)], out: join(folder, "hopeless"), compare: undefined }),
    );
    vi.stubEnv("SVRFLOW_BLAS", join(folder, "no-such-library"));
    const worker = workAtQueue(server.address, { overrides: { kernel: "native" } });
    const run = runQueue(loaded, server.address);
    await expect(worker).rejects.toThrow(/no-such-library/);
    vi.unstubAllEnvs();
    const { result } = await withWorkers(() => run);
    expect(result.record.counts).toMatchObject({ done: 1, failed: 0 });
  });

  it("goes on with another worker where one is stopped: the model goes back", async () => {
    const out = join(folder, "stopped");
    // Long enough to be stopped in.
    const large = {
      id: "large",
      synthetic: { seed: 1, layers: [{ name: "a", out: 400, in: 400 }, { name: "b", out: 400, in: 400 }] },
    };
    const loaded = runConfigOf(settings({ out, models: [large, synthetic("m1", 1)], compare: undefined }));
    const stop = new AbortController();
    const events: string[] = [];
    const first = workAtQueue(server.address, {
      signal: stop.signal,
      progress({ event }) {
        events.push(event);
        if (event === "kernel") stop.abort();
      },
    });
    const run = runQueue(loaded, server.address);
    expect(await first).toBe(0);
    const { result } = await withWorkers(() => run);
    expect(events).toContain("kernel");
    expect(result.record.counts).toMatchObject({ done: 2, failed: 0 });
    expect(await leftBehind(out)).toEqual([]);
  });

  it("is a command, and so are its workers", async () => {
    const out = join(folder, "commands");
    await writeFile(
      join(folder, "run.json"),
      JSON.stringify(settings({ models: [synthetic("m1", 1)], compare: undefined })),
    );
    const args = ["run", join(folder, "run.json"), "--out", out, "--queue", server.address];
    const [worker, run] = await Promise.all([
      svr(["worker", "--queue", server.address, "--threads", "1", "--idle", "10"]),
      svr(args),
    ]);
    expect(run).toMatchObject({ code: 0 });
    expect(worker).toMatchObject({ code: 0, stdout: "1 model done\n" });
    expect(run.stderr).toContain(`1 model queued, into ${out}`);
    expect(JSON.parse(await readFile(join(out, "run.json"), "utf8"))).toMatchObject({ counts: { done: 1 } });
  });

  it.each([
    [["run", "x.yaml", "--queue", "redis://127.0.0.1:1", "--share", "1/2"], 2, /--queue: found --share too/],
    [["run", "x.yaml", "--queue", "redis://127.0.0.1:1", "--dry-run"], 2, /--queue: found --dry-run too/],
    [["run", "x.yaml", "--divide", "1e12"], 2, /--divide: found no --queue, required one/],
    [["run", "x.yaml", "--queue", "redis://127.0.0.1:1", "--divide", "-1"], 2, /Not a number of operations/],
    [["worker"], 2, /required option '--queue <address>'/],
    [["worker", "--queue", "http://127.0.0.1"], 2, /found no address of Redis, required redis:\/\/host:port/],
    [
      ["worker", "--queue", "redis://u:secret@127.0.0.1:1"],
      1,
      /^svr: redis:\/\/127\.0\.0\.1:1: found no server/,
    ],
  ])("svr %j says what is wrong", async (args, expected, message) => {
    const { code, stderr } = await svr(args);
    expect([code, stderr]).toEqual([expected, expect.stringMatching(message)]);
    expect(stderr).not.toContain("secret");
  });
});
