import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ascendingOrder } from "../../../../connectors/sinks/tables/row-order.ts";
import { SortedRows } from "../../../../connectors/sinks/tables/sorted-rows.ts";
import { batchOfRows, type ColumnSchema, type Row } from "../../../../src/model/tables.ts";
import { rowsOf } from "../../../support/batch-rows.ts";

const SCHEMA: readonly ColumnSchema[] = [
  { name: "a", type: "int32", nullable: false },
  { name: "b", type: "int32", nullable: false },
  { name: "x", type: "float64", nullable: true },
  { name: "n", type: "int64", nullable: false },
  { name: "flag", type: "bool", nullable: false },
];

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sorted-rows-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let spools = 0;
const spoolPath = () => join(folder, `${spools++}.spool`);

async function sorted(batches: readonly (readonly Row[])[], path = spoolPath()): Promise<Row[]> {
  const rows = new SortedRows(SCHEMA, 2, path);
  for (const batch of batches) await rows.write(batchOfRows(SCHEMA, batch));
  const found: Row[] = [];
  for await (const batch of rows.read()) found.push(...rowsOf(batch));
  await rows.remove();
  expect(existsSync(path)).toBe(false);
  return found;
}

/** By the language's own sort; each row is unique by `n`, so nothing can be lost or doubled unseen. */
const expected = (rows: readonly Row[]) =>
  [...rows].sort((p, q) => Number(p["a"]) - Number(q["a"]) || Number(p["b"]) - Number(q["b"]));

const byNumber = (rows: readonly Row[]) => [...rows].sort((p, q) => Number(p["n"]) - Number(q["n"]));

describe("rows that are sorted on disk", () => {
  const small = fc.integer({ min: -3, max: 3 });
  const key = fc.oneof(small, fc.constantFrom(2 ** 31 - 1, -(2 ** 31)));
  const row = fc.record({
    a: key,
    b: key,
    x: fc.oneof(fc.constant(null), fc.double()),
    n: fc.constant(0n),
    flag: fc.boolean(),
  });

  it("ascend by their keys and are those that came, for all batches", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(row, { maxLength: 12 }), { maxLength: 12 }), async (batches) => {
        let next = 0n;
        const numbered = batches.map((batch) => batch.map((each): Row => ({ ...each, n: next++ })));
        const found = await sorted(numbered);
        const keys = ({ a, b }: Row) => [a, b];
        expect(found.map(keys)).toEqual(expected(numbered.flat()).map(keys));
        expect(byNumber(found)).toEqual(numbered.flat());
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it("are merged over many blocks of many batches", async () => {
    let state = 1;
    const random = (below: number) => (state = state * 48271 % 2147483647) % below;
    let next = 0n;
    const batches = Array.from(
      { length: 9 },
      (_, at) =>
        Array.from({ length: 1 + random(6000) }, (): Row => ({
          a: random(3),
          b: at < 4 ? random(200) : random(10),
          x: random(5) === 0 ? null : random(1000) / 7,
          n: next++,
          flag: random(2) === 0,
        })),
    );
    const found = await sorted(batches);
    expect(found).toHaveLength(Number(next));
    expect(found.map(({ a, b }) => [a, b])).toEqual(expected(batches.flat()).map(({ a, b }) => [a, b]));
    expect(byNumber(found)).toEqual(batches.flat());
  });

  it("leave no spool where there was none", async () => {
    expect(await sorted([])).toEqual([]);
    expect(await sorted([[]])).toEqual([]);
  });

  it("are ordered by counting, however they come", () => {
    const keys = fc.array(fc.tuple(fc.nat(5), fc.integer({ min: -1000, max: 100_000 })), { maxLength: 50 });
    fc.assert(
      fc.property(keys, (rows) => {
        const columns = [0, 1].map((at) => Int32Array.from(rows, (row) => row[at]!));
        const order = ascendingOrder(columns, rows.length) ?? Uint32Array.from(rows, (_, row) => row);
        const naive = rows.map((_, row) => row).sort((p, q) =>
          rows[p]![0] - rows[q]![0] || rows[p]![1] - rows[q]![1]
        );
        expect([...order]).toEqual(naive);
      }),
      { seed: 5, numRuns: 500 },
    );
  });

  it("must have keys that are int32, and numbers only", async () => {
    const text: readonly ColumnSchema[] = [SCHEMA[0]!, { name: "t", type: "utf8", nullable: false }];
    const batch = batchOfRows(text, [{ a: 1, t: "x" }]);
    await expect(new SortedRows(text, 2, spoolPath()).write(batch)).rejects.toThrow(/key 1, required int32/);
    await expect(new SortedRows(text, 1, spoolPath()).write(batch)).rejects.toThrow(/column t: found text/);
  });
});
