import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runConfigOf } from "../../../config/load.ts";
import { forecast } from "../../../src/run/forecast/dry-run.ts";
import { forecastText } from "../../../src/cli/dry-run-text.ts";
import { dryRunCommand } from "../../../src/cli/dry-run-command.ts";
import { run } from "../../../src/run.ts";
import { Environment } from "../../connectors/places/environment.ts";
import { FileServer } from "../../connectors/places/server.ts";
import { noise, writeTensors } from "../../support/files/safetensors-file.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dry-run-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const LAYERS = [
  { name: "a", out: 24, in: 6, kernel: [3, 3] },
  { name: "b", out: 32, in: 24, kernel: [3, 3], groups: 4 },
  { name: "c", out: 20, in: 32, positions: 4 },
  { name: "d", out: 50, in: 20 },
];
const MODEL = { id: "m", synthetic: { seed: 3, layers: LAYERS } };
const settings = (more: Record<string, unknown> = {}) => ({
  models: [MODEL],
  kernel: "wasm" as const,
  threads: 1,
  graph: "none" as const,
  sinks: ["parquet" as const],
  out: join(folder, "out"),
  ...more,
});
const forecastOf = (more: Record<string, unknown> = {}) => forecast(runConfigOf(settings(more)));

describe("a forecast", () => {
  it.each([{}, { unfolding: "cosvr" as const }, { edges: { top: 7 } }])(
    "says exactly what the kernel does: %j",
    async (more) => {
      const found = await forecastOf(more);
      expect(await readdir(folder)).toEqual([]);
      const { record, report } = await run(settings(more));
      expect(record.work.flops).toBe(found.total.flops);
      const [model] = found.models;
      expect([model!.layers, model!.neurons, model!.connections]).toEqual(
        [report.rows.layers, report.rows.neurons, report.rows.connections],
      );
      expect(report.rows.edges).toBeLessThanOrEqual(model!.edges_most);
      if ("edges" in more) expect(report.rows.edges).toBe(model!.edges_most);
    },
  );

  it("of all edges knows their number, and bounds the bytes of the tables", async () => {
    const found = await forecastOf({ edges: "all" });
    const { record, report } = await run(settings({ edges: "all" }));
    expect(found.models[0]!.edges_most).toBe(report.rows.edges);
    const bytes = record.models[0]!.files.filter(({ table }) => table === "edges")
      .reduce((sum, file) => sum + file.bytes, 0);
    expect(bytes).toBeLessThan(found.total.table_bytes_most + 10_000);
  });

  it("counts the overlaps of each null control", async () => {
    const flops = async (nullControl: number | boolean) => {
      const { models: [model] } = await forecastOf({ nullControl });
      return [model!.spectra_flops, model!.overlap_flops];
    };
    const [spectra, overlaps] = await flops(false);
    expect(await flops(true)).toEqual([spectra, 2 * overlaps!]);
    expect(await flops(20)).toEqual([spectra, 21 * overlaps!]);
  });

  it.each([
    {},
    { nullControl: 2 },
    { nullControl: 2, unfolding: "cosvr" as const },
    { layerMetrics: { permuted: true } },
    { layerMetrics: { pooled: true }, unfolding: "cosvr" as const },
  ])(
    "names the memory that would do: with it the run goes through, without it does not: %j",
    async (more) => {
      const { memory } = await forecastOf(more);
      const enough = memory.needed_bytes;
      const short = await forecastOf({ ...more, memory: `${enough - 1}B` });
      expect(short.failed).toEqual([{
        id: "m",
        error: expect.stringContaining(
          `found a budget of ${enough - 1} bytes, required at least ${enough} bytes for`,
        ) as string,
      }]);
      await expect(run(settings({ ...more, memory: `${enough - 1}B` }))).rejects.toThrow(
        `required at least ${enough} bytes`,
      );
      expect((await run(settings({ ...more, memory: `${enough}B` }))).record.counts.done).toBe(1);
    },
  );

  it("knows what earlier runs have done, with these settings and with others", async () => {
    await run(settings());
    const same = await forecastOf();
    expect(same.models[0]!.earlier).toBe("done");
    expect(same.total).toMatchObject({ models: 0, flops: 0, read_bytes: 0 });
    expect(same.seconds_by_last_run).toBe(0);
    expect(forecastText(same)).toContain("To do: 0 of 1 model; 1 is done, if its bytes");
    expect((await forecastOf({ sigma: 4 })).models[0]!.earlier).toBe("other settings");
  });

  it("knows that a model from elsewhere is computed where it replaces one, though its bytes are the same", async () => {
    const [first, second] = ["first", "second"].map((name) => join(folder, `${name}.safetensors`));
    const tensors = [["fc1.weight", [12, 8], noise(96, 1)], ["fc2.weight", [6, 12], noise(72, 2)]] as const;
    for (const path of [first!, second!]) await writeTensors(path, tensors);
    await run(settings({ models: { path: first, id: "m" } }));
    const again = async (path: string) =>
      (await forecastOf({ models: { path, id: "m" }, replace: true })).models[0]!.earlier;
    expect([await again(first!), await again(second!)]).toEqual(["done", "new"]);
  });

  it("of a file says what would be read of it, and counts what cannot be opened among the failures", async () => {
    const path = join(folder, "w.safetensors");
    await writeTensors(path, [["a", [8, 4], noise(32, 1)], ["b", [3, 8], noise(24, 2)]]);
    await writeTensors(join(folder, "bad.safetensors"), [["x", [2], noise(2, 3)]]);
    const missing = join(folder, "gone.safetensors");
    const found = await forecastOf({ models: [path, missing] });
    const [model] = found.models;
    // float32 on disk; the file is digested whole, and its weights are read again.
    expect(model!.weight_bytes).toBe(4 * (32 + 24));
    expect(model!.read_bytes).toBe(model!.file_bytes + model!.weight_bytes);
    expect(found.failed).toMatchObject([{ id: "gone" }]);
    const printed: string[] = [];
    const print = (text: string) => void printed.push(text);
    const code = (models: string[]) =>
      dryRunCommand(
        runConfigOf(settings({ models })),
        true,
        { print, width: Infinity },
        new AbortController().signal,
      );
    expect([await code([path]), await code([path, missing]), await code([missing])]).toEqual([0, 3, 1]);
    expect(JSON.parse(printed[0]!)).toMatchObject({ models: [{ id: "w" }], failed: [] });
  });

  it("of a file from afar says how much of it will be fetched, once", async () => {
    const environment = await Environment.begin();
    const server = await FileServer.start(folder);
    try {
      // Two weights, and between them a statistic of a running mean that nobody reads.
      await writeTensors(join(folder, "w.safetensors"), [
        ["a.weight", [400, 300], noise(120_000, 1)],
        ["between.running_mean", [3_000_000], noise(3_000_000, 2)],
        ["b.weight", [500, 400], noise(200_000, 3)],
      ]);
      const models = [`${server.origin}/w.safetensors`];
      const [model] = (await forecastOf({ models })).models;
      expect([model!.layers, model!.weight_bytes]).toEqual([2, 4 * 320_000]);
      expect(model!.read_bytes).toBe(model!.weight_bytes);
      // The forecast has fetched the header.
      await environment.emptyCache();
      server.served.length = 0;
      await run(settings({ models }));
      expect(server.bytes()).toBeGreaterThanOrEqual(model!.read_bytes);
      expect(server.bytes()).toBeLessThanOrEqual(1.05 * model!.read_bytes + 65_536);
    } finally {
      await server.stop();
      await environment.end();
    }
  });
});
