import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { asyncBufferFromUrl, parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TABLE_NAMES } from "../../src/model/tables.ts";
import { BUCKET, copyOfLake, keysIn, type S3Server, startS3 } from "../support/s3-server.ts";
import { ROOT, svr } from "./svr.ts";

const MODELS = join(ROOT, "pipelines/models/mnist-mlp");

let server: S3Server;
let folder = "";
let local = "";
beforeAll(async () => {
  server = await startS3();
  folder = await mkdtemp(join(tmpdir(), "svr-lake-"));
  local = join(folder, "local");
  expect((await run(local, [])).code).toBe(0);
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const run = (out: string, args: readonly string[]) =>
  svr(["run", MODELS, "--out", out, "--quiet", "--graph", "none", "--edges", "top:500", ...args], {
    env: server.environment,
  });

const lake = (...args: readonly string[]) => svr(["lake", ...args], { env: server.environment });

/** What `svr lake check` finds: its exit code, and kind and path of each defect. */
async function check(place: string, ...args: readonly string[]) {
  const { code, stdout } = await lake("check", place, "--json", ...args);
  const { ok, defects, ...counts } = JSON.parse(stdout) as {
    readonly ok: boolean;
    readonly models: number;
    readonly defects: readonly { readonly kind: string; readonly path: string }[];
  };
  expect(ok).toBe(code === 0);
  return { code, found: defects.map(({ kind, path }) => [kind, path]).sort(), models: counts.models };
}

async function ask(sql: string): Promise<unknown[]> {
  const duckdb = await (await DuckDBInstance.create()).connect();
  return (await duckdb.runAndReadAll(sql)).getRowObjects();
}

const tableOf = (root: string, table: string) =>
  `(SELECT * FROM read_parquet('${root}/${table}/*/*.parquet', hive_partitioning = true))`;

describe("a lake in a bucket", () => {
  const prefix = "team a/svr";
  const place = `s3://${BUCKET}/${prefix}`;

  it("equals the local one, row for row, and leaves nothing beside", async () => {
    const out = join(folder, "to-bucket");
    expect(await run(out, ["--lake", place])).toMatchObject({ code: 0, stderr: "" });
    const copy = join(folder, "copy");
    await copyOfLake(server, prefix, copy);
    for (const table of TABLE_NAMES) {
      const [a, b] = [tableOf(local, table), tableOf(copy, table)];
      const [counts] = await ask(
        `SELECT (SELECT count(*) FROM ${a}) AS n, (SELECT count(*) FROM ${b}) AS m, ` +
          `(SELECT count(*) FROM (FROM ${a} EXCEPT ALL FROM ${b})) AS gone, ` +
          `(SELECT count(*) FROM (FROM ${b} EXCEPT ALL FROM ${a})) AS more`,
      ) as [{ n: bigint; m: bigint; gone: bigint; more: bigint }];
      expect(counts.m, table).toBe(counts.n);
      expect([counts.gone, counts.more], table).toEqual([0n, 0n]);
      expect(counts.n, table).toBeGreaterThan(0n);
    }
    // Beside the tables there are only the manifest and the README; beside the rest of the output no table.
    const keys = await keysIn(server, prefix);
    expect(
      keys.filter((key) => !/^[a-z]+\/model=[^/]+\/part-([0-9a-f]{16}|[0-9a-f]{32})\.parquet$/.test(key)),
    ).toEqual(["README.md", "_manifest.json"]);
    // A file per table, the manifest and the README.
    expect(keys).toHaveLength(4 * TABLE_NAMES.length + 2);
    expect((await readdir(out)).filter((name) => TABLE_NAMES.includes(name as never))).toEqual([]);
    expect(await check(place)).toEqual({ code: 0, found: [], models: 4 });
  });

  it("is read by hyparquet directly, over HTTP ranges", async () => {
    const key = (await keysIn(server, prefix)).find((each) => each.startsWith("edges/"))!;
    const url = `${server.endpoint}/${BUCKET}/${
      `${prefix}/${key}`.split("/").map(encodeURIComponent).join("/")
    }`;
    const signed = await server.client.getPresignedUrl("GET", `${prefix}/${key}`);
    expect(new URL(signed).host).toBe(new URL(url).host);
    const ranges: string[] = [];
    const { size } = await server.client.statObject(`${prefix}/${key}`);
    const file = await asyncBufferFromUrl({
      url: signed,
      byteLength: size,
      fetch: async (input, init) => {
        ranges.push(new Headers(init?.headers).get("range") ?? "none");
        const response = await fetch(input, init);
        expect(response.status).toBe(206);
        return response;
      },
    });
    const found = await parquetReadObjects({ file });
    expect(ranges.length).toBeGreaterThan(1);
    expect(ranges).not.toContain("none");
    const expected = await ask(
      `SELECT * FROM read_parquet('${join(local, key)}', hive_partitioning = false)`,
    );
    expect(found).toEqual(expected);
  });

  it("is drawn and exported as the local one is, by --lake", async () => {
    const out = join(folder, "to-bucket");
    const env = { env: server.environment };
    const record = async (of: string) =>
      JSON.parse(await readFile(join(of, "run.json"), "utf8")) as {
        readonly run_id: string;
        readonly models: readonly { readonly id: string }[];
      };
    const [near, far] = [await record(local), await record(out)];
    const { id } = near.models[1]!;
    const picture = async (run: string, ...args: readonly string[]) => {
      const path = join(folder, "picture.svg");
      const { code, stderr } = await svr(["plot", run, "-o", path, ...args], env);
      expect([code, stderr]).toEqual([0, ""]);
      return await readFile(path, "utf8");
    };
    const drawn = await picture(local, "--model", id);
    expect(drawn).toContain("sigma");
    expect(await picture(out, "--lake", place, "--model", id)).toBe(drawn);
    expect(await picture(out, "--lake", local, "--model", id)).toBe(drawn);
    const exported = async (run: string, to: string, runId: string, ...args: readonly string[]) => {
      const target = join(folder, to);
      const { code } = await svr(["export", "--for", "neo4j-admin", run, "--to", target, ...args], env);
      expect(code).toBe(0);
      const names = (await readdir(target)).sort();
      const texts = names.map(async (name) => {
        return [name, (await readFile(join(target, name), "utf8")).replaceAll(runId, "the run")] as const;
      });
      return await Promise.all(texts);
    };
    const local4 = await exported(local, "import-local", near.run_id);
    expect(local4.map(([, text]) => text.length).reduce((a, b) => a + b)).toBeGreaterThan(10_000);
    expect(await exported(out, "import-bucket", far.run_id, "--lake", place)).toEqual(local4);
    // Without it there is nothing to draw.
    const { code, stderr } = await svr(["plot", out, "-o", join(folder, "no.svg")], env);
    expect(code).toBe(1);
    expect(stderr).toContain(`${out}: found no Parquet tables`);
    expect(stderr).toContain("--lake");
    const other = await svr(
      ["plot", out, "-o", join(folder, "no.svg"), "--lake", place, "--model", "nobody"],
      env,
    );
    expect([other.code, other.stderr]).toEqual([2, expect.stringContaining(`found no model "nobody"`)]);
  });

  it("shows a missing, a truncated, an altered and an unknown object", async () => {
    const keys = await keysIn(server, prefix);
    const [gone, short, other] = keys.filter((key) => key.startsWith("edges/")) as [string, string, string];
    const bytes = async (key: string) => {
      const response = await server.client.getObject(`${prefix}/${key}`);
      return new Uint8Array(await response.arrayBuffer());
    };
    const kept = await Promise.all([gone, short, other].map(bytes));
    await server.client.deleteObject(`${prefix}/${gone}`);
    await server.client.putObject(`${prefix}/${short}`, kept[1]!.subarray(0, 1000));
    const altered = kept[2]!.slice();
    altered[500]! ^= 1;
    await server.client.putObject(`${prefix}/${other}`, altered);
    await server.client.putObject(`${prefix}/edges/model=x/part-0.parquet`, "PAR1");
    const broken = await check(place);
    expect(broken).toMatchObject({
      code: 1,
      found: [["altered", other], ["missing", gone], ["truncated", short], [
        "unknown",
        "edges/model=x/part-0.parquet",
      ]],
    });
    // Without digests only what its size or footer shows.
    expect((await check(place, "--quick")).found.map(([kind]) => kind)).toEqual([
      "missing",
      "truncated",
      "unknown",
    ]);
    // The same run mends what it named, model by model.
    const out = join(folder, "mended");
    await server.client.deleteObject(`${prefix}/edges/model=x/part-0.parquet`);
    expect((await run(out, ["--lake", place])).code).toBe(0);
    expect(await check(place)).toEqual({ code: 0, found: [], models: 4 });
    expect(await keysIn(server, prefix)).toHaveLength(keys.length);
  });

  it("cannot be reached: says so before anything is computed", async () => {
    const out = join(folder, "unreachable");
    const missing = await run(out, ["--lake", "s3://no-such-bucket/x"]);
    expect(missing).toMatchObject({ code: 1 });
    expect(missing.stderr).toMatch(/s3:\/\/no-such-bucket\/x\/_probe\S*: cannot be written: /);
    expect(await stat(out).catch(() => null)).toBeNull();
    const address = await run(out, ["--lake", "s3://user:secret@bucket/x"]);
    expect(address.code).toBe(2);
    expect(address.stderr).toContain("--lake: ");
    expect(address.stderr).not.toContain("secret");
    expect((await run(out, ["--lake", folder, "--sinks", "arrow"])).stderr).toContain("parquet");
  });
});

describe("a lake in a folder", () => {
  it("may lie elsewhere, takes the models of several outputs, and is not written again by a second run", async () => {
    const shared = join(folder, "shared lake");
    const [one, two] = [join(folder, "one"), join(folder, "two")];
    for (const [out, file] of [[one, "epoch-000"], [two, "epoch-010"]] as const) {
      const what = join(MODELS, `${file}.safetensors`);
      const { code } = await svr(["run", what, "--out", out, "--lake", shared, "--quiet", "--graph", "none"]);
      expect(code).toBe(0);
    }
    expect(await check(shared)).toEqual({ code: 0, found: [], models: 2 });
    const before = await readFile(join(shared, "_manifest.json"), "utf8");
    const what = join(MODELS, "epoch-000.safetensors");
    const again = await svr(["run", what, "--out", one, "--lake", shared, "--quiet", "--graph", "none"]);
    expect(again.code).toBe(0);
    expect(await readFile(join(shared, "_manifest.json"), "utf8")).toBe(before);
  });

  it("shows a missing, a truncated, an altered and an unknown file, and rows that are not as many", async () => {
    const broken = join(folder, "broken");
    expect((await run(broken, [])).code).toBe(0);
    expect(await check(broken)).toEqual({ code: 0, found: [], models: 4 });
    const files = (await readdir(join(broken, "neurons"))).sort();
    const path = async (model: string) =>
      join("neurons", model, (await readdir(join(broken, "neurons", model)))[0]!);
    const [gone, short, other] = await Promise.all(files.slice(0, 3).map(path)) as [string, string, string];
    await rm(join(broken, gone));
    await truncate(join(broken, short), 100);
    const bytes = await readFile(join(broken, other));
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(join(broken, other), bytes);
    const stray = `layers/${files[0]}/part-stray.parquet`;
    await writeFile(join(broken, stray), "PAR1");
    const manifest = join(broken, "_manifest.json");
    const text = await readFile(manifest, "utf8");
    const counted = JSON.parse(text) as {
      models: { files: { path: string; table: string; rows: number }[] }[];
    };
    const miscounted = counted.models[3]!.files.find(({ table }) => table === "connections")!;
    miscounted.rows++;
    await writeFile(manifest, JSON.stringify(counted));
    const expected = [
      ["altered", other],
      ["missing", gone],
      ["rows", miscounted.path],
      ["truncated", short],
      ["unknown", stray],
    ];
    expect(await check(broken)).toMatchObject({ code: 1, found: expected });
    // One line per defect, and one of counts.
    const { stdout, code } = await lake("check", broken);
    expect(code).toBe(1);
    expect(stdout.trimEnd().split("\n")).toHaveLength(6);
    expect(stdout).toContain(`truncated: ${short}: found 100 bytes, required `);
    expect(stdout).toMatch(/24 files.*5 defects/);
    await rm(manifest);
    expect((await check(broken)).found).toContainEqual(["no-manifest", "_manifest.json"]);
    await writeFile(manifest, "{}");
    expect(await lake("check", broken)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("_manifest.json") as string,
    });
  });
});

describe("svr lake sql", () => {
  it.each([["plain"], ["we[i]r*d? '); DROP TABLE x; --\nfolder"]])(
    "makes views in %j that DuckDB takes",
    async (name) => {
      const out = join(folder, name);
      const long = "long/".repeat(80);
      await mkdir(out, { recursive: true });
      const layers = "[{name: a, out: 8, in: 8}, {name: b, out: 8, in: 8}]";
      const models = [long, `${long}2`, "it's 模型", "007"].map((id, at) =>
        `  - {id: ${JSON.stringify(id)}, synthetic: {seed: ${at}, layers: ${layers}}}`
      );
      await writeFile(join(out, "in.yaml"), `edges: all\ngraph: none\nmodels:\n${models.join("\n")}\n`);
      expect((await svr(["run", join(out, "in.yaml"), "--out", out, "--quiet"])).code).toBe(0);
      for (const args of [[], ["--pinned"]]) {
        const { code, stdout } = await lake("sql", out, ...args);
        expect(code).toBe(0);
        const duckdb = await (await DuckDBInstance.create()).connect();
        await duckdb.run(stdout);
        const asked = async (sql: string) => (await duckdb.runAndReadAll(sql)).getRows();
        expect(await asked("SELECT DISTINCT model FROM edges ORDER BY 1")).toEqual(
          [["007"], ["it's 模型"], [long], [`${long}2`]].sort(),
        );
        // The model that a row is said to be of is that of the table of models.
        expect(await asked("SELECT count(*) FILTER (model <> id)::INT, count(*)::INT FROM models")).toEqual([[
          0,
          4,
        ]]);
        expect(await asked("SELECT count(*)::INT FROM neurons")).toEqual([[64]]);
        const plan = JSON.stringify(
          await asked(`EXPLAIN ANALYZE SELECT * FROM edges WHERE model = '${long}2'`),
        );
        expect(plan).toMatch(/Total Files Read: 1\b/);
      }
    },
  );

  it.each([[[]], [["--pinned"]]])("makes views that follow a lake that has moved: %j", async (args) => {
    const [before, after] = [join(folder, "before"), join(folder, `after${args.length}`)];
    await mkdir(before, { recursive: true });
    const layers = "[{name: a, out: 8, in: 8}, {name: b, out: 8, in: 8}]";
    await writeFile(join(before, "in.yaml"), `models: {id: m, synthetic: {seed: 1, layers: ${layers}}}\n`);
    const run = ["run", join(before, "in.yaml"), "--out", before, "--graph", "none", "--quiet"];
    expect((await svr(run)).code).toBe(0);
    const { stdout } = await lake("sql", before, ...args);
    const database = join(folder, `moved${args.length}.db`);
    const asked = async (...statements: readonly string[]) => {
      const duckdb = await (await DuckDBInstance.create(database)).connect();
      for (const each of statements.slice(0, -1)) await duckdb.run(each);
      const rows = (await duckdb.runAndReadAll(statements.at(-1)!)).getRows();
      duckdb.closeSync();
      return rows;
    };
    const count = "SELECT model, count(*)::INT FROM neurons GROUP BY ALL";
    expect(await asked(stdout, count)).toEqual([["m", 16]]);
    await rename(before, after);
    await expect(asked(count)).rejects.toThrow("No files found");
    expect(await asked(`SET VARIABLE lake = '${after}'`, count)).toEqual([["m", 16]]);
  });

  it("tells how a bucket is reached, and refuses a place without a manifest", async () => {
    const { stdout } = await lake("sql", `s3://${BUCKET}/team a/svr/`);
    expect(stdout).toContain(`getvariable('lake'), 's3://${BUCKET}/team a/svr') || '/edges/*/*.parquet'`);
    expect(stdout).toContain(`ENDPOINT '${new URL(server.endpoint).host}', URL_STYLE 'path', USE_SSL false`);
    expect(stdout).not.toContain(server.environment["AWS_SECRET_ACCESS_KEY"]!);
    const nothing = await lake("sql", folder);
    expect(nothing).toMatchObject({ code: 1, stdout: "" });
    expect(nothing.stderr).toContain(`${basename(folder)}: found no _manifest.json`);
  });
});
