import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainTable } from "../../src/report/plain-table.ts";
import { wrapped } from "../../src/report/screen.ts";

const SEED = { seed: 7, numRuns: 40 };

/** A table of two columns of text and some of numbers. */
const tables = fc.integer({ min: 1, max: 8 }).chain((numbers) =>
  fc.record({
    header: fc.array(fc.stringMatching(/^[a-z]{1,9}([ -][a-z]{1,9}){0,3}$/), {
      minLength: numbers + 2,
      maxLength: numbers + 2,
    }),
    numeric: fc.constant([false, false, ...Array.from({ length: numbers }, () => true)]),
    rows: fc.array(
      fc.tuple(
        fc.tuple(fc.stringMatching(/^[a-z/.]{0,40}$/), fc.stringMatching(/^[a-z]{0,12}$/)),
        fc.array(fc.integer({ min: 0, max: 99999 }).map(String), { minLength: numbers, maxLength: numbers }),
      ).map(([text, cells]) => [...text, ...cells]),
      { minLength: 1, maxLength: 5 },
    ),
  })
);

describe("a table", () => {
  it("keeps within its width, and never cuts a number", () => {
    fc.assert(
      fc.property(tables, fc.integer({ min: 60, max: 120 }), (table, width) => {
        const lines = plainTable(table, { width }).split("\n");
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
        const rule = lines.findIndex((line) => /^-[- ]*$/.test(line));
        const shown = lines[rule]!.split("  ").length;
        table.rows.forEach((row, at) => {
          const numbers = row.slice(2, shown);
          expect(lines[rule + 1 + at]!.trim().split(/\s+/).slice(-numbers.length || Infinity)).toEqual(
            numbers,
          );
        });
        // What has no room is named.
        for (const name of table.header.slice(shown)) {
          expect(lines.slice(rule + 1 + table.rows.length).join(" ")).toContain(name);
        }
      }),
      SEED,
    );
  });

  it("that has room is as wide as its cells, with one line of headers", () => {
    const table = {
      header: ["name", "edges / chance, deep"],
      numeric: [false, true],
      rows: [["a/long/path/to/epoch-003", "1.5"]],
    };
    expect(plainTable(table).split("\n")).toEqual([
      "name                      edges / chance, deep",
      "------------------------  --------------------",
      "a/long/path/to/epoch-003                   1.5",
    ]);
    expect(plainTable(table, { width: 33 }).split("\n")).toEqual([
      "                          edges /",
      "                          chance,",
      "name                         deep",
      "------------------------  -------",
      "a/long/path/to/epoch-003      1.5",
    ]);
    // Both ends of a name tell it from others.
    expect(plainTable(table, { width: 24 })).toContain("a/long/…och-003");
  });
});

it("text is broken between words, and no word is cut", () => {
  expect(wrapped("1. three words and /a/long/path/of/its/own", 14, "   ")).toBe(
    "1. three words\n   and\n   /a/long/path/of/its/own",
  );
  expect(wrapped("any length", Infinity)).toBe("any length");
});
