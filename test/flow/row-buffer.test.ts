import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RowBuffer } from "../../src/flow/row-buffer.ts";
import {
  batchOfRows,
  type ColumnSchema,
  joinedBatches,
  type Row,
  type TableBatch,
} from "../../src/model/tables.ts";
import { rowsOf } from "../support/batch-rows.ts";

const SCHEMA: readonly ColumnSchema[] = [
  { name: "text", type: "utf8", nullable: true },
  { name: "short", type: "int32", nullable: false },
  { name: "long", type: "int64", nullable: true },
  { name: "real", type: "float64", nullable: true },
  { name: "flag", type: "bool", nullable: false },
];

const row: fc.Arbitrary<Row> = fc.record({
  text: fc.option(fc.string()),
  short: fc.integer(),
  long: fc.option(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)),
  real: fc.option(fc.double()),
  flag: fc.boolean(),
});

describe("batches that are joined", () => {
  it("are the rows of all, in their order, with and without nulls", () => {
    fc.assert(
      fc.property(fc.array(fc.array(row, { maxLength: 6 }), { minLength: 1, maxLength: 6 }), (parts) => {
        const joined = joinedBatches(SCHEMA, parts.map((rows) => batchOfRows(SCHEMA, rows)));
        expect(rowsOf(joined)).toEqual(parts.flat());
      }),
    );
  });

  it("stay as they are where there is one", () => {
    const batch = batchOfRows(SCHEMA, []);
    expect(joinedBatches(SCHEMA, [batch])).toBe(batch);
  });
});

describe("rows that are gathered", () => {
  const numbers: readonly ColumnSchema[] = [{ name: "n", type: "int32", nullable: false }];
  const batch = (first: number, rows: number): TableBatch => ({
    schema: numbers,
    rows,
    columns: [{ type: "int32", values: Int32Array.from({ length: rows }, (_, at) => first + at) }],
  });

  it("are handed on when there are many, none lost and none twice", () => {
    const gathered = new RowBuffer(numbers);
    const sizes = [1, 10, 0, 5000, 16_384, 3, 40_000, 16_000, 400, 7];
    const found: TableBatch[] = [];
    let first = 0;
    for (const size of sizes) {
      const now = gathered.add(batch(first, size));
      if (now !== null) found.push(now);
      first += size;
    }
    const rest = gathered.take();
    expect(rest?.rows).toBe(7);
    expect(gathered.take()).toBeNull();
    expect(found.map(({ rows }) => rows)).toEqual([1 + 10 + 5000 + 16_384, 3 + 40_000, 16_400]);
    const all = [...found, rest!].flatMap(({ columns }) => Array.from(columns[0]!.values as Int32Array));
    expect(all).toEqual(Array.from({ length: first }, (_, at) => at));
  });
});
