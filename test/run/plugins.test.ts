import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../config/document.ts";
import { runConfigOf } from "../../config/load.ts";
import { pluginSink } from "../../connectors/sinks/plugin-sink.ts";
import { SINKS } from "../../connectors/sinks/registry.ts";
import type { Model, ModelSink, PluginFormat, PluginSink, Sink, TensorInfo } from "../../src/mod.ts";
import type { WrittenFile } from "../../src/model/ports.ts";
import { loadPlugins } from "../../src/run/plugins.ts";
import { run } from "../../src/run/run-pipeline.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-plugins-"));
  await writeFile(join(folder, "net.sines"), "8 6 5");
  // Beside it, so that the model is taken for one of a hub, and copied.
  await writeFile(join(folder, "config.json"), "{}");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Two layers of sines; a file says how wide they are. With methods on prototypes, as classes have them. */
class Sines implements Model {
  readonly metadata = new Map<string, string>();
  readonly format = "something else";
  readonly tensors: readonly TensorInfo[];
  readonly id: string;
  readonly uri: string;

  constructor(uri: string, id: string, widths: readonly number[]) {
    this.id = id;
    this.uri = uri;
    this.tensors = widths.slice(1).map((width, at) => {
      const shape = [width, widths[at]!];
      return { name: `layer${at}.weight`, dtype: "F64", shape, byteLength: 8 * width * widths[at]! };
    });
  }

  read(name: string): Promise<Float64Array> {
    const length = this.tensors.find((tensor) => tensor.name === name)!.byteLength / 8;
    return Promise.resolve(Float64Array.from({ length }, (_, at) => Math.sin(at * at + length)));
  }

