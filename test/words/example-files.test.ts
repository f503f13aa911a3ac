/** The files in `examples/`. */

import { globSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunRecord } from "../../src/run/records/records.ts";
import { ROOT } from "../repo/sources.ts";
import { makeProject, ranIn } from "./project.ts";
import { parsePython } from "./python.ts";

/** As Jupyter writes it, format 4. */
interface Notebook {
  readonly nbformat: number;
  readonly nbformat_minor: number;
  readonly metadata: object;
  readonly cells: readonly {
    readonly id: string;
    readonly cell_type: "code" | "markdown";
    readonly metadata: object;
    readonly source: readonly string[];
    readonly outputs?: readonly unknown[];
    readonly execution_count?: number | null;
  }[];
}

let parent = "";
let folder = "";
let notebook: Notebook;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "svr-examples-"));
  folder = await makeProject(parent);
  notebook = JSON.parse(await readFile(join(ROOT, "examples/lake.ipynb"), "utf8")) as Notebook;
});
afterAll(() => rm(parent, { recursive: true, force: true }));

const codeOf = ({ cells }: Notebook) =>
  cells.filter(({ cell_type }) => cell_type === "code").map(({ source }) => source.join(""));

describe("the notebook", () => {
  it("is one, without answers of somebody's run", () => {
    expect([notebook.nbformat, notebook.nbformat_minor]).toEqual([4, 5]);
    expect(new Set(notebook.cells.map(({ id }) => id)).size).toBe(notebook.cells.length);
    for (const { cell_type, outputs, execution_count } of notebook.cells) {
      if (cell_type === "code") expect([outputs, execution_count]).toEqual([[], null]);
    }
  });

  it("asks what DuckDB answers, over the views that it makes", async () => {
    const [first = ""] = codeOf(notebook);
    const command = JSON.parse(/\[("npx".*), LAKE\]/.exec(first)![0].replace("LAKE", '"my-run"')) as string[];
    const duckdb = await (await DuckDBInstance.create()).connect();
    await duckdb.run(await ranIn(folder, command.join(" ")));
    const questions = codeOf(notebook).flatMap((text) =>
      [...text.matchAll(/"""([^"]+)"""/g)].map(([, sql]) => sql!)
    );
    expect(questions.length).toBeGreaterThanOrEqual(3);
    for (const sql of questions) {
      expect((await duckdb.runAndReadAll(sql)).getRows().length, sql).toBeGreaterThan(0);
    }
    duckdb.closeSync();
  });

  it("scans, in Polars, columns that the files have", async () => {
    const text = codeOf(notebook).join("\n");
    const [, pattern = ""] = /scan_parquet\(f"\{LAKE\}\/([^"]+)"/.exec(text) ?? [];
    expect(globSync(`my-run/${pattern}`, { cwd: folder }).length).toBeGreaterThan(0);
    const named = [...text.matchAll(/(?:group_by|sort|pl\.col)\(((?:"\w+"(?:, )?)+)\)/g)].flatMap((
      [, list],
    ) => JSON.parse(`[${list}]`) as string[]);
    const duckdb = await (await DuckDBInstance.create()).connect();
    const { length } = (await duckdb.runAndReadAll(
      `SELECT ${[...new Set(named)].join(", ")} FROM read_parquet('${
        join(folder, "my-run", pattern)
      }', hive_partitioning = true)`,
    )).getRows();
    expect(named.length).toBeGreaterThanOrEqual(6);
    expect(length).toBeGreaterThan(0);
    duckdb.closeSync();
  });

  it("is Python", () => {
    if (parsePython(codeOf(notebook).join("\n")) === null) console.info("not run, there is no python3");
  });
});

describe("the nightly job", () => {
  const record = async () =>
    JSON.parse(await readFile(join(folder, "nightly/run.json"), "utf8")) as RunRecord;

  it("fills the lake, does nothing twice, and says which checkpoint is broken", async () => {
    for (const name of ["nightly.sh", "nightly.yaml"]) {
      await cp(join(ROOT, "examples", name), join(folder, name));
    }
    await ranIn(folder, "./nightly.sh");
    expect((await record()).counts).toMatchObject({ done: 2, up_to_date: 0, failed: 0 });
    expect(await readFile(join(folder, "nightly.md"), "utf8")).toContain("mlp-epoch-010");
    await ranIn(folder, "./nightly.sh");
    expect((await record()).counts).toMatchObject({ done: 2, up_to_date: 2, spectra_computed: 0 });
    await writeFile(join(folder, "checkpoints/mlp-epoch-020.safetensors"), "torn");
    await expect(ranIn(folder, "./nightly.sh")).rejects.toThrow(/found 3, required 0/);
    expect((await record()).counts).toMatchObject({ done: 2, failed: 1 });
    expect(await ranIn(folder, "svr lake check lake")).toContain("2 models");
  });
});
