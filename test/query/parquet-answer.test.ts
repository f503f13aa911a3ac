import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { QueryAnswer } from "../../src/mod.ts";
import { formatAnswer } from "../../src/query/answer.ts";
import { answerOf } from "../../src/query/query.ts";
import { ROOT } from "../repo/sources.ts";

/** The same rows as pyarrow wrote them: `make.py` beside it. */
const GOLDEN = join(ROOT, "test/golden/files/answers/answer.parquet");

const HARD: QueryAnswer = {
  columns: ["2", "1", "whole", "flag", "text", "list", "mixed", "wide", "time", "nothing"],
  types: [null, null, "number", "boolean", "text", null, null, "integer", null, null],
  rows: [
    [
      2n ** 53n + 1n,
      NaN,
      1,
      true,
      "ü🧠\n\"'",
      [1, NaN, null],
      1,
      2n ** 63n,
      new Date("2026-01-02T03:04:05.678Z"),
      null,
    ],
    [-(2n ** 63n), -0, 2, false, "", { a: [1] }, true, 1, null, null],
    [2n ** 63n - 1n, -Infinity, null, null, null, null, null, null, null, undefined],
    [null, 5e-324, 3, true, "\0x", [], "text", -(2n ** 63n) - 1n, null, null],
    [0, null, 4, false, "a".repeat(70_000), new Map([["k", 2n ** 53n + 1n]]), 0.5, 0, null, null],
  ],
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-answer-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Writes an answer, and says how DuckDB reads it: names, types, rows. */
async function readBack(answer: QueryAnswer) {
  const path = join(folder, "answer.parquet");
  await writeFile(path, await formatAnswer(answer, "parquet"));
  return await rowsIn(path);
}

async function rowsIn(path: string) {
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  const found = await connection.runAndReadAll(`SELECT * FROM read_parquet('${path}')`);
  connection.closeSync();
  return { names: found.columnNames(), types: found.columnTypes().map(String), rows: found.getRowsJS() };
}

describe("an answer as Parquet", () => {
  it("holds what pyarrow writes of the same rows: names, types and values", async () => {
    const ours = await readBack(HARD);
    expect(ours).toEqual(await rowsIn(GOLDEN));
    expect(ours.names).toEqual(HARD.columns);
    expect(ours.types).toEqual([
      "BIGINT",
      "DOUBLE",
      "DOUBLE",
      "BOOLEAN",
      ...Array<string>(6).fill("VARCHAR"),
    ]);
    // Said once more, should both files be read wrong.
    expect(ours.rows.map(([integer]) => integer)).toEqual([
      2n ** 53n + 1n,
      -(2n ** 63n),
      2n ** 63n - 1n,
      null,
      0n,
    ]);
    expect(ours.rows.map(([, number]) => number)).toEqual([NaN, -0, -Infinity, 5e-324, null]);
  });

  it("keeps rows in order over several row groups and pages", async () => {
    const rows = Array.from({ length: 70_000 }, (_, at) => [at, at % 3 === 0 ? null : at / 7, `t${at}`]);
    const found = await readBack({ columns: ["i", "x", "t"], rows });
    expect(found.types).toEqual(["BIGINT", "DOUBLE", "VARCHAR"]);
    expect(found.rows.every(([i, x, t], at) => i === BigInt(at) && x === rows[at]?.[1] && t === `t${at}`))
      .toBe(
        true,
      );
    expect(found.rows).toHaveLength(70_000);
  });

  it("of no rows has its columns all the same", async () => {
    const found = await readBack({ columns: ["a", "b", "c"], rows: [], types: ["integer", "number", null] });
    expect(found).toEqual({ names: ["a", "b", "c"], types: ["BIGINT", "DOUBLE", "VARCHAR"], rows: [] });
  });

  it.each(
    [
      { what: "integers", values: [1, 2], declared: null, type: "BIGINT" },
      { what: "numbers that happen to be whole", values: [1, 2], declared: "number", type: "DOUBLE" },
      { what: "numbers", values: [1, 2.5], declared: null, type: "DOUBLE" },
      { what: "numbers declared integers", values: [1, 2.5], declared: "integer", type: "DOUBLE" },
      { what: "zeros of both signs", values: [0, -0], declared: null, type: "DOUBLE" },
      { what: "a number that is large", values: [1e300], declared: null, type: "DOUBLE" },
      { what: "integers, big and small", values: ["2n", 2], declared: null, type: "BIGINT" },
      {
        what: "a big integer and a fraction",
        values: ["1152921504606846976n", 0.5],
        declared: null,
        type: "VARCHAR",
      },
      { what: "truth values", values: [true, null], declared: null, type: "BOOLEAN" },
      { what: "truth values and numbers", values: [true, 1], declared: null, type: "VARCHAR" },
      { what: "digits", values: ["1", "2"], declared: null, type: "VARCHAR" },
      { what: "digits declared integers", values: ["1"], declared: "integer", type: "VARCHAR" },
      { what: "numbers declared text", values: [1], declared: "text", type: "VARCHAR" },
    ] as const,
  )("has a column of $type for $what", async ({ values, declared, type }) => {
    // Titles of tests cannot hold big integers.
    const rows = values.map((
      value,
    ) => [/^\d+n$/.test(String(value)) ? BigInt(String(value).slice(0, -1)) : value]);
    expect((await readBack({ columns: ["a"], rows, types: [declared] })).types).toEqual([type]);
  });

  it("takes any names of columns but the same twice", async () => {
    const columns = ["10", "9", "a.b,c", "__proto__", "constructor", "länge 🧠"];
    const found = await readBack({ columns, rows: [columns] });
    expect(found.names).toEqual(columns);
    expect(found.rows).toEqual([columns]);
    await expect(formatAnswer({ columns: ["a", "a"], rows: [] }, "parquet")).rejects.toThrow(
      'found two columns "a", required distinct names',
    );
  });
});

describe("svr query -o", () => {
  const options = { list: true, out: "gone", graph: "embedded", param: {} } as const;

  it("must be there for Parquet, said before any graph is opened", async () => {
    await expect(answerOf(undefined, { ...options, format: "parquet" })).rejects.toThrow(
      "svr query --format parquet: found no file to write, required -o <file>",
    );
  });

  it("writes an answer of any format whole, and says how large it is", async () => {
    const parquet = join(folder, "list.parquet");
    expect(await answerOf(undefined, { ...options, format: "parquet", output: parquet })).toMatch(
      /list\.parquet: \d+ bytes\n$/,
    );
    const { names, rows } = await rowsIn(parquet);
    expect(names).toEqual(["query", "answers", "parameters"]);
    const json = join(folder, "list.json");
    await answerOf(undefined, { ...options, format: "json", output: json });
    const listed = JSON.parse(await readFile(json, "utf8")) as { query: string; parameters: string[] }[];
    expect(rows.map(([query, , parameters]) => [query, JSON.parse(String(parameters)) as unknown])).toEqual(
      listed.map(({ query, parameters }) => [query, parameters]),
    );
    await expect(
      answerOf(undefined, { ...options, format: "json", output: join(folder, "no", "list.json") }),
    ).rejects.toThrow("cannot be written");
    expect((await readdir(folder)).filter((name) => name.endsWith(".partial"))).toEqual([]);
  });
});
