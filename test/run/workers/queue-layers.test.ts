/** Large models in a queue: their layers are done by several workers. */

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { DENO } from "../../../.config/checks.ts";
import { type Overrides, runConfigOf } from "../../../config/load.ts";
import { TABLE_NAMES } from "../../../src/model/tables.ts";
import type { ProgressEvent } from "../../../src/run/progress/progress.ts";
import { runPipeline } from "../../../src/run/run-pipeline.ts";
import { runQueue } from "../../../src/run/workers/run-queue.ts";
import { type QueueWorkerOptions, workAtQueue } from "../../../src/run/workers/work-at-queue.ts";
import { type Ended, execute, ROOT } from "../../integration/svr.ts";
import { BUCKET, inS3Environment, keysIn, startS3 } from "../../support/s3-server.ts";
import { describeWithRedis, startRedis, type TestRedis } from "../../redis/server.ts";
import { difference, graphOf, leftBehind, textOf } from "./left-by-runs.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-layers-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const LAYERS = ["a", "b", "c", "d", "e"];

/** A chain of layers. */
const chain = (id: string, seed: number, width: number) => ({
  id,
  synthetic: {
    seed,
    layers: LAYERS.map((name, at) => ({ name, out: width + at, in: width + Math.max(0, at - 1) })),
    connections: LAYERS.slice(1).map((to, at) => ({ from: LAYERS[at]!, to })),
  },
});

/** Of these two only the first takes more operations. */
const ABOVE = 1e6;
const settings = (own: Overrides): Overrides => ({
  models: [chain("small", 1, 8), chain("large", 2, 40)],
  kernel: "reference",
  threads: 1,
  sigma: 1,
  correction: "none",
  ...own,
});

type Spectrum = Extract<ProgressEvent, { event: "spectrum" }>;

