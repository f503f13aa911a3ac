import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../../../src/run.ts";
import type { PatternForm } from "../../../src/model/patterns/neuron-patterns.ts";
import { exportedPatterns } from "../../../src/run/patterns/exported-patterns.ts";
import { RunWeights } from "../../../src/run/patterns/run-weights.ts";
import { noise, writeTensors } from "../../support/files/safetensors-file.ts";

const asking = { signal: new AbortController().signal, progress: () => undefined };

describe("the weights behind a run", () => {
  let [folder, out, model] = ["", "", ""];
  const fc1 = noise(12 * 20, 1);
  const fc2 = noise(8 * 12, 2);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-weights-"));
    [out, model] = [join(folder, "run"), join(folder, "model.safetensors")];
    await writeTensors(model, [["fc1.weight", [12, 20], fc1], ["fc2.weight", [8, 12], fc2]]);
    const synthetic = { seed: 1, layers: [{ name: "fc", out: 6, in: 6 }, { name: "fc2", out: 6, in: 6 }] };
    await run({
      out,
      models: [{ path: model, id: "mine", topology: { chain: ["fc1", "fc2"] } }, { id: "made", synthetic }],
      graph: "none",
    });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function withWeights<T>(work: (weights: RunWeights) => Promise<T>): Promise<T> {
    const weights = (await RunWeights.open(out))!;
    try {
      return await work(weights);
    } finally {
      await weights.close();
    }
  }

  /** All entries of a vector. */
  function vectorOf(shown: PatternForm, length: number): Float64Array {
    if (shown.form !== "channels") throw new Error(shown.form);
    const vector = new Float64Array(length);
    for (const { channel, value } of shown.strongest) vector[channel] = value;
    return vector;
  }

  it("give vectors that the weights join: W v = s u", async () => {
    await withWeights(async (weights) => {
      for (const neuron of [0, 3, 7]) {
        const { input, output } = await weights.patterns("mine", 1, neuron, asking);
        const [v, u] = [vectorOf(input.shown, 12), vectorOf(output.shown, 8)];
        const product = Float64Array.from(
          u,
          (_, row) => v.reduce((sum, x, at) => sum + x * fc2[row * 12 + at]!, 0),
        );
        const s = product.reduce((sum, x, at) => sum + x * u[at]!, 0);
        expect(s).toBeGreaterThan(0.01);
        for (const [at, x] of product.entries()) expect(x).toBeCloseTo(s * u[at]!, 5);
      }
      expect((await weights.patterns("made", 0, 0, asking)).output.channels).toBe(6);
    });
  });

  it("give filters whose squares are the overlaps of the tables' neurons", async () => {
    await withWeights(async (weights) => {
      const { values, overlap } = await weights.filter("mine", [0, 1, 0], [2, 1], asking);
      const u = vectorOf((await weights.patterns("mine", 0, 2, asking)).output.shown, 12);
      const v = vectorOf((await weights.patterns("mine", 1, 1, asking)).input.shown, 12);
      const cosine = u.reduce((sum, x, at) => sum + x * v[at]!, 0);
      expect(values).toHaveLength(1);
      expect(values[0]).toBeCloseTo(cosine, 10);
      expect(overlap).toBeCloseTo(cosine ** 2, 10);
      await expect(weights.filter("mine", [1, 0, 0], [0, 0], asking)).rejects.toThrow(
        '"mine": found no connection from layer 1 to layer 0, part 0',
      );
      await expect(weights.filter("mine", [0, 1, 0], [99, 0], asking)).rejects.toThrow(/found 99:100/);
    });
  });

  it("go along with a page for the strongest neurons", async () => {
    await withWeights(async (weights) => {
      const { neurons, failure } = await exportedPatterns(weights, "mine", 5, asking);
      expect(failure).toBeNull();
      expect(Object.keys(neurons)).toHaveLength(5);
      expect(neurons["0-0"]).toEqual(await weights.patterns("mine", 0, 0, asking));
    });
  });

  it("stop where nobody waits any more, and answer the next", async () => {
    await withWeights(async (weights) => {
      const stop = new AbortController();
      const asked = weights.patterns("mine", 0, 0, {
        signal: stop.signal,
        progress: () => stop.abort(new Error("nobody waits")),
      });
      await expect(asked).rejects.toThrow("nobody waits");
      expect((await weights.patterns("mine", 0, 0, asking)).input.channels).toBe(20);
    });
  });

  it("are decomposed by the settings of the run: leading neurons with its tolerance are found in its cache", async () => {
    const leading = join(folder, "leading");
    await run({
      out: leading,
      models: [{ path: model, id: "mine" }],
      rank: 4,
      tolerance: 1e-6,
      graph: "none",
    });
    const cached = () => readdir(join(leading, ".cache", "spectra"));
    const before = await cached();
    const weights = (await RunWeights.open(leading))!;
    try {
      await weights.patterns("mine", 0, 0, asking);
    } finally {
      await weights.close();
    }
    expect(before.length).toBeGreaterThan(0);
    expect((await cached()).sort()).toEqual(before.sort());
  });

  it("are neither fetched nor kept elsewhere, whatever the record of a folder that somebody sent says", async () => {
    const path = join(out, "run.json");
    const before = await readFile(path, "utf8");
    const record = JSON.parse(before) as { config: Record<string, unknown> };
    const elsewhere = join(folder, "elsewhere");
    const models = [model];
    const recorded = async (config: object) =>
      await writeFile(path, JSON.stringify({ ...record, config: { ...record.config, models, ...config } }));
    try {
      await recorded({ cache: { limit: "1GiB", dir: elsewhere }, topology: { chain: ["fc1", "fc2"] } });
      await withWeights((weights) => weights.patterns("mine", 0, 0, asking));
      await expect(readdir(elsewhere)).rejects.toThrow("ENOENT");
      for (const topology of ["https://example.org/t.yaml", { from: "hub:someone/else" }]) {
        await recorded({ topology });
        await withWeights(async (weights) => {
          await expect(weights.patterns("mine", 0, 0, asking)).rejects.toThrow(
            /^the topology of "mine": found it at .*, which svr view does not fetch, required a file$/,
          );
        });
      }
    } finally {
      await writeFile(path, before);
    }
  });

  it("say where they are not those of the tables", async () => {
    const before = await readFile(model);
    const failure = () =>
      withWeights((weights) =>
        weights.patterns("mine", 0, 0, asking).then(() => "none", (each: Error) => each.message)
      );
    await writeTensors(model, [["fc1.weight", [12, 20], noise(240, 9)], ["fc2.weight", [8, 12], fc2]]);
    expect(await failure()).toMatch(
      /"mine": found that .*model\.safetensors has changed since, required the content/,
    );
    await rename(model, `${model}.away`);
    expect(await failure()).toMatch(
      /"mine": found no file .*model\.safetensors, required the file that the run has read/,
    );
    await writeFile(model, before);
    const path = join(out, "run.json");
    const record = await readFile(path, "utf8");
    await writeFile(
      path,
      record.replace(/"topology": \{\s*"chain": \[[^\]]*\]\s*\}/, '"topology": {"chain": ["fc1", "fc9"]}'),
    );
    expect(await failure()).toMatch(/fc9/);
    await writeFile(path, "{}");
    await expect(RunWeights.open(out)).rejects.toThrow(
      /run\.json: .*required the record that svr run writes/s,
    );
    await writeFile(path, record);
    expect(await RunWeights.open(folder)).toBeNull();
    await withWeights((weights) =>
      expect(weights.patterns("yours", 0, 0, asking)).rejects.toThrow(/found no record of "yours"/)
    );
  });
});
