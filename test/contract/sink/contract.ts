/** What every sink must do, whatever it writes: the same rows out as in, whole models or none, in the right order only. */

import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ModelHeader, OpenSink, RunHeader, Sink, WrittenFile } from "../../../src/model/ports.ts";
import {
  batchOfRows,
  type ColumnData,
  type Row,
  TABLE_NAMES,
  type TableName,
  TABLES,
} from "../../../src/model/tables.ts";
import { bigEdges, bigNodes, fixture, type Tables } from "./fixture.ts";
import { filesIn, sorted, type Spoil, spoilFile, WEIRD_IDS } from "./left.ts";

/** Reads a model's rows back, by means that share no code with the sink. int64 as bigint; no rows where there is no model. */
export type ReadBack = (out: string, model: string) => Promise<Partial<Record<TableName, readonly Row[]>>>;

export interface SinkTraits {
  /** Tables that the sink keeps. */
  readonly tables: readonly TableName[];
  /** Files below the output folder once the given models are committed and the sink is finished. */
  readonly files: number | "one per model and table";
  /** What becomes of NaN. */
  readonly nan: "kept" | "null";
  /** Edges of a large model. */
  readonly many: number;
  /** Whether the sink knows where its models were read from; default: yes. */
  readonly sources?: boolean;
  /** Spoils a file that the sink has written, where that is not below the output folder. */
  readonly spoil?: Spoil;
  /** Only that rows come back as they went and that a model is replaced. */
  readonly smoke?: boolean;
}

let runs = 0;

/** A header for a run into `out`, with an id of its own. */
export function runInto(out: string): RunHeader {
  return { runId: `run-${++runs}`, version: "0.0.0-test", out };
}

/** A model's header; equal keys stand for equal content. */
export function header(id: string, key = "0123456789abcdef0123456789abcdef"): ModelHeader {
  return { id, uri: `file:///models/${id}`, format: "synthetic", key };
}

/** Writes all tables of a model, each in several batches, and commits. */
export async function writeModel(
  sink: Sink,
  model: ModelHeader,
  tables: Tables,
  batchRows = 3,
): Promise<void> {
  const output = await sink.begin(model);
  for (const table of TABLE_NAMES) {
    for (let at = 0; at < tables[table].length; at += batchRows) {
      await output.write(table, batchOfRows(TABLES[table], tables[table].slice(at, at + batchRows)));
    }
  }
  await output.commit();
}