  inputs() {
    return Promise.resolve([{ path: this.uri, bytes: 5, sha256: "5".repeat(64) }]);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

class SinesFormat implements PluginFormat {
  readonly name = "sines";
  readonly version: string;
  readonly extensions = [".sines"];
  readonly #open: (path: string, id: string, widths: readonly number[]) => unknown;

  constructor(version = "1", open: SinesFormat["make"] = (...args) => new Sines(...args)) {
    this.version = version;
    this.#open = open;
  }

  make(path: string, id: string, widths: readonly number[]): unknown {
    return this.#open(path, id, widths);
  }

  async open(path: string, id: string): Promise<Model> {
    const text = await readFile(path, "utf8");
    return this.make(path, id, text.split(" ").map(Number)) as Model;
  }
}

/** Counts rows of tables. */
class Counting implements PluginSink {
  readonly name = "counting";
  readonly rows: Record<string, number> = {};
  readonly files: unknown;

  constructor(files: unknown = []) {
    this.files = files;
  }

  open(): Promise<Sink> {
    const model: ModelSink = {
      write: (table, batch) => {
        this.rows[table] = (this.rows[table] ?? 0) + batch.rows;
        return Promise.resolve();
      },
      commit: () => Promise.resolve(this.files as WrittenFile[]),
      abort: () => Promise.resolve(),
    };
    const done = () => Promise.resolve();
    return Promise.resolve({ name: "any", begin: () => Promise.resolve(model), finish: done, abort: done });
  }
}

const base = (out: string) => ({
  models: join(folder, "net.sines"),
  graph: "none" as const,
  out: join(folder, out),
});

describe("run() with formats and sinks", () => {
  it("reads with the one and writes to the other, beside what it has by itself", async () => {
    const counting = new Counting();
    const settings = { ...base("own"), formats: [new SinesFormat()], sinks: ["arrow" as const, counting] };
    const { report, record } = await run(settings);
    expect(report.models[0]?.rows).toMatchObject({ layers: 2, neurons: 11 });
    expect(counting.rows).toMatchObject({ layers: 2, neurons: 11, connections: 1, models: 1 });
    expect(await readdir(join(folder, "own"))).toEqual(expect.arrayContaining(["arrow"]));
    expect(await readdir(join(folder, "own"))).not.toContain("edges");
    expect(record.plugins).toEqual([{ module: "code", formats: ["sines 1"], sinks: ["counting"] }]);
    expect(record.config.sinks).toEqual(["arrow"]);
  });

  it("reports a model whose files are a plugin's, after a run over others too", async () => {
    const formats = [new SinesFormat()];
    const file = (path: string) => ({ path, table: "edges", rows: 1, bytes: 1, sha256: "0".repeat(64) });
    for (const [out, own, lake] of [["csv", [], undefined], ["lake", ["parquet"], "its-lake"]] as const) {
      const settings = { ...base(out), formats, ...lake === undefined ? {} : { lake: join(folder, lake) } };
      const counting = new Counting([file("counting/x.csv"), file("counting/x.parquet")]);
      await run({ ...settings, sinks: [...own, counting] });
      const layers = [{ name: "a", out: 4, in: 4 }];
      const { report } = await run({
        ...settings,
        models: { id: "other", synthetic: { seed: 1, layers } },
        sinks: own,
      });
      expect(report.models.map(({ id }) => id)).toEqual(["net", "other"]);
    }
  });

  it("knows which version has read a model", async () => {
    const key = async (version: string) => {
      const { record } = await run({ ...base("versions"), formats: [new SinesFormat(version)] });
      return [record.models[0]?.key, record.counts.up_to_date];
    };
    const [first] = await key("1");
    expect(await key("1")).toEqual([first, 1]);
    const [second, done] = await key("2");
    expect(done).toBe(0);
    expect(second).not.toBe(first);
  });

  it("tells which networks a file holds, and what is amiss with it", async () => {
    const format = new SinesFormat("1", (...args) =>
      Object.assign(new Sines(...args), {
        networks: ["layer0.", "layer1."],
        moduleOrder: true,
        warnings: ["one of its files is torn"],
      }));
    const { report } = await run({ ...base("facts"), formats: [format] });
    expect(report.models[0]?.rows).toMatchObject({ layers: 2, connections: 0 });
    expect(report.models[0]?.warnings).toContain("one of its files is torn");
  });

  it.each([
    ["is no model", () => null, "format sines of a plugin: read: found none, required a function"],
    [
      "has tensors without a shape",
      (...args: ConstructorParameters<typeof Sines>) =>
        Object.assign(new Sines(...args), { tensors: [{ name: "a", dtype: "F64", byteLength: 8 }] }),
      'tensors[0]: found {"name":"a","dtype":"F64","byteLength":8}, required name, dtype, shape',
    ],
    [
      "gives too few numbers",
      (...args: ConstructorParameters<typeof Sines>) =>
        Object.assign(new Sines(...args), { read: () => Promise.resolve(new Float64Array(3)) }),
      'read("layer0.weight"): found 3 numbers, required a Float64Array of 48',
    ],
    [
      "warns in no words",
      (...args: ConstructorParameters<typeof Sines>) =>
        Object.assign(new Sines(...args), { warnings: "one" }),
      'warnings: found "one", required an array of texts, or none',
    ],
    [
      "has no digest of its file",
      (...args: ConstructorParameters<typeof Sines>) =>
        Object.assign(new Sines(...args), { inputs: () => Promise.resolve([]) }),
      "inputs(): found [], required the files behind the model, at least one",
    ],
  ])("refuses what %s, with the file's name", async (_, make, message) => {
    const running = run({ ...base("wrong"), formats: [new SinesFormat("1", make)] });
    const failure = await running.catch((thrown: unknown) => thrown);
    expect(String(failure)).toContain(message);
    expect(String(failure)).toContain("net.sines");
  });

  const fine = { path: "counting/x.csv", table: "edges", rows: 1, bytes: 1, sha256: "0f".repeat(32) };
  it.each([
    [[{ ...fine, path: "edges/x.csv" }]],
    [[{ ...fine, path: "counting/../edges/x.csv" }]],
    [[{ ...fine, path: "counting/..\\edges\\x.csv" }]],
    [[{ ...fine, path: "counting/" }]],
    [[{ ...fine, table: "tables" }]],
    [[{ ...fine, rows: -1 }]],
    [[{ ...fine, bytes: 0.5 }]],
    [[{ ...fine, sha256: "" }]],
    [[fine, fine]],
  ])("refuses files of a sink that are none of its own, and leaves nothing: %j", async (files) => {
    const sinks = ["parquet" as const, new Counting(files)];
    const running = run({ ...base("elsewhere"), formats: [new SinesFormat()], sinks });
    await expect(running).rejects.toThrow("counting sink: commit(): found");
    // What was computed is kept for the next try; no table is.
    expect(await readdir(join(folder, "elsewhere"))).toEqual([".cache"]);
  });

  it("refuses what a sink says of models that is no answer, with its name", async () => {
    const sink = new Counting();
    const opened = await sink.open();
    for (const answer of [undefined, "yes", 1, { a: "b" }, new Map([["a", 1]])]) {
      const given = () => Promise.resolve(answer as never);
      const plugin = {
        name: sink.name,
        open: () => Promise.resolve({ ...opened, holds: given, sources: given }),
      };
      const guarded = await pluginSink(plugin)({ runId: "r", version: "1", out: folder });
      const model = { id: "net", runIds: [], files: [] };
      await expect(guarded.holds!(model)).rejects.toThrow(
        /^counting sink: holds\(\): found .* required true or false$/,
      );
      await expect(guarded.sources!(["net"])).rejects.toThrow(
        /^counting sink: sources\(\): found .* a Map of texts/,
      );
    }
  });
});

describe("modules", () => {
  it.each([
    [
      "is not there",
      "./gone.ts",
      null,
      /plugin .*gone\.ts: found that it does not load \(ENOENT: no such file/,
    ],
    ["is the runtime's", "fs", null, /plugin fs: found no such package .*\(a module of the runtime\)/],
    ["is a folder", "./folder", null, /plugin .*folder: found that it does not load/],
    [
      "does not parse",
      "./unparsed.mjs",
      "export const formats = [;",
      /unparsed\.mjs: found that it does not load/,
    ],
    [
      "throws",
      "./thrown.mjs",
      "throw new Error('no licence')",
      /thrown\.mjs: .*does not load \(no licence\)/,
    ],
    [
      "exports something else",
      "./else.mjs",
      "export const format = 1;",
      /else\.mjs: found exports format, required formats \(an array of \{name, version, extensions, open\}\) or sinks/,
    ],
    ["exports nothing", "./nothing.mjs", "const format = 1;", /found exports of nothing, required formats/],
    [
      "has a format without a version",
      "./unversioned.mjs",
      'export const formats = [{ name: "x", extensions: [".x"], open() {} }];',
      /unversioned\.mjs: formats\[0\]\.version: found nothing, required a value of type string/,
    ],
    [
      "has a sink that cannot be opened",
      "./unopened.mjs",
      'export const sinks = [{ name: "mine", open: 1 }];',
      /unopened\.mjs: sinks\[0\]\.open: found 1, required a function/,
    ],
    [
      "has two sinks of one name",
      "./twins.mjs",
      'export const sinks = [{ name: "mine", open() {} }, { name: "mine", open() {} }];',
      /found a sink named "mine", which another plugin has, required a name of its own/,
    ],
    [
      "has an extension of ours",
      "./ours.mjs",
      'export const formats = [{ name: "x", version: "1", extensions: [".pt"], open() {} }];',
      /format x: found extension \.pt, which another format has/,
    ],
    [
      "is no package",
      "no-such-package",
      null,
      /plugin no-such-package: found no such package .*\.\/no-such-package/,
    ],
  ])("are refused where one %s", async (_, module, text, message) => {
    await mkdir(join(folder, "folder"), { recursive: true });
    if (text !== null) await writeFile(join(folder, module), text);
    const { config } = runConfigOf({ models: "x", plugins: [module] });
    const loading = loadPlugins({ config, baseDir: folder });
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toThrow(ConfigError);
  });

  it.each([...Object.keys(SINKS), "edges", "models"])(
    "are refused where a sink is called %s",
    async (name) => {
      const sinks = [{ name, open: () => Promise.reject(new Error("never")) }];
      await expect(loadPlugins(runConfigOf({ models: "x" }), { sinks })).rejects.toThrow(
        `plugin code: found a sink named "${name}", which svrflow has`,
      );
    },
  );

  it.each(["https://example.org/x.js", "data:text/javascript,1", "node:fs", "file:///x.js", ""])(
    "are files and packages only: %j",
    (module) => {
      expect(() => runConfigOf({ models: "x", plugins: [module] })).toThrow(/--plugin: plugins\[0\]: found/);
    },
  );
});
