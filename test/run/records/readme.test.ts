import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../../../src/run.ts";
import { TABLES } from "../../../src/mod.ts";
import { parsePage } from "../../words/pages.ts";
import { commandsOf } from "../../words/shell.ts";

const LAYERS = ["a", "b", "c"].map((name) => ({ name, out: 6, in: 6 }));

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-readme-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const readme = (of: string) => readFile(join(folder, of, "README.md"), "utf8");

/** A run of one small model. */
async function runInto(
  out: string,
  settings: Partial<Parameters<typeof run>[0]> = {},
  progress?: NonNullable<Parameters<typeof run>[1]>["progress"],
) {
  const models = [{ id: "small", synthetic: { seed: 3, layers: LAYERS, planted: [] } }];
  return await run({
    models,
    out: join(folder, out),
    edges: "all",
    graph: "none",
    kernel: "reference",
    ...settings,
  }, progress === undefined ? {} : { progress });
}

/** What the DuckDB command of a README answers in its folder: model, source and target. */
async function answered(of: string): Promise<readonly unknown[][]> {
  const sql = parsePage("README.md", await readme(of)).blocks.filter(({ language }) => language === "sh")
    .flatMap(({ text }) => commandsOf(text)).filter(([program]) => program === "duckdb").map((words) =>
      words[2]!
    );
  expect(sql).toHaveLength(1);
  const duckdb = await (await DuckDBInstance.create()).connect();
  await duckdb.run(`SET file_search_path = '${join(folder, of)}'`);
  return (await duckdb.runAndReadAll(sql[0]!)).getRowsJS().map((row) => row.slice(0, 3));
}

/** The columns that it explains, as `table.column`. */
function explained(text: string): string[] {
  return text.split(/^## /m).flatMap((section) => {
    const table = section.split("\n")[0]!;
    return table in TABLES
      ? [...section.matchAll(/^\| `(\w+)` \| [^|]+ \| [^|]+ \|$/gm)].map(([, column]) => `${table}.${column}`)
      : [];
  });
}

const ALL = Object.entries(TABLES).flatMap(([table, columns]) =>
  columns.map(({ name }) => `${table}.${name}`)
);

describe("the README of an output folder", () => {
  it("says which run made it, names what lies there and nothing else, and can be followed", async () => {
    const { record } = await runInto("plain", { graph: "embedded" });
    const text = await readme("plain");
    expect(text).toContain(record.run_id);
    expect(text).toContain(record.ended);
    expect(text).toContain("with 1 model.");
    const rows = [...text.split("## How to open it")[0]!.matchAll(/^\| (`.*) \|$/gm)].map(([, row]) => row!);
    const named = rows.flatMap((row) => [...row.matchAll(/`([\w.-]+)`/g)].map(([, name]) => name!));
    const there = (await readdir(join(folder, "plain"))).filter((name) => !/^\.|^README\.md$/.test(name));
    expect(named.sort()).toEqual(there.sort());
    expect(explained(text)).toEqual(ALL);
    expect(await answered("plain")).toEqual([["small", 0, 1], ["small", 1, 2]]);
    expect(text).toContain("svr query --out . @strongest-edges");
  });

  it("names the last run, and leaves out what was not written", async () => {
    await runInto("again", { sinks: ["arrow"] });
    const { record } = await runInto("again", { sinks: ["arrow"] });
    const text = await readme("again");
    expect(text).toContain(record.run_id);
    expect(text).not.toMatch(/_manifest|graph\.lbug|duckdb|svr query/);
    expect(text).toContain('pl.read_ipc("arrow/edges/*/*.arrow"');
  });

  it("is told of where it cannot be written, and all else is there", async () => {
    await mkdir(join(folder, "blocked/README.md"), { recursive: true });
    const reasons: string[] = [];
    const lake = join(folder, "blocked-lake");
    await runInto("blocked", { lake }, (event) => {
      if (event.event === "readme-failed") reasons.push(event.reason);
    });
    expect(reasons).toEqual([expect.stringMatching(/blocked\/README\.md|EISDIR/)]);
    const there = await readdir(join(folder, "blocked"));
    expect(there).toEqual(expect.arrayContaining(["report.html", "report.json", "report.md", "run.json"]));
    expect(await readFile(join(lake, "README.md"), "utf8")).toContain("A lake");
  });

  it("does not take the place of somebody's own", async () => {
    await mkdir(join(folder, "own"));
    await writeFile(join(folder, "own", "README.md"), "# Mine\n");
    await runInto("own", { lake: join(folder, "own-lake") });
    expect(await readme("own")).toBe("# Mine\n");
    expect(await readdir(join(folder, "own"))).not.toContain(".README.md.partial");
  });
});

describe("the README of a lake", () => {
  it("is the same after every run, explains all columns, and can be followed", async () => {
    const lake = join(folder, "lake");
    await runInto("one", { lake });
    const text = await readme("lake");
    const { mtimeMs } = await stat(join(lake, "README.md"));
    const { record } = await runInto("two", { lake });
    expect(await readme("lake")).toBe(text);
    expect((await stat(join(lake, "README.md"))).mtimeMs).toBe(mtimeMs);
    expect(text).not.toContain(record.run_id);
    expect(explained(text)).toEqual(ALL);
    expect(await answered("lake")).toEqual([["small", 0, 1], ["small", 1, 2]]);
    const own = await readme("one");
    expect(own).toContain("lie in the lake");
    expect(own).not.toContain("duckdb");
    expect(existsSync(join(folder, "one", "edges"))).toBe(false);
  });
});
