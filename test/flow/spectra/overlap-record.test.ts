import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { archiveParts, readArchive } from "../../../src/flow/spectra/archive.ts";
import type { OverlapRecord } from "../../../src/flow/spectra/overlap-record.ts";
import { run } from "../../../src/run.ts";
import { rowsIn } from "../../integration/left-behind.ts";
import { noise, writeTensors } from "../../support/files/safetensors-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-overlaps-"));
  // The second is the first, transposed: it shares its channels. The third has nothing to do with it.
  const zeros = (count: number, seed: number) => noise(count, seed).map((value) => value < 0.6 ? 0 : value);
  const first = zeros(24 * 30, 1);
  await writeTensors(join(folder, "sparse.safetensors"), [
    ["0.weight", [24, 30], first],
    ["1.weight", [30, 24], first.map((_, at) => first[at % 24 * 30 + Math.floor(at / 24)]!)],
    ["2.weight", [40, 30], zeros(40 * 30, 2)],
  ]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Dense, grouped, depthwise and flattened layers; concatenated, split and recurrent ways; a planted chain; a layer without neurons worth. */
const layers = [
  { name: "a", out: 24, in: 3, kernel: [3, 3] },
  { name: "b", out: 24, in: 24, kernel: [3, 3], groups: 24 },
  { name: "c", out: 36, in: 24, kernel: [1] },
  { name: "d", out: 20, in: 60, groups: 4 },
  { name: "e", out: 10, in: 20, positions: 4 },
];
const connections = [
  { from: "a", to: "b" },
  { from: "b", to: "c" },
  { from: "a", to: "d", channels: [{ source: 0, target: 0, length: 24 }], via: "concat" as const },
  { from: "c", to: "d", channels: [{ source: 0, target: 24, length: 36 }], via: "concat" as const },
  { from: "d", to: "e", via: "flatten" as const },
  { from: "c", to: "c", channels: [{ source: 0, target: 0, length: 24 }], via: "recurrent" as const },
];
const models = [
  { id: "ways", synthetic: { seed: 5, layers, connections } },
  {
    id: "planted",
    synthetic: {
      seed: 6,
      layers: ["p", "q", "r", "s"].map((name) => ({ name, out: 40, in: 40 })),
      planted: [["p", "q"], ["q", "r"], ["r", "s"]].map(([from = "", to = ""]) => ({
        from,
        to,
        cosine: 0.8,
        gain: 6,
      })),
    },
  },
];

describe("a run whose overlaps are known", () => {
  const base = () => {
    const all = [...models, { id: "sparse", path: join(folder, "sparse.safetensors") }];
    return { models: all, graph: "none", kernel: "wasm", threads: 1, nullControl: 3 } as const;
  };
  const figures = async (out: string) => {
    const text = await readFile(join(out, "report.json"), "utf8");
    const { models: all } = JSON.parse(text) as { readonly models: readonly Record<string, unknown>[] };
    return all.map((model) => ({ ...model, run_id: "of another run" }));
  };

  it.each(
    [
      ["stricter", { sigma: 4 }],
      ["looser", { sigma: 2.2 }],
      ["corrected over the model", { correction: "holm", correctionOver: "model" }],
      ["weighed", { weight: "gain", correction: "none", dominant: 3 }],
      ["the strongest", { edges: { top: 40 } }],
      ["the same again", { sigma: 3 }],
    ] as const,
  )("leaves what a run from the weights leaves: %s", async (name, settings) => {
    const out = join(folder, "kept");
    const fresh = join(folder, `fresh ${name}`);
    await run({ ...base(), out, sigma: 3, edges: name === "the strongest" ? "all" : "significant" });
    const again = await run({ ...base(), ...settings, out });
    expect(again.record.counts).toMatchObject({ spectra_computed: 0, done: 3 });
    // No kernel was loaded: nothing was multiplied either.
    expect(again.record.kernel).toBeNull();
    await run({ ...base(), ...settings, out: fresh, cache: "off" });
    const rows = await rowsIn(out);
    expect(rows).toEqual(await rowsIn(fresh));
    const [, sparse = []] = Object.entries(rows).find(([path]) =>
      path.startsWith("connections/model=sparse/")
    )!;
    expect(sparse.map((row) => (JSON.parse(row) as { tests: number }).tests > 0)).toEqual([true, false]);
    expect(await figures(out)).toEqual(await figures(fresh));
  });

  it.each(
    [
      ["without a part", ({ skipped: _, ...record }: OverlapRecord) => record],
      [
        "of another graph",
        (record: OverlapRecord) => ({ ...record, graph: { ...record.graph, warnings: ["x"] } }),
      ],
      ["without a connection", ({ connections, ...record }: OverlapRecord) => ({
        ...record,
        connections: connections.slice(1),
      })],
      ["with a neuron that there is not", ({ connections, ...record }: OverlapRecord) => ({
        ...record,
        connections: connections.map((each) => ({
          ...each,
          candidates: { ...each.candidates, sourceNeuron: each.candidates.sourceNeuron.map(() => 1000) },
        })),
      })],
    ] as const,
  )("computes again where a record, whole as it is, is one %s", async (name, harm) => {
    const settings = { ...base(), models: [models[0]!], nullControl: 1 };
    const out = join(folder, `bad ${name}`);
    await run({ ...settings, out });
    const [file = ""] = await readdir(join(out, ".cache", "overlaps"));
    const path = join(out, ".cache", "overlaps", file);
    const entry = await readArchive(path) as { readonly value: OverlapRecord };
    await writeFile(path, Buffer.concat(archiveParts({ ...entry, value: harm(entry.value) })));
    const { record } = await run({ ...settings, out, sigma: 4 });
    expect(record.models).toHaveLength(1);
    const fresh = join(folder, `fresh bad ${name}`);
    await run({ ...settings, out: fresh, sigma: 4, cache: "off" });
    expect(await rowsIn(out)).toEqual(await rowsIn(fresh));
    // The bad one has made way for a good one.
    expect((await readArchive(path) as typeof entry).value).toEqual(entry.value);
  });

  it("computes again where a record is damaged, or the level was not kept", async () => {
    const out = join(folder, "damaged");
    await run({ ...base(), out });
    const records = join(out, ".cache", "overlaps");
    for (const name of await readdir(records)) {
      const bytes = await readFile(join(records, name));
      bytes[bytes.length >> 1]! ^= 1;
      await writeFile(join(records, name), bytes);
    }
    await run({ ...base(), out, sigma: 4 });
    await run({ ...base(), out, sigma: 1 });
    const fresh = join(folder, "fresh damaged");
    await run({ ...base(), out: fresh, sigma: 1, cache: "off" });
    expect(await rowsIn(out)).toEqual(await rowsIn(fresh));
  });
});