describeWithRedis("a large model in a queue", () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  /** Runs with workers; what they tell and what the run tells, and what comes of it. */
  async function ran(own: Overrides, workers: readonly QueueWorkerOptions[], divide = ABOVE) {
    const stop = new AbortController();
    const events: ProgressEvent[] = [];
    const spectra: Spectrum[] = [];
    const working = workers.map((options) =>
      workAtQueue(server.address, {
        ...options,
        signal: stop.signal,
        progress(event) {
          if (event.event === "spectrum") spectra.push(event);
        },
      })
    );
    try {
      const outcome = await runQueue(runConfigOf(settings(own)), server.address, {
        divide,
        progress: (event) => void events.push(event),
      });
      return { outcome, events, spectra };
    } finally {
      stop.abort();
      await Promise.all(working);
    }
  }

  /** Names of layers by where their spectra come from. */
  const layersOf = (spectra: readonly Spectrum[], model: string, from: Spectrum["from"]) =>
    spectra.filter((each) => each.model === model && each.from === from).map(({ layer }) => layer).sort();

  const warningsOf = (events: readonly ProgressEvent[]) =>
    events.flatMap((event) => event.event === "warning" ? [event.warning] : []);

  let one = "";
  beforeAll(async () => {
    one = join(folder, "one");
    await runPipeline(runConfigOf(settings({ out: one })));
  });

  async function expectSameRows(expected: string, lake: string): Promise<void> {
    for (const table of TABLE_NAMES) {
      expect([table, ...(await difference(expected, lake, table)).slice(0, 2)]).toEqual([table, 0, 0]);
    }
  }

  async function expectEqual(out: string, lake = out): Promise<void> {
    await expectSameRows(one, lake);
    expect(await graphOf(out)).toEqual(await graphOf(one));
    expect(await textOf(out, "report.json")).toBe(await textOf(one, "report.json"));
    expect(await leftBehind(out, lake)).toEqual([]);
  }

  it("is divided: tables are those of one machine, and each spectrum is computed once", async () => {
    const out = join(folder, "out");
    const { events, spectra } = await ran({ out }, [{}, { overrides: { cache: "off" } }]);
    await expectEqual(out);
    expect(layersOf(spectra, "large", "kernel")).toEqual(LAYERS);
    expect(layersOf(spectra, "large", "cache")).toEqual(LAYERS);
    expect(layersOf(spectra, "small", "kernel")).toEqual(LAYERS);
    expect(layersOf(spectra, "small", "cache")).toEqual([]);
    const ends = events.flatMap((event) => event.event === "layers-done" ? [event] : []);
    expect(ends.map(({ model, failure }) => [model, failure])).toEqual(ends.map(() => ["large", null]));
    expect(ends.flatMap(({ layers }) => layers).sort()).toEqual(LAYERS);
    expect(ends.length).toBeGreaterThan(1);
    expect(events.find(({ event }) => event === "queued")).toMatchObject({ models: 2, groups: ends.length });
    const status = events.flatMap((event) => event.event === "progress" && event.layers > 0 ? [event] : []);
    expect(status[0]).toMatchObject({ layers_done: 0, layers: 5, models_done: 0, models: 2 });
    expect(status.some(({ layers_done: layers }) => layers > 0 && layers < 5)).toBe(true);
    // Time goes on, whatever has ended.
    const waited = status.map(({ seconds }) => seconds);
    expect(waited).toEqual([...new Set(waited)].sort((a, b) => a - b));
    expect(warningsOf(events)).toEqual([]);
    // What stands is one job.
    const again = await ran({ out }, [{}]);
    expect(again.events.find(({ event }) => event === "queued")).toMatchObject({ models: 2, groups: 0 });
    expect(again.spectra).toEqual([]);
  });

  it("is divided where the lake is a folder beside, and where the config names a cache", async () => {
    const [out, lake] = [join(folder, "beside"), join(folder, "lake")];
    const beside = await ran({ out, lake }, [{}]);
    await expectEqual(out, lake);
    expect(layersOf(beside.spectra, "large", "kernel")).toEqual(LAYERS);
    const cache = { dir: join(folder, "cache") };
    const named = await ran({ out: join(folder, "named"), cache, models: [chain("large", 2, 40)] }, [{}]);
    expect(layersOf(named.spectra, "large", "cache")).toEqual(LAYERS);
    for (const at of [join(lake, ".cache", "spectra"), cache.dir]) {
      const kept = (await readdir(at)).filter((name) => name.endsWith(".spectrum"));
      expect(kept.length).toBeGreaterThanOrEqual(LAYERS.length);
    }
  });

  it("is divided where workers have nothing in common but a bucket", async () => {
    const bucket = await startS3();
    const restore = inS3Environment(bucket);
    try {
      const lake = `s3://${BUCKET}/lake`;
      const own = { lake, models: [chain("large", 2, 40)], cache: { limit: "1GiB" } };
      const workers = ["first", "second"].map((name) => ({ overrides: { out: join(folder, name) } }));
      const { spectra, outcome } = await ran({ ...own, out: join(folder, "far") }, workers);
      expect(outcome.record.counts).toMatchObject({ done: 1, failed: 0 });
      expect(layersOf(spectra, "large", "kernel")).toEqual(LAYERS);
      expect(layersOf(spectra, "large", "cache")).toEqual(LAYERS);
      const near = join(folder, "near");
      await runPipeline(runConfigOf(settings({ ...own, lake: undefined, out: near })));
      expect(await graphOf(join(folder, "far"))).toEqual(await graphOf(near));
      expect((await keysIn(bucket, "lake")).filter((key) => key.includes("spectr"))).toEqual([]);
    } finally {
      restore();
      await bucket.close();
    }
  });

  it("is divided among workers on Deno, by the commands", async () => {
    const [plain, out] = [join(folder, "plain"), join(folder, "deno")];
    const config = join(folder, "deno.json");
    await writeFile(config, JSON.stringify(settings({ models: [chain("large", 2, 40)], graph: "none" })));
    const deno = (args: readonly string[], onOutput?: (stderr: string) => void) =>
      execute(
        DENO,
        ["run", "-A", `${ROOT}src/cli.ts`, ...args],
        onOutput === undefined ? {} : { onOutput },
      );
    // The last bits of a kernel in JavaScript are those of its engine.
    expect(await deno(["run", config, "--out", plain])).toMatchObject({ code: 0 });
    let worker: Promise<Ended> | null = null;
    const args = ["run", config, "--out", out, "--queue", server.address, "--divide", String(ABOVE)];
    const run = await deno(args, (stderr) => {
      if (stderr.includes("queued")) {
        worker ??= deno(["worker", "--queue", server.address, "--threads", "1", "--idle", "1"]);
      }
    });
    expect(run).toMatchObject({ code: 0 });
    expect(run.stderr).toMatch(/^1 model and 5 groups of layers queued, into /m);
    const ended = await worker!;
    expect(ended).toMatchObject({ code: 0, stdout: "1 model done\n" });
    expect(ended.stderr.match(/^large: 1 layer decomposed$/gm)).toHaveLength(5);
    await expectSameRows(plain, out);
  });

  it("is one job where workers share no cache, and that is said", async () => {
    const out = join(folder, "uncached");
    const { events, outcome } = await ran({ out, cache: "off" }, [{}]);
    const expected = expect.stringMatching(
      /^one worker does all layers: found no cache of spectra/,
    ) as string;
    expect(warningsOf(events)).toEqual([expected]);
    expect(events.find(({ event }) => event === "queued")).toMatchObject({ models: 2, groups: 0 });
    expect(outcome.record.counts).toMatchObject({ done: 2, failed: 0 });
  });

  it("one of whose layers ends two processes is given up with the layer's name, and nobody tries it again", async () => {
    const [plugin, deaths] = [join(folder, "aborts.mjs"), join(folder, "deaths")];
    await writeFile(join(folder, "poison.aborts"), "");
    await writeFile(
      plugin,
      `import { appendFileSync } from "node:fs";
      const tensors = ${JSON.stringify(LAYERS)}.map((name) => (
        { name: name + ".weight", dtype: "F64", shape: [40, 40], byteLength: 12800 }));
      export const formats = [{ name: "aborts", version: "1", extensions: [".aborts"], open: (uri, id) => ({
        id, uri, format: "aborts", tensors, metadata: new Map(),
        read(name) {
          if (name !== "c.weight") return Promise.resolve(Float64Array.from({ length: 1600 }, (_, at) => Math.sin(at * at)));
          appendFileSync(${JSON.stringify(deaths)}, "c");
          process.abort();
        },
        inputs: () => Promise.resolve([{ path: uri, bytes: 0, digested: 0, sha256: "0".repeat(64) }]),
        close: () => Promise.resolve(),
      }) }];`,
    );
    const own = {
      out: join(folder, "poisoned"),
      models: [chain("small", 1, 8), join(folder, "poison.aborts")],
      plugins: [plugin],
      infer: false,
    };
    const { outcome, events } = await ran(own, [{ plugins: true }, { plugins: true }]);
    const error = "c: the process that did it ended with SIGABRT";
    expect(outcome.report.failed).toEqual([expect.objectContaining({ id: "poison", error })]);
    expect(outcome.told.map(({ id }) => id)).toEqual(["small"]);
    expect(await readFile(deaths, "utf8")).toBe("cc");
    const ends = events.flatMap((event) => event.event === "layers-done" ? [event] : []);
    expect(ends.filter(({ failure }) => failure !== null)).toEqual([
      expect.objectContaining({ layers: ["c"], failure: error }),
    ]);
  });
});
