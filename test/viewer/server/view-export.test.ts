import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openLake } from "../../../connectors/lake/open.ts";
import { exportView } from "../../../src/viewer/server/view-export.ts";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-export-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Exports a page without models. */
async function exported(to: string, text: string): Promise<number> {
  const { files } = await exportView({
    files: new Map(
      [["index.html", text], ["main.js", ""]].map((
        [name, content],
      ) => [name!, new TextEncoder().encode(content)]),
    ),
    index: {
      index: {
        name: folder,
        models: [],
        comparisons: [],
        report: false,
        queries: null,
        graph: "embedded",
        sql: null,
        weights: false,
      },
      paths: new Map(),
    },
    lake: await openLake(folder),
    report: () => Promise.resolve(null),
    ask: null,
    askTables: null,
    weights: null,
  }, to);
  return files;
}

it("replaces an earlier export", async () => {
  const to = join(folder, "new");
  expect(await exported(to, "first")).toBe(3);
  // Of a model that is not in the run any more.
  await mkdir(join(to, "tables/edges"), { recursive: true });
  await writeFile(join(to, "tables/edges/old.parquet"), "");
  expect(await exported(to, "second")).toBe(3);
  expect(await readdir(join(to, "tables/edges"))).toEqual([]);
  expect(await readFile(join(to, "index.html"), "utf8")).toBe("second");
});

it("goes on after one that was interrupted", async () => {
  const to = join(folder, "half");
  await mkdir(join(to, "tables"), { recursive: true });
  expect(await exported(to, "page")).toBe(3);
});

it("overwrites nothing of somebody else", async () => {
  const to = join(folder, "site");
  await mkdir(to);
  await writeFile(join(to, "index.html"), "mine");
  await expect(exported(to, "page")).rejects.toThrow(
    /site: found "index\.html" and no page in it, required a new or empty folder, or one of an earlier export/,
  );
  expect(await readFile(join(to, "index.html"), "utf8")).toBe("mine");
});
