import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { asyncBufferFromFile, type ParquetQueryFilter, parquetReadObjects } from "hyparquet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkLake } from "../../../connectors/lake/check.ts";
import { folderLake } from "../../../connectors/lake/folder.ts";
import type { LakePlace } from "../../../connectors/lake/place.ts";
import { parseManifest } from "../../../connectors/lake/manifest.ts";
import { parquetSink } from "../../../connectors/sinks/tables/parquet.ts";
import { readTable, storedModels } from "../../../connectors/readers/run-tables.ts";
import { batchOfRows, TABLE_NAMES, type TableName, TABLES } from "../../../src/model/tables.ts";
import { header, runInto, writeModel } from "../../contract/sink/contract.ts";
import { filesIn } from "../../contract/sink/left.ts";
import { bigEdges, fixture } from "../../contract/sink/fixture.ts";
import { thisHost } from "../../../src/base/processes.ts";

/** A lock of no process: numbers end at 2^22 on Linux. */
const DEAD = JSON.stringify({ pid: 4194999, host: thisHost(), since: "2020-01-01T00:00:00Z", process: "" });

const duckdb = await (await DuckDBInstance.create()).connect();

async function ask(sql: string): Promise<Record<string, unknown>[]> {
  return (await duckdb.runAndReadAll(sql)).getRowObjects().map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value]),
    )
  );
}

let out = "";
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), "lake-"));
});
afterEach(() => rm(out, { recursive: true, force: true }));

/** By hyparquet. */
async function readFiltered(path: string, filter: ParquetQueryFilter): Promise<object[]> {
  return await parquetReadObjects({ file: await asyncBufferFromFile(path), filter });
}

/** A model of 300,000 edges from 300 source neurons, which come target by target as the pipeline brings them. */
async function writeBig(mostBytes?: number): Promise<void> {
  const sink = await parquetSink(mostBytes === undefined ? {} : { mostBytes })(runInto(out));
  const model = await sink.begin(header("big"));
  const rows = 300_000;
  const { schema, columns } = bigEdges(0, rows);
  await model.write("models", batchOfRows(TABLES.models, fixture(1).models));
  const order = Uint32Array.from({ length: rows }, (_, at) => 1000 * (at % 300) + Math.floor(at / 300));
  const transposed = columns.map((column) => ({
    ...column,
    values: column.values.slice().map((_: unknown, at: number) => column.values[order[at]!] as never),
    ...column.valid === undefined
      ? {}
      : { valid: column.valid.map((_, at) => column.valid?.[order[at]!] ?? 1) },
  })) as typeof columns;
  await model.write("edges", { schema, rows, columns: transposed });
  // A connection that comes later and belongs before the first.
  const early = batchOfRows(TABLES.edges, [{ ...fixture(1).edges[0], source_layer: -1, target_layer: 5 }]);
  await model.write("edges", early);
  await model.commit();
  await sink.finish();
}

