/** What every sink that takes comparisons must do with them: the same rows out as in, each pair replaced alone. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  COMPARISON_TABLE_NAMES,
  COMPARISON_TABLES,
  type ComparisonTableName,
} from "../../../src/model/comparison-tables.ts";
import type { ComparisonBatches, ComparisonHeader } from "../../../src/model/comparison.ts";
import type { OpenSink, WrittenFile } from "../../../src/model/ports.ts";
import { batchOfRows, type Row } from "../../../src/model/tables.ts";
import { comparisonFixture, type ComparisonRows } from "./comparison-fixture.ts";
import { header, runInto, writeModel } from "./contract.ts";
import { fixture, type Tables } from "./fixture.ts";
import { filesIn, sorted } from "./left.ts";

/** Reads the rows of a comparison back, by means that share no code with the sink; no rows where there is none. */
export type ReadComparison = (
  out: string,
  base: string,
  other: string,
) => Promise<Partial<Record<ComparisonTableName, readonly Row[]>>>;

/** How sinks that take comparisons differ. */
export interface ComparisonTraits {
  /** Whether a comparison goes with the model that another takes the place of, as relations go with nodes. */
  readonly goesWithModels: boolean;
  /** Columns that are not read back. */
  readonly without: readonly string[];
}

/** A comparison's header; its key is that of the rows. */
export function comparisonHeader(base: string, other: string, seed: number): ComparisonHeader {
  const of = (id: string) => ({ id, uri: header(id).uri, content: "0".repeat(64) });
  return { base: of(base), other: of(other), key: String(seed).padEnd(64, "0") };
}

/** The same as batches. */
export function batchesOf(rows: ComparisonRows): ComparisonBatches {
  return Object.fromEntries(
    COMPARISON_TABLE_NAMES.map((table) => [table, batchOfRows(COMPARISON_TABLES[table], rows[table])]),
  ) as unknown as ComparisonBatches;
}

/** A model with the nodes that comparisons meet and no more: a server takes a transaction for each of its layers. */
function nodes(seed: number): Tables {
  const { models, layers, neurons } = fixture(seed);
  const met = ({ layer_index: at }: Row) => [0, 1, 3, 4].includes(Number(at));
  return {
    models,
    layers: layers.filter(met),
    neurons: neurons.filter(met),
    connections: [],
    edges: [],
    skipped: [],
  };
}

/** Runs the suite. */
export function comparisonContract(
  name: string,
  open: OpenSink,
  read: ReadComparison,
  { goesWithModels, without }: ComparisonTraits,
): void {
  describe(`comparisons in a sink: ${name}`, () => {
    let out = "";
    beforeEach(async () => {
      out = await mkdtemp(join(tmpdir(), `sink-compared-${name}-`));
    });
    afterEach(() => rm(out, { recursive: true, force: true }));

    const run = async (
      models: readonly (readonly [id: string, seed: number])[],
      comparisons: readonly (readonly [base: string, other: string, seed: number])[],
    ) => {
      const sink = await open(runInto(out));
      for (const [id, seed] of models) await writeModel(sink, header(id), nodes(seed));
      const files: WrittenFile[] = [];
      for (const [base, other, seed] of comparisons) {
        const rows = batchesOf(comparisonFixture(base, other, seed));
        files.push(...await sink.compare!(comparisonHeader(base, other, seed), rows));
      }
      await sink.finish();
      return files;
    };
    const kept = (row: Row) =>
      Object.fromEntries(Object.entries(row).filter(([key]) => !without.includes(key)));
    const expectRows = async (base: string, other: string, rows: ComparisonRows | null) => {
      const found = await read(out, base, other);
      for (const table of COMPARISON_TABLE_NAMES) {
        const names = COMPARISON_TABLES[table].map((column) => column.name);
        const given = (rows?.[table] ?? []).map((row) =>
          kept(Object.fromEntries(names.map((key) => [key, row[key]!])))
        );
        expect(sorted((found[table] ?? []).map(kept)), `${table} of ${base}, ${other}`).toEqual(
          sorted(given),
        );
      }
    };
    const MODELS = [["a", 1], ["b", 2], ["c'\"/\\ é", 3]] as const;
    const [[A], [B], [C]] = MODELS;

    it("gives back what it was given, and knows that it has it", async () => {
      const files = await run(MODELS, [[A, B, 1], [A, C, 2]]);
      await expectRows(A, B, comparisonFixture(A, B, 1));
      await expectRows(A, C, comparisonFixture(A, C, 2));
      await expectRows(B, A, null);
      const sink = await open(runInto(out));
      const held = (base: string, other: string, seed: number) =>
        sink.holdsComparison!(
          comparisonHeader(base, other, seed),
          files.filter(({ path }) =>
            path.includes(`model=${encodeURIComponent(other).replace("'", "%27")}/`)
          ),
        );
      expect(await held(A, C, 2)).toBe(true);
      expect(await held(A, C, 7)).toBe(false);
      expect(await held(B, A, 1)).toBe(false);
      await sink.abort();
    });

    it("replaces the comparison of a pair, and touches no other", async () => {
      await run(MODELS, [[A, B, 1], [A, C, 2]]);
      const before = (await filesIn(out)).length;
      await run([], [[A, B, 5]]);
      await expectRows(A, B, comparisonFixture(A, B, 5));
      await expectRows(A, C, comparisonFixture(A, C, 2));
      await run([], [[A, B, 5]]);
      await expectRows(A, B, comparisonFixture(A, B, 5));
      expect(await filesIn(out)).toHaveLength(before);
    });

    it(`${goesWithModels ? "loses" : "keeps"} a comparison whose model is replaced, and no other`, async () => {
      await run(MODELS, [[A, B, 1], [C, B, 2], [A, C, 3]]);
      await run([[B, 9]], []);
      await expectRows(A, B, goesWithModels ? null : comparisonFixture(A, B, 1));
      await expectRows(C, B, goesWithModels ? null : comparisonFixture(C, B, 2));
      await expectRows(A, C, comparisonFixture(A, C, 3));
      await run([[A, 9]], [[A, B, 4]]);
      await expectRows(A, B, comparisonFixture(A, B, 4));
    });

    it("takes a comparison without matches or intruders", async () => {
      const rows = { ...comparisonFixture(A, B, 1), matches: [], intruders: [] };
      const sink = await open(runInto(out));
      for (const [id, seed] of MODELS) await writeModel(sink, header(id), nodes(seed));
      await sink.compare!(comparisonHeader(A, B, 1), batchesOf(rows));
      await sink.finish();
      await expectRows(A, B, rows);
    });

    it("refuses a comparison after its end, and rows that do not fit", async () => {
      const sink = await open(runInto(out));
      const rows = batchesOf(comparisonFixture(A, B, 1));
      const wrong = { ...rows, matches: rows.intruders };
      await expect(sink.compare!(comparisonHeader(A, B, 1), wrong)).rejects.toThrow(TypeError);
      await sink.finish();
      await expect(sink.compare!(comparisonHeader(A, B, 1), rows)).rejects.toThrow(/finished/);
    });
  });
}
