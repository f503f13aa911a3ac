import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseByteSize } from "../../config/byte-size.ts";
import { ConfigError, parseConfigDocument, readDocument } from "../../config/document.ts";
import { nearest } from "../../config/issues.ts";
import { loadRunConfig, loadTopology, runConfigOf } from "../../config/load.ts";
import { runConfigJsonSchema, runConfigSchema } from "../../config/schema.ts";
import { topologyJsonSchema } from "../../config/topology.ts";
import { KERNEL_NAMES } from "../../src/kernels/select.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-config-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

describe("a long file, which is parsed in a thread of its own", () => {
  const models = (count: number) =>
    Array.from(
      { length: count },
      (_, at) => `  - id: m${at}\n    synthetic: { seed: ${at}, layers: [{ name: a, out: 4, in: 4 }] }\n`,
    ).join("");

  it("says the same as a short one", async () => {
    const text = `models:\n${models(900)}sigma: &s 3\nout: "null"\n`;
    const path = await file("long.yaml", text);
    expect(text.length).toBeGreaterThan(50_000);
    const document = await readDocument(path);
    const short = parseConfigDocument(path, text);
    expect(document.value).toEqual(short.value);
    for (
      const keys of [["models", 899, "synthetic", "layers", 0, "in"], ["sigma"], ["models", 3, "nothing"], []]
    ) {
      expect(document.place(keys)).toBe(short.place(keys));
    }
    const { config } = await loadRunConfig(path);
    expect(config.models).toHaveLength(900);
  });

  it.each([
    ["does not parse", "  - [\n", /long\.yaml:1803:1: Flow sequence/],
    [
      "holds what is not valid",
      "  - { id: x, synthetic: { seed: a, layers: [] } }\n",
      /long\.yaml:1802:\d+.*seed/,
    ],
    ["has an alias without an end", "  - &a [*a]\n", /alias/],
  ])("is refused with the place where it %s", async (_, last, message) => {
    const path = await file("long.yaml", `models:\n${models(900)}${last}`);
    await expect(loadRunConfig(path)).rejects.toThrow(message);
    await expect(loadRunConfig(path)).rejects.toThrow(ConfigError);
  });
});

