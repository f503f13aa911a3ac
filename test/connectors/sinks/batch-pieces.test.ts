import { describe, expect, it } from "vitest";
import { piecesOf } from "../../../connectors/sinks/batch-pieces.ts";
import type { TableBatch } from "../../../src/model/tables.ts";

describe("pieces of a batch", () => {
  it("have all rows in their order, nulls and texts too, and share no memory with it", () => {
    const rows = 150_000;
    const batch: TableBatch = {
      schema: [
        { name: "x", type: "float64", nullable: true },
        { name: "t", type: "utf8", nullable: false },
      ],
      rows,
      columns: [
        {
          type: "float64",
          values: Float64Array.from({ length: rows }, (_, i) => i / 3),
          valid: Uint8Array.from({ length: rows }, (_, i) => i % 2),
        },
        { type: "utf8", values: Array.from({ length: rows }, (_, i) => `row ${i}`) },
      ],
    };
    const pieces = [...piecesOf(batch)];
    expect(pieces.map((piece) => piece.rows)).toEqual([65_536, 65_536, 18_928]);
    for (const [at, { values, valid }] of batch.columns.entries()) {
      const parts = pieces.map(({ columns }) => columns[at]!);
      expect(parts.flatMap((part) => Array.from<unknown>(part.values))).toEqual(Array.from<unknown>(values));
      expect(parts.flatMap((part) => [...part.valid ?? []])).toEqual([...valid ?? []]);
      for (const part of parts) expect(part.values).not.toBe(values);
    }
    expect([...piecesOf({ ...batch, rows: 0 })]).toEqual([]);
  });
});
