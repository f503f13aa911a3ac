import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { runConfigOf } from "../../../config/load.ts";
import type * as Registry from "../../../connectors/sources/registry.ts";
import {
  isAsOpened,
  lookedAt,
  type OpenedRecord,
  openedRecord,
} from "../../../src/run/records/opened-record.ts";
import { run } from "../../../src/run/run-pipeline.ts";
import { LAYERS, safetensors } from "../../connectors/places/collection-fixture.ts";
import { npyOf } from "../../support/npy-file.ts";
import { difference } from "../../connectors/places/tables.ts";

/** Files that were opened as models. */
const opened = vi.hoisted((): string[] => []);
vi.mock("../../../connectors/sources/registry.ts", async (original) => {
  const registry = await original<typeof Registry>();
  return {
    ...registry,
    formatOf: async (path: string, signal?: AbortSignal) => {
      opened.push(path);
      return await registry.formatOf(path, signal);
    },
  };
});

/** Milliseconds after which a change cannot hide any more. */
const SETTLED = 3100;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-opened-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function modelIn(name: string): Promise<string> {
  await mkdir(join(folder, name));
  const file = join(folder, name, "net.safetensors");
  await writeFile(file, safetensors(LAYERS));
  return file;
}

describe("an opening that is remembered", () => {
  const config = (more = {}) => runConfigOf({ models: "x.safetensors", ...more }).config;
  const plan = (file: string) => ({ file, topology: undefined });
  const recorded = async (file: string, inputs: readonly { readonly path: string }[], since: number) =>
    await openedRecord(plan(file), await lookedAt(plan(file)), inputs, config(), since);

  it("holds until a file changes, one appears, or other tensors may matter", async () => {
    const file = await modelIn("held");
    const inputs = [{ path: file }];
    expect(await recorded(file, inputs, Date.now()), "it has just changed")
      .toBeUndefined();
    await setTimeout(SETTLED);
    const record = await recorded(file, inputs, Date.now());
    expect(record?.files.map(([, content]) => content !== null)).toEqual([true, false]);
    const holds = async (planned: Parameters<typeof isAsOpened>[1] = plan(file), more = {}) =>
      await isAsOpened(record, planned, config(more));
    expect(await holds()).toBe(true);
    expect(await holds(plan(file), { sigma: 4, out: "elsewhere" })).toBe(true);
    expect(await holds(plan(file), { batchNorm: "folded" })).toBe(false);
    expect(await holds(plan(file), { unfolding: "cosvr" })).toBe(false);
    expect(await holds({ file, topology: { chain: ["layers.0", "layers.1"] } })).toBe(false);
    expect(await holds({ topology: undefined }), "to be opened in any case").toBe(false);
    expect(await holds(plan(await modelIn("other")))).toBe(false);
    expect(await isAsOpened(undefined, plan(file), config())).toBe(false);
    expect(await isAsOpened({ under: record!.under } as OpenedRecord, plan(file), config())).toBe(false);
    await writeFile(join(folder, "held", "config.json"), "{}");
    expect(await holds(), "a config has appeared").toBe(false);
    await rm(join(folder, "held", "config.json"));
    expect(await holds()).toBe(true);
    await writeFile(file, safetensors(LAYERS));
    expect(await holds(), "as it was, but written anew").toBe(false);
    await rm(file);
    expect(await holds()).toBe(false);
  });

  it("is none where a file has changed since it was opened, or cannot be found", async () => {
    const file = await modelIn("moved");
    const before = Date.now() - SETTLED;
    await setTimeout(SETTLED);
    expect(await recorded(file, [{ path: file }], before)).toBeUndefined();
    expect(await recorded(file, [{ path: file }], Date.now())).toBeDefined();
    const others = [{ path: file }, { path: join(folder, "moved", "gone.bin") }];
    expect(await recorded(file, others, Date.now())).toBeUndefined();
  });

  it("is none where the path led to another file before", async () => {
    const [file, other] = [await modelIn("one"), await modelIn("two")];
    await setTimeout(SETTLED);
    const before = await lookedAt(plan(file));
    await rename(other, file);
    await setTimeout(SETTLED);
    expect(before).not.toBeNull();
    expect(await openedRecord(plan(file), before, [{ path: file }], config(), Date.now())).toBeUndefined();
  });

  it("is not taken for that of a file with the same content and another name", async () => {
    await mkdir(join(folder, "npy"));
    const place = (name: string) => join(folder, "npy", `${name}.npy`);
    await writeFile(place("first"), npyOf(LAYERS[0]!));
    const done = async (name: string) =>
      (await run({
        ...{
          models: place(name),
          out: join(folder, "npy-out"),
          graph: "none",
          sinks: ["parquet"],
          kernel: "wasm",
        },
      })).report.models[0]!.layers.map((layer) => layer["name"]);
    expect(await done("first")).toEqual(["first"]);
    await rename(place("first"), place("second"));
    expect(await done("second")).toEqual(["second"]);
  });

  it("spares the opening in a run that tests anew, whose rows are those of any other", async () => {
    const file = await modelIn("run");
    await setTimeout(SETTLED);
    const settings = {
      models: file,
      graph: "none" as const,
      sinks: ["parquet" as const],
      edges: "all" as const,
      kernel: "wasm" as const,
    };
    const done = async (name: string, more = {}) => {
      opened.length = 0;
      const { out, record } = await run({ ...settings, ...more, out: join(folder, name) });
      return { out, counts: record.counts, opened: opened.length };
    };
    expect(await done("kept")).toMatchObject({ opened: 1, counts: { spectra_computed: 3 } });
    expect(await done("kept")).toMatchObject({ opened: 0, counts: { up_to_date: 1 } });
    // However it is called, it is the same file.
    expect(await done("kept", { models: relative(".", file) })).toMatchObject({ opened: 0 });
    const again = await done("kept", { sigma: 2.5 });
    expect(again).toMatchObject({ opened: 0, counts: { spectra_computed: 0, spectra_reused: 3 } });
    const anew = await done("anew", { sigma: 2.5 });
    expect(anew.opened).toBe(1);
    const compared = await difference(again.out, anew.out);
    expect(compared["edges"]![0]).toBeGreaterThan(0);
    for (const [table, [, lacking, additional]] of Object.entries(compared)) {
      expect([table, lacking, additional]).toEqual([table, 0, 0]);
    }
    const reportOf = async (out: string) =>
      (JSON.parse(await readFile(join(out, "report.json"), "utf8")) as { models: unknown[] }).models;
    expect(await reportOf(again.out)).toEqual(await reportOf(anew.out));
    // What is not kept has to be computed, and for that it is opened.
    expect(await done("kept", { unfolding: "cosvr" })).toMatchObject({
      opened: 1,
      counts: { spectra_computed: 3 },
    });
    await rm(join(folder, "kept", ".cache"), { recursive: true });
    expect(await done("kept", { unfolding: "cosvr", sigma: 3 })).toMatchObject({
      opened: 1,
      counts: { spectra_computed: 3 },
    });
    await writeFile(
      `${file.slice(0, -".safetensors".length)}.topology.yaml`,
      "chain: [layers.0, layers.1]\n",
    );
    expect(await done("kept")).toMatchObject({ opened: 1, counts: { connections: 1 } });
  });
});