describe("a run config", () => {
  it("fills in the defaults of the design", () => {
    expect(runConfigOf({ models: "x.safetensors" }).config).toEqual({
      models: "x.safetensors",
      series: "auto",
      out: "svr-out",
      unfolding: "svr",
      batchNorm: "raw",
      normGain: "raw",
      null: "rotation",
      correction: "bh",
      correctionOver: "connection",
      weight: "overlap",
      edges: "significant",
      nearKernel: { relative: 0.1 },
      layerMetrics: { pooled: false, permuted: false, bootstrap: 0, seed: 0, alpha: 0.001 },
      rank: "auto",
      tolerance: 1e-8,
      dominant: 1,
      nullControl: false,
      replace: false,
      nullControlSeed: 0,
      sinks: ["parquet", "arrow"],
      graph: "embedded",
      guess: true,
      infer: "auto",
      audit: false,
      strict: false,
      kernel: "auto",
      precision: "f64",
      memory: "auto",
      cache: { limit: "4GiB" },
    });
  });

  it("reads a plain null: as the setting of that name", async () => {
    const { config, baseDir } = await loadRunConfig(await file("null.yaml", "models: m\nnull: chi2\n"));
    expect(config.null).toBe("chi2");
    expect(baseDir).toBe(folder);
  });

  it("takes a cache's folder from the file and its limit from the command line", async () => {
    const path = await file("cache.yaml", "models: m\ncache: {limit: 1GiB, dir: shared}\n");
    const cache = async (given?: unknown) => (await loadRunConfig(path, { cache: given })).config.cache;
    const dir = relative(".", join(folder, "shared"));
    expect(await cache()).toEqual({ limit: "1GiB", dir });
    expect(await cache({ limit: "2GiB" })).toEqual({ limit: "2GiB", dir });
    expect(await cache("off")).toBe("off");
    await expect(cache({ limit: "much" })).rejects.toThrow(/^--cache: .*a size such as/);
  });

  it("starts all paths from the folder of the file that names them, and those of options from the working directory", async () => {
    const path = await file(
      "paths.yaml",
      "models: m\nout: ../results\nlake: lake\ncache: {dir: shared}\nneo4j: {credentials: secret}\n",
    );
    const from = (...parts: string[]) => relative(".", join(folder, ...parts));
    const { config, baseDir } = await loadRunConfig(path);
    expect(baseDir).toBe(folder);
    expect(config).toMatchObject({
      out: from("..", "results"),
      lake: from("lake"),
      cache: { dir: from("shared") },
      neo4j: { credentials: from("secret") },
    });
    const options = {
      out: "a",
      lake: "b",
      cache: { dir: "c" },
      neo4j: { credentials: "d" },
      topology: "t.yaml",
    };
    expect((await loadRunConfig(path, options)).config).toMatchObject({
      ...options,
      topology: resolve("t.yaml"),
    });
    const places = await file("places.yaml", "models: m\nout: svr-out\nlake: s3://bucket/x\n");
    expect((await loadRunConfig(places)).config).toMatchObject({
      out: from("svr-out"),
      lake: "s3://bucket/x",
    });
    // What no file names is where svr query looks for it.
    expect((await loadRunConfig(await file("plain.yaml", "models: m\n"))).config.out).toBe("svr-out");
  });

  it("lets options replace settings, and a level replace a level however it is spelled", async () => {
    const path = await file("level.yaml", "models: m\nsigma: 4\nout: there\n");
    expect((await loadRunConfig(path, { alpha: 0.01, out: "here", sinks: undefined })).config)
      .toMatchObject({ alpha: 0.01, out: "here", sinks: ["parquet", "arrow"] });
    expect((await loadRunConfig(path, { alpha: 0.01 })).config.sigma).toBeUndefined();
    await expect(loadRunConfig(path, { alpha: 0.01, sigma: 3 })).rejects.toThrow(/^--alpha: .*not both/);
    await expect(loadRunConfig(path, { dominant: 1e6 })).rejects.toThrow(
      /^--dominant: .*found 1000000, required at most 100$/,
    );
    await expect(loadRunConfig(path, { correctionOver: "layer" })).rejects.toThrow(
      /^--correction-over: .*connection, model/,
    );
  });

  it.each([
    ["models: [a, {path: b, ide: c}]", /:1:\d+: models\[1\]: found unknown key "ide", did you mean "id"\?/],
    [
      "models: {id: g, synthetic: {seed: 1, layers: [{name: a, out: 0, in: 3}]}}",
      /models\.synthetic\.layers\[0\]\.out: found 0, required at least 1/,
    ],
    ["models: m\nedges: {top: 0}", /:2:14: edges\.top: found 0, required at least 1/],
    ["models: m\nedges: {topp: 3}", /unknown key "topp", did you mean "top"/],
    ["models: m\nnearKernel: {relative: 2}", /nearKernel\.relative: found 2, required at most 1/],
    ["models: m\ndominant: 0", /:2:11: dominant: found 0, required at least 1/],
    ["models: m\ndominant: 1.5", /:2:11: dominant: found 1\.5, required an integer/],
    ["models: m\nsinks: [csv]", /sinks\[0\]: found "csv", required one of parquet, arrow/],
    ["models: []", /models: found \[\], required at least 1 entries/],
    ["out: x", /models: found nothing, required/],
    ["[1, 2]", /found \[1,2\], required settings/],
    ["", /found null, required settings/],
    ["models: m\nmodels: n", /unique/],
    ["models: !!js/function 'x'", /tag/i],
    ["models: &a [*a]", /alias/i],
    [
      "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nmodels: [*c,*c,*c,*c,*c,*c,*c,*c,*c]",
      /alias/i,
    ],
    ["__proto__: {polluted: 1}\nmodels: m", /unknown key "__proto__"/],
  ])("refuses %j with its place", async (text, says) => {
    const path = await file("bad.yaml", text);
    await expect(loadRunConfig(path)).rejects.toThrow(says);
    await expect(loadRunConfig(path)).rejects.toThrow(path);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("names a file that is missing, a folder, or too long", async () => {
    await expect(loadRunConfig(join(folder, "none.yaml"))).rejects.toThrow(/none\.yaml: found no such file/);
    await expect(loadRunConfig(folder)).rejects.toThrow(/found a folder/);
    await expect(loadRunConfig(await file("long.yaml", "#".repeat(5 * 2 ** 20)))).rejects.toThrow(
      /required at most/,
    );
  });

  it("offers the kernels that there are", () => {
    expect(runConfigSchema.shape.kernel.unwrap().options).toEqual([...KERNEL_NAMES]);
  });

  it.each([
    ["run-config", runConfigJsonSchema()],
    ["topology", topologyJsonSchema()],
  ])("has its JSON Schema committed as it is, with an address of its own: %s", async (name, schema) => {
    const committed: unknown = JSON.parse(
      await readFile(new URL(`../../config/${name}.schema.json`, import.meta.url), "utf8"),
    );
    expect(committed).toEqual(JSON.parse(JSON.stringify(schema)));
    expect(committed).toMatchObject({ $id: `urn:svrflow:schema:${name}` });
  });
});

describe("a topology file", () => {
  it("is YAML or JSON", async () => {
    const topology = {
      chain: ["a", "b"],
      connections: [{ from: "a", to: "c", channels: [{ source: 0, target: 2, length: 4 }] }],
    };
    expect(await loadTopology(await file("t.json", JSON.stringify(topology)))).toEqual(topology);
    expect(await loadTopology(await file("t.yaml", "chain: [a, b]\n"))).toEqual({ chain: ["a", "b"] });
  });

  it.each([
    ["{}", /at least one of from, chain, layers and connections/],
    ["connections: [{from: a, too: b}]", /did you mean "to"\?/],
    [
      "connections: [{from: a, to: b, channels: [{source: -1, target: 0, length: 1}]}]",
      /channels\[0\]\.source: found -1, required at least 0/,
    ],
    ["connections: [{from: a, to: b, via: magic}]", /via: found "magic", required one of direct, residual/],
  ])("refuses %j", async (text, says) => {
    await expect(loadTopology(await file("bad.topology.yaml", text))).rejects.toThrow(says);
  });
});

describe("small parts of a config", () => {
  it.each([["1B", 1], ["2GiB", 2 ** 31], ["1.5 GB", 1.5e9], ["512MiB", 2 ** 29], ["0.5kB", 500]])(
    "%s is %i bytes",
    (text, bytes) => {
      expect(parseByteSize(text)).toBe(bytes);
    },
  );

  it.each(["", "0B", "0.1B", "2", "2 gib", "-1GB", "1e3MB", "GB", "99999999999TiB", "NaNB"])(
    "%j is no size",
    (text) => {
      expect(parseByteSize(text)).toBeNull();
    },
  );

  it("finds the key that a slip of one letter meant", () => {
    const keys = ["models", "out", "unfolding", "correction", "nearKernel", "memory", "topology"];
    const slips = fc.tuple(fc.constantFrom(...keys), fc.nat(), fc.constantFrom("drop", "double", "swap"));
    fc.assert(
      fc.property(slips, ([key, at, kind]) => {
        const i = at % (key.length - 1);
        const slip = kind === "drop"
          ? key.slice(0, i) + key.slice(i + 1)
          : kind === "double"
          ? key.slice(0, i) + key[i] + key.slice(i)
          : key.slice(0, i) + key[i + 1] + key[i] + key.slice(i + 2);
        expect(nearest(slip, keys)).toBe(key);
      }),
      { seed: 7 },
    );
    expect(nearest("zzzzzz", keys)).toBeNull();
  });

  it("tells the line and column of a value", () => {
    const document = parseConfigDocument("f.yaml", "a:\n  - b: 1\n  - c: [x, y]\n");
    expect(document.place(["a", 1, "c", 1])).toBe("f.yaml:3:12");
    expect(document.place(["a", 7, "c"])).toBe("f.yaml:2:3");
    expect(document.place(["nothing"])).toBe("f.yaml:1:1");
  });
});