/** Runs the suite. `open` is the sink as the registry hands it out. */
export function sinkContract(name: string, open: OpenSink, readBack: ReadBack, traits: SinkTraits): void {
  describe(`sink contract: ${name}`, () => {
    let out = "";
    const spoil = traits.spoil ?? spoilFile;
    beforeEach(async () => {
      out = await mkdtemp(join(tmpdir(), `sink-${name}-`));
    });
    afterEach(() => rm(out, { recursive: true, force: true }));

    const kept = (row: Row): Row =>
      traits.nan === "kept" ? row : Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, Number.isNaN(value) ? null : value]),
      );
    const expectModel = async (id: string, tables: Tables) => {
      const found = await readBack(out, id);
      for (const table of traits.tables) {
        expect(sorted(found[table] ?? []), table).toEqual(sorted(tables[table].map(kept)));
      }
    };
    const expectNoModel = async (id: string) => {
      const found = await readBack(out, id);
      for (const table of traits.tables) expect(found[table] ?? [], table).toEqual([]);
    };
    const runOnce = async (models: readonly (readonly [ModelHeader, Tables])[]) => {
      const sink = await open(runInto(out));
      for (const [model, tables] of models) await writeModel(sink, model, tables);
      await sink.finish();
    };

    it("gives back what it was given, at hard values, and leaves nothing beside", async () => {
      await runOnce([[header("hard"), fixture(1)]]);
      await expectModel("hard", fixture(1));
      const files = await filesIn(out);
      expect(files).toHaveLength(
        traits.files === "one per model and table" ? TABLE_NAMES.length : traits.files,
      );
      expect(await readdir(out)).not.toContainEqual(expect.stringMatching(/^\./));
    });

    it("replaces a model by its newer rows and touches no other", async () => {
      await runOnce([[header("a"), fixture(5)], [header("b"), fixture(6)], [header("a-2"), fixture(7)]]);
      const before = (await filesIn(out)).length;
      await runOnce([[header("a", "fedcba9876543210fedcba9876543210"), fixture(8)]]);
      expect(await filesIn(out)).toHaveLength(before);
      await expectModel("a", fixture(8));
      await expectModel("b", fixture(6));
      await expectModel("a-2", fixture(7));
    });

    it("takes two models at a time, and knows afterwards which runs it has them from", async () => {
      const run = runInto(out);
      const sink = await open(run);
      const ids = ["left", "right", "gone"];
      const files: WrittenFile[] = [];
      // Begun together, written batch by batch in turn, committed in another order; one is given up in between.
      const models = await Promise.all(ids.map((id) => sink.begin(header(id))));
      const batches = ids.map((_, at) =>
        TABLE_NAMES.flatMap((table) =>
          Array.from({ length: Math.ceil(fixture(at)[table].length / 5) }, (_, i) =>
            [
              table,
              batchOfRows(TABLES[table], fixture(at)[table].slice(5 * i, 5 * i + 5)),
            ] as const)
        )
      );
      for (let i = 0; batches.some((each) => i < each.length); i++) {
        await Promise.all(models.map(async (model, at) => {
          const batch = batches[at]?.[i];
          if (batch !== undefined && (at < 2 || i < 9)) await model.write(...batch);
        }));
        if (i === 9) await models[2]?.abort();
      }
      await Promise.all(
        [models[1], models[0]].map(async (model) => files.push(...await model?.commit() ?? [])),
      );
      await sink.finish();
      await expectModel("left", fixture(0));
      await expectModel("right", fixture(1));
      await expectNoModel("gone");

      const next = await open(runInto(out));
      const of = (id: string) => files.filter(({ path }) => path.includes(`model=${id}/`));
      const held = async (id: string, runIds: readonly string[]) =>
        await next.holds?.({ id, runIds, files: of(id) });
      expect(await held("left", [run.runId, "another"])).toBe(true);
      expect(await held("right", ["another", run.runId])).toBe(true);
      expect(await held("gone", [run.runId])).toBe(false);
      const sources = await next.sources?.(["right", "gone", "left"]);
      expect([...sources ?? []].sort()).toEqual(
        traits.sources === false ? [] : ["left", "right"].map((id) => [id, header(id).uri]),
      );
      if (files.length === 0) expect(await held("left", ["another"])).toBe(false);
      else {
        await spoil(out, of("left")[1]?.path ?? "", "truncated");
        await spoil(out, of("right")[2]?.path ?? "", "removed");
        expect(await held("left", [run.runId])).toBe(false);
        expect(await held("right", [run.runId])).toBe(false);
      }
      await next.abort();
    });

    if (traits.smoke === true) return;

    it("takes ids that are paths, patterns, queries or words of the language for what they are", async () => {
      await runOnce(WEIRD_IDS.map((id, at) => [header(id), fixture(at)]));
      for (const [at, id] of WEIRD_IDS.entries()) await expectModel(id, fixture(at));
      const beside = (await readdir(join(out, ".."))).filter((entry) => entry.startsWith("escape"));
      expect(beside).toEqual([]);
    });

    it("takes a model without a row", async () => {
      const nothing = Object.fromEntries(TABLE_NAMES.map((table) => [table, []])) as unknown as Tables;
      await runOnce([[header("empty"), nothing], [header("full"), fixture(2)]]);
      await expectNoModel("empty");
      await expectModel("full", fixture(2));
    });

    it(`keeps all of ${traits.many} edges over many batches`, async () => {
      const sink = await open(runInto(out));
      const model = await sink.begin(header("big"));
      const { layers, neurons } = bigNodes(1000);
      await model.write("layers", batchOfRows(TABLES.layers, layers));
      await model.write("neurons", batchOfRows(TABLES.neurons, neurons));
      let first = 0;
      // The third batch fills more than a row group; one is empty.
      for (const share of [1 / traits.many, 0.23, 0.44, 0, 0.2, 1]) {
        const rows = Math.min(Math.round(share * traits.many), traits.many - first);
        await model.write("edges", bigEdges(first, rows));
        first += rows;
      }
      expect(first).toBe(traits.many);
      await model.commit();
      await sink.finish();

      const found = (await readBack(out, "big")).edges ?? [];
      expect(found).toHaveLength(traits.many);
      const seen = new Set<number>();
      let wrong = 0;
      for (const row of found) {
        const at = Number(row["source_neuron"]) * 1000 + Number(row["target_neuron"]);
        seen.add(at);
        const right = row["overlap"] === at / 300_000 && row["cosine"] === (at % 3 === 0 ? null : -at / 7) &&
          row["significant"] === (at % 5 === 0) && row["log_p"] === -at && row["weight"] === Math.sqrt(at);
        if (!right) wrong++;
      }
      expect(wrong).toBe(0);
      expect(seen.size).toBe(traits.many);
    });

    it("changes nothing when the same run is repeated", async () => {
      const models = [[header("a"), fixture(3)], [header("b"), fixture(4)]] as const;
      await runOnce(models);
      const before = await filesIn(out);
      await runOnce(models);
      await runOnce(models);
      expect(await filesIn(out)).toEqual(before);
      await expectModel("a", fixture(3));
      await expectModel("b", fixture(4));
    });

    it("lets a model be committed again in one run: the later rows stay", async () => {
      const sink = await open(runInto(out));
      await writeModel(sink, header("a"), fixture(9));
      await writeModel(sink, header("a"), fixture(10));
      await sink.finish();
      await expectModel("a", fixture(10));
    });

    it("adds models to those of earlier runs", async () => {
      await runOnce([[header("a"), fixture(11)]]);
      await runOnce([[header("b"), fixture(12)]]);
      await runOnce([[header("c"), fixture(13)]]);
      await expectModel("a", fixture(11));
      await expectModel("b", fixture(12));
      await expectModel("c", fixture(13));
    });

    it("forgets an aborted model, keeps the others, and leaves no staging behind", async () => {
      await runOnce([[header("old"), fixture(14)]]);
      const sink = await open(runInto(out));
      const aborted = await sink.begin(header("old"));
      await aborted.write("layers", batchOfRows(TABLES.layers, fixture(15).layers));
      await aborted.abort();
      await aborted.abort();
      await writeModel(sink, header("kept"), fixture(16));
      await sink.finish();
      await expectModel("old", fixture(14));
      await expectModel("kept", fixture(16));
      expect(await readdir(out)).not.toContainEqual(expect.stringMatching(/^\./));
    });

    it("leaves nothing of an aborted run that had committed nothing", async () => {
      const sink = await open(runInto(out));
      const model = await sink.begin(header("gone"));
      await model.write("layers", batchOfRows(TABLES.layers, fixture(17).layers));
      await sink.abort();
      await sink.abort();
      expect(await filesIn(out)).toEqual([]);
      expect(await readdir(out)).toEqual([]);
      await expectNoModel("gone");
    });

    it("refuses calls out of order", async () => {
      const sink = await open(runInto(out));
      const model = await sink.begin(header("a"));
      await expect(sink.finish()).rejects.toThrow(/neither committed nor aborted/);
      await model.commit();
      await expect(model.commit()).rejects.toThrow(/committed/);
      await expect(model.abort()).rejects.toThrow(/committed/);
      await expect(model.write("layers", batchOfRows(TABLES.layers, fixture(1).layers))).rejects.toThrow(
        /committed/,
      );
      const aborted = await sink.begin(header("b"));
      await aborted.abort();
      await expect(aborted.commit()).rejects.toThrow(/aborted/);
      await sink.finish();
      await expect(sink.finish()).rejects.toThrow(/finished/);
      await expect(sink.begin(header("c"))).rejects.toThrow(/finished/);
    });

    it("refuses a batch that does not fit its table", async () => {
      const sink = await open(runInto(out));
      const model = await sink.begin(header("a"));
      const good = batchOfRows(TABLES.neurons, fixture(1).neurons);
      await expect(model.write("layers", good)).rejects.toThrow(TypeError);
      await expect(model.write("neurons", { ...good, rows: good.rows + 1 })).rejects.toThrow(TypeError);
      await expect(model.write("neurons", { ...good, columns: good.columns.slice(1) })).rejects.toThrow(
        TypeError,
      );
      const nulls = good.columns.map((column): ColumnData => ({
        ...column,
        valid: new Uint8Array(good.rows),
      }));
      await expect(model.write("neurons", { ...good, columns: nulls })).rejects.toThrow(
        /column layer_index.*null/,
      );
      await model.write("layers", batchOfRows(TABLES.layers, fixture(1).layers));
      await model.abort();
      await sink.finish();
    });

    it("refuses an id without letters and one of more than 16 KiB", async () => {
      const sink = await open(runInto(out));
      await expect(sink.begin(header(""))).rejects.toThrow(RangeError);
      await expect(sink.begin(header("é".repeat(8193)))).rejects.toThrow(RangeError);
      await sink.abort();
    });

    it("fails where it cannot stage, and leaves nothing", async () => {
      const run = runInto(out);
      await writeFile(join(out, `.staging-${run.runId}`), "in the way");
      const attempt = async () => {
        const sink = await open(run);
        await writeModel(sink, header("a"), fixture(1));
        await sink.finish();
      };
      await expect(attempt()).rejects.toThrow();
      expect(await filesIn(out)).toEqual([`.staging-${run.runId}`]);
    });

    it("commits nothing after a write that failed", async () => {
      const run = runInto(out);
      const sink = await open(run);
      const model = await sink.begin(header("a"));
      // A file takes the staging folder's place, so that the next file cannot be made.
      const staging = join(out, `.staging-${run.runId}`);
      await rm(staging, { recursive: true, force: true });
      await writeFile(staging, "");
      const written = model.write("layers", batchOfRows(TABLES.layers, fixture(1).layers));
      const isKnown = await written.then(() => false, () => true);
      await expect(model.commit()).rejects.toThrow(isKnown ? /failed/ : /cannot be written/);
      await rm(staging);
      await model.abort();
      await sink.abort();
      expect(await filesIn(out)).toEqual([]);
    });
  });
}