describe("the files of a lake", () => {
  it("hold edges by source layer and neuron, in row groups of 128 Ki whose statistics tell them apart", async () => {
    await writeBig();
    const glob = join(out, "edges/*/*.parquet");
    const [order] = await ask(
      `SELECT count(*) AS n, count(*) FILTER (k < before) AS wrong FROM (SELECT k, lag(k) OVER (ORDER BY file_row_number) AS before
       FROM (SELECT file_row_number, (source_layer, source_neuron, target_layer, target_neuron, part) AS k
       FROM read_parquet('${glob}', file_row_number = true)))`,
    );
    expect(order).toEqual({ n: 300_001, wrong: 0 });
    const groups = await ask(
      `SELECT row_group_num_rows AS rows, stats_min_value::INT AS low, stats_max_value::INT AS high, stats_null_count AS nulls
       FROM parquet_metadata('${glob}') WHERE path_in_schema = 'source_neuron' ORDER BY row_group_id`,
    );
    expect(groups).toEqual([
      { rows: 131_072, low: 0, high: 131, nulls: 0 },
      { rows: 131_072, low: 131, high: 262, nulls: 0 },
      { rows: 37_857, low: 262, high: 299, nulls: 0 },
    ]);
    // Readers prune by them: with the pages of the first two groups destroyed, the third is still read, and it alone.
    const [path] = await readdir(join(out, "edges/model=big"));
    const file = join(out, "edges/model=big", path!);
    const bytes = await readFile(file);
    const [third] = await ask(
      `SELECT min(data_page_offset) AS start FROM parquet_metadata('${glob}') WHERE row_group_id = 2`,
    );
    await writeFile(file, bytes.fill(0xff, 4, Number(third?.["start"])));
    const sum = (neuron: number) =>
      `SELECT count(*) AS n, sum(target_neuron)::INT AS t FROM '${glob}' WHERE source_neuron = ${neuron}`;
    expect(await ask(sum(290))).toEqual([{ n: 1000, t: 499_500 }]);
    await expect(ask(sum(5))).rejects.toThrow();
    const rows = (neuron: number) =>
      readFiltered(file, { source_neuron: { $eq: neuron } }).then((found) => found.length);
    expect(await rows(290)).toBe(1000);
    await expect(rows(5)).rejects.toThrow();
  });

  it("are several where a table is large, and are read back in order", async () => {
    await writeBig(2 * 2 ** 20);
    const names = await readdir(join(out, "edges/model=big"));
    expect(names.length).toBeGreaterThan(1);
    expect(names.sort()).toEqual(
      names.map((_, at) => `part-0123456789abcdef-${String(at + 1).padStart(4, "0")}.parquet`),
    );
    const [model] = await storedModels(folderLake(out));
    const neurons: number[] = [];
    for await (const batch of readTable(folderLake(out), model!, "edges")) {
      neurons.push(...batch.columns[1]!.values as Int32Array);
    }
    expect(neurons).toHaveLength(300_001);
    // The first is the early connection's.
    expect(neurons.slice(1).every((neuron, at, all) => at === 0 || all[at - 1]! <= neuron)).toBe(true);
    expect((await checkLake(folderLake(out))).defects).toEqual([]);
    // One file takes the place of several.
    await writeBig();
    expect(await readdir(join(out, "edges/model=big"))).toHaveLength(1);
    expect((await checkLake(folderLake(out))).defects).toEqual([]);
  });

  it("are named by the manifest with their rows, bytes and digests", async () => {
    const sink = await parquetSink()(runInto(out));
    for (const [at, id] of ["a/b", "c"].entries()) await writeModel(sink, header(id), fixture(at));
    await sink.finish();
    const { models } = parseManifest(await readFile(join(out, "_manifest.json"), "utf8"), "it");
    expect(models.map(({ id }) => id)).toEqual(["a/b", "c"]);
    const files = models.flatMap((model) => model.files);
    expect(files.map(({ path }) => path).sort()).toEqual(await filesIn(out));
    for (const { path, bytes, sha256, rows, table } of files) {
      expect((await stat(join(out, path))).size).toBe(bytes);
      expect(createHash("sha256").update(await readFile(join(out, path))).digest("hex")).toBe(sha256);
      const [counted] = await ask(`SELECT count(*) AS n FROM read_parquet('${join(out, path)}')`);
      expect(counted).toEqual({ n: rows });
      expect(TABLE_NAMES).toContain(table);
    }
  });

  it("are never replaced in place: a model that is written again takes other names, and the older go", async () => {
    const once = async (seed: number) => {
      const sink = await parquetSink()(runInto(out));
      await writeModel(sink, header("a"), fixture(seed));
      await sink.finish();
      return await filesIn(out);
    };
    // The table of models comes whole: its file is named by what it holds.
    const others = (paths: readonly string[]) => paths.filter((path) => !path.startsWith("models/"));
    const [first, second, third] = [await once(1), await once(2), await once(3)];
    expect(others(second).filter((path) => first.includes(path))).toEqual([]);
    expect(second).toHaveLength(first.length);
    expect(others(third)).toEqual(others(first));
    expect((await checkLake(folderLake(out))).defects).toEqual([]);
  });

  it("are left as they stand where they would be the same again, and written again where they were damaged", async () => {
    const once = async (run: string, key: string, seed: number, uri = "it") => {
      const sink = await parquetSink()({ ...runInto(out), runId: run, replace: uri !== "it" });
      const model = await sink.begin({ ...header("a"), uri, key: key.repeat(64) });
      const [{ models, layers, neurons, skipped }, { edges, connections }] = [fixture(1), fixture(seed)];
      for (const [table, rows] of Object.entries({ models, layers, neurons, skipped, edges, connections })) {
        const name = table as TableName;
        await model.write(name, batchOfRows(TABLES[name], rows));
      }
      const written = await model.commit();
      await sink.finish();
      expect((await checkLake(folderLake(out))).defects).toEqual([]);
      expect((await storedModels(folderLake(out)))[0]?.runId).toBe(run);
      expect(written.map(({ path }) => path).sort()).toEqual(await filesIn(out));
      const nodes = await Promise.all(written.map(async ({ path, table }) => {
        const { ino } = await stat(join(out, path));
        return [table, { path, ino }] as const;
      }));
      return Object.fromEntries(nodes) as Record<TableName, { readonly path: string; readonly ino: number }>;
    };
    const first = await once("r1", "1", 1);
    const second = await once("r2", "2", 2);
    for (const table of ["layers", "neurons", "skipped"] as const) {
      expect(second[table]).toEqual(first[table]);
    }
    for (const table of ["edges", "connections"] as const) {
      expect(second[table].path).not.toBe(first[table].path);
    }
    await truncate(join(out, second.neurons.path), 100);
    const third = await once("r3", "3", 2);
    expect(third.neurons.path).not.toBe(second.neurons.path);
    expect([third.layers, third.skipped, third.connections]).toEqual([
      second.layers,
      second.skipped,
      second.connections,
    ]);
    const [model] = await storedModels(folderLake(out));
    const rows: number[] = [];
    for await (const batch of readTable(folderLake(out), model!, "neurons")) rows.push(batch.rows);
    expect(rows).toEqual([fixture(1).neurons.length]);
    // The damaged file had the plain name; the one that took its place stands as well.
    expect((await once("r4", "4", 2)).neurons).toEqual(third.neurons);
    // What a file says of its model is part of what it holds.
    expect((await once("r5", "4", 2, "elsewhere")).layers.path).not.toBe(third.layers.path);
  });

  it("are not said to be damaged where they cannot be read", async () => {
    const sink = await parquetSink()(runInto(out));
    await writeModel(sink, header("a"), fixture(1));
    await sink.finish();
    const lake = folderLake(out);
    const [model] = await storedModels(lake);
    const failure = new Error("the line is down");
    let closed = 0;
    const broken: LakePlace = {
      ...lake,
      async open(path) {
        const file = (await lake.open(path))!;
        return {
          ...file,
          slice: () => Promise.reject(failure),
          async close() {
            closed++;
            await file.close();
          },
        };
      },
    };
    await expect(storedModels(broken)).rejects.toBe(failure);
    await expect(readTable(broken, model!, "edges").next()).rejects.toBe(failure);
    expect(closed).toBe(2);
    // What is damaged is.
    await truncate(join(out, model!.files!.find(({ table }) => table === "edges")!.path), 30);
    await expect(readTable(lake, model!, "edges").next()).rejects.toThrow(SyntaxError);
  });

  it("stand as they were when the manifest cannot be written, and nothing else does", async () => {
    const sink = await parquetSink()(runInto(out));
    await writeModel(sink, header("a"), fixture(1));
    const before = await filesIn(out);
    const manifest = await readFile(join(out, "_manifest.json"), "utf8");
    await writeFile(join(out, "_manifest.json"), "no manifest");
    const model = await sink.begin(header("b"));
    await expect(model.commit()).rejects.toThrow(/_manifest.json: /);
    await model.abort();
    await sink.finish();
    expect(await filesIn(out)).toEqual(before);
    await writeFile(join(out, "_manifest.json"), manifest);
    expect((await checkLake(folderLake(out))).defects).toEqual([]);
  });

  it("of models that are written side by side are all in the manifest", async () => {
    // As two processes do: each has a sink of its own, and they wait for each other only at the manifest.
    const ids = Array.from({ length: 12 }, (_, at) => `model-${at}`);
    const sinks = await Promise.all([0, 1].map(() => parquetSink()(runInto(out))));
    await Promise.all(ids.map((id, at) => writeModel(sinks[at % 2]!, header(id), fixture(at))));
    for (const sink of sinks) await sink.finish();
    const { models, defects } = await checkLake(folderLake(out));
    expect([models, defects]).toEqual([12, []]);
    expect((await readdir(out)).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("survive a process that died with the manifest's lock", async () => {
    await writeFile(join(out, "._manifest.json.lock"), DEAD);
    await writeFile(join(out, "._manifest.json.partial"), '{"manif');
    // Of many that find it, one removes it: none removes another's.
    const ids = Array.from({ length: 8 }, (_, at) => `model-${at}`);
    const sinks = await Promise.all(ids.map(() => parquetSink()(runInto(out))));
    await Promise.all(ids.map((id, at) => writeModel(sinks[at]!, header(id), fixture(at))));
    for (const sink of sinks) await sink.finish();
    const { models, defects } = await checkLake(folderLake(out));
    expect([models, defects]).toEqual([ids.length, []]);
    expect((await readdir(out)).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("survive one that died while it took the lock of a dead one over", async () => {
    const lock = join(out, "._manifest.json.lock");
    for (const path of [lock, `${lock}-next`]) await writeFile(path, DEAD);
    const sink = await parquetSink()(runInto(out));
    await writeModel(sink, header("a"), fixture(1));
    await sink.finish();
    expect((await checkLake(folderLake(out))).defects).toEqual([]);
    expect((await readdir(out)).filter((name) => name.startsWith("."))).toEqual([]);
  });
});

describe("a manifest from elsewhere", () => {
  const file = {
    path: "edges/model=a/part-0.parquet",
    table: "edges",
    rows: 1,
    bytes: 1,
    sha256: "0".repeat(64),
  };
  const model = {
    id: "a",
    uri: "",
    format: "",
    key: "",
    run_id: "",
    version: "",
    schema_version: 2,
    partition: "model=a",
    files: [file],
  };
  const text = (change: object) => JSON.stringify({ manifest_version: 1, models: [{ ...model, ...change }] });

  it("is read as it is", () => expect(parseManifest(text({}), "m").models).toEqual([model]));

  it.each([
    ["text that is no JSON", "{", /^m: /],
    [
      "another version",
      JSON.stringify({ manifest_version: 2, models: [] }),
      /manifest_version: found 2, required 1/,
    ],
    [
      "a path that leads out",
      text({ files: [{ ...file, path: "edges/model=a/../../../x.parquet" }] }),
      /file 0/,
    ],
    ["another model's path", text({ files: [{ ...file, path: "edges/model=b/part-0.parquet" }] }), /file 0/],
    ["an absolute path", text({ files: [{ ...file, path: "/etc/passwd" }] }), /file 0/],
    ["a partition that is not the id's", text({ id: "../x" }), /partition/],
    ["a negative count", text({ files: [{ ...file, rows: -1 }] }), /file 0/],
    ["a digest that is none", text({ files: [{ ...file, sha256: "x" }] }), /file 0/],
    ["a model twice", JSON.stringify({ manifest_version: 1, models: [model, model] }), /each model once/],
  ])("is refused: %s", (_, given, why) => {
    expect(() => parseManifest(given, "m")).toThrow(SyntaxError);
    expect(() => parseManifest(given, "m")).toThrow(why);
  });
});
