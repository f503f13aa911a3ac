/** How rows get into the embedded graph: which it keeps from an earlier run, and what a load in a process of its own does. */

import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kill, pid } from "node:process";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BatchSpool } from "../../../connectors/sinks/batch-spool.ts";
import { makeStoreInSubprocess } from "../../../connectors/sinks/ladybug/ladybug-subprocess.ts";
import { GraphFiles, StagedModel } from "../../../connectors/sinks/ladybug/ladybug-files.ts";
import type { LoadPlan } from "../../../connectors/sinks/ladybug/ladybug-contents.ts";
import { type CompleteFiles, makeStore, placeStore } from "../../../connectors/sinks/ladybug/ladybug-load.ts";
import { openLadybugReader } from "../../../connectors/readers/ladybug-reader.ts";
import { loadLadybug, openStore } from "../../../connectors/sinks/ladybug/ladybug-store.ts";
import { openLadybugSink } from "../../../connectors/sinks/ladybug/ladybug.ts";
import { graphRows } from "../../../connectors/sinks/graph-schema.ts";
import { batchOfRows, TABLE_NAMES, type TableName, TABLES } from "../../../src/model/tables.ts";
import { header, runInto, writeModel } from "./contract.ts";
import { readBack } from "./ladybug-read-back.ts";
import { fixture, type Tables } from "./fixture.ts";

let out = "";
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), "ladybug-load-"));
});
afterEach(() => rm(out, { recursive: true, force: true }));

const ENDS = ["from", "to"];

/** All that the graph says of some models, in an order of its own. */
async function graphOf(...ids: readonly string[]): Promise<readonly unknown[]> {
  const found = [];
  for (const id of ids) {
    for (const [table, rows] of Object.entries(await readBack(out, id))) {
      found.push({ id, table, rows: rows.map((row) => inspect(row, { depth: 9 })).sort() });
    }
  }
  return found;
}

async function asked(...queries: readonly string[]): Promise<readonly unknown[]> {
  const reader = await openLadybugReader(join(out, "graph.lbug"));
  try {
    const answers = [];
    for (const query of queries) answers.push((await reader.query(query, {})).rows);
    return answers;
  } finally {
    await reader.close();
  }
}

async function runOnce(...models: readonly (readonly [id: string, Tables])[]): Promise<void> {
  const sink = await openLadybugSink(runInto(out));
  for (const [id, tables] of models) await writeModel(sink, header(id), tables);
  await sink.finish();
}

/** What another `sigma` changes. */
const withOtherLinks = (tables: Tables): Tables => ({
  ...tables,
  connections: tables.connections.map((row) => ({ ...row, edges: 7n })),
  edges: tables.edges.filter((_, at) => at % 2 === 0).map((row) => ({ ...row, sigma: 1.5 })),
});

async function written(statement: string): Promise<void> {
  const store = await openStore(loadLadybug(), join(out, "graph.lbug"), "write");
  await store.run(statement);
  await store.close();
}

const TOUCH = "MATCH (n:SpectralNeuron {model: 'a'}) SET n.singular_value = 42.5";
const TOUCHED = "MATCH (n:SpectralNeuron) WHERE n.singular_value = 42.5 RETURN count(*) > 0";

describe("a graph that has the nodes of a run already", () => {
  it("keeps them, and has that run's links and its name", async () => {
    const other = withOtherLinks(fixture(5));
    await runOnce(["a", other], ["b", fixture(6)]);
    const fresh = await graphOf("a", "b", "c");
    await rm(join(out, "graph.lbug"));
    await runOnce(["b", fixture(6)], ["a", fixture(5)]);
    expect(await graphOf("a", "b", "c")).not.toEqual(fresh);
    const [before] = await asked("MATCH (m:Model) RETURN DISTINCT m.run_id");
    await runOnce(["a", other], ["b", fixture(6)]);
    expect(await graphOf("a", "b", "c")).toEqual(fresh);
    expect((await asked("MATCH (m:Model) RETURN DISTINCT m.run_id"))[0]).not.toEqual(before);
    await written(TOUCH);
    await runOnce(["a", fixture(5)], ["b", fixture(6)]);
    expect(await asked(TOUCHED), "nodes are not loaded again").toEqual([[[true]]]);
  });

  it("is not written to where a run has nothing for it", async () => {
    await runOnce(["a", fixture(5)]);
    const path = join(out, "graph.lbug");
    await utimes(path, 1, 1);
    const before = await readFile(path);
    await runOnce();
    expect((await readFile(path)).equals(before)).toBe(true);
    expect((await stat(path)).mtimeMs).toBe(1000);
  });

  it("does not grow from run to run", async () => {
    const size = async () => (await stat(join(out, "graph.lbug"))).size;
    await runOnce(["a", fixture(5)]);
    await runOnce(["a", withOtherLinks(fixture(5))]);
    const second = await size();
    for (let i = 0; i < 6; i++) await runOnce(["a", i % 2 === 0 ? fixture(5) : withOtherLinks(fixture(5))]);
    expect(await size()).toBeLessThanOrEqual(second * 1.1);
  });

  it.each(
    [
      ["they are others", "RETURN 1", [["a", fixture(8)], ["b", fixture(6)]]],
      ["some are missing", "MATCH (n:SpectralNeuron {model: 'b'}) DETACH DELETE n", [["a", fixture(5)], [
        "b",
        fixture(6),
      ]]],
      ["a model is not in the run", "RETURN 1", [["a", fixture(5)]]],
      ["a model is new", "RETURN 1", [["a", fixture(5)], ["b", fixture(6)], ["c", fixture(7)]]],
    ] as const,
  )("loads them anew where %s", async (_, harm, models) => {
    await runOnce(["a", fixture(5)], ["b", fixture(6)]);
    await written(TOUCH);
    await written(harm);
    await runOnce(...models);
    expect(await asked(TOUCHED)).toEqual([[[false]]]);
    const found = await graphOf("a", "b", "c");
    await rm(join(out, "graph.lbug"));
    const ids = new Set<string>(models.map(([id]) => id));
    await runOnce(...models, ...ids.has("b") ? [] : [["b", fixture(6)] as const]);
    expect(found).toEqual(await graphOf("a", "b", "c"));
  });

  it("takes the later rows of a model that comes again in one run", async () => {
    await runOnce(["a", fixture(5)]);
    await runOnce(["a", fixture(5)], ["a", fixture(8)]);
    const found = await graphOf("a");
    await rm(join(out, "graph.lbug"));
    await runOnce(["a", fixture(8)]);
    expect(found).toEqual(await graphOf("a"));
  });

  it("has the rows of one where a model is committed twice at a time", async () => {
    const alone: unknown[] = [];
    for (const seed of [5, 8]) {
      await rm(join(out, "graph.lbug"), { force: true });
      await runOnce(["a", fixture(seed)]);
      alone.push(await graphOf("a"));
    }
    await rm(join(out, "graph.lbug"));
    const sink = await openLadybugSink(runInto(out));
    await Promise.all([5, 8].map((seed) => writeModel(sink, header("a"), fixture(seed))));
    await sink.finish();
    expect(alone).toContainEqual(await graphOf("a"));
  });

  it("knows its nodes no longer when one model alone was replaced", async () => {
    await runOnce(["a", fixture(5)], ["b", fixture(6)]);
    await runOnce(["a", fixture(8)]);
    await runOnce(["a", fixture(5)], ["b", fixture(6)]);
    const found = await graphOf("a", "b", "c");
    await rm(join(out, "graph.lbug"));
    await runOnce(["a", fixture(5)], ["b", fixture(6)]);
    expect(found).toEqual(await graphOf("a", "b", "c"));
  });
});

it("the ids that the store puts together are those of every other way into a graph", async () => {
  const ids = ["a", "it's/$ids \\\\ [x]*", "é", "x".repeat(300)];
  await runOnce(...ids.map((id, at) => [id, fixture(5 + at)] as const));
  const columns = {
    Layer: ["id"],
    SpectralNeuron: ["id"],
    HAS_LAYER: ENDS,
    HAS_NEURON: ENDS,
    FEEDS: ENDS,
    CONNECTS: ENDS,
  };
  const names = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).sort();
  for (const [name, wanted] of Object.entries(columns)) {
    const expected = ids.flatMap((id, at) =>
      Object.entries(fixture(5 + at)).flatMap(([table, rows]) =>
        graphRows(header(id), table as TableName, batchOfRows(TABLES[table as TableName], rows))
          .filter(({ table }) => table.name === name)
          .flatMap(({ batch }) =>
            Array.from(
              { length: batch.rows },
              (_, row) => wanted.map((_, end) => batch.columns[end]!.values[row]),
            )
          )
      )
    );
    const [found] = await asked(
      wanted.length === 1 ? `MATCH (n:${name}) RETURN n.id` : `MATCH (a)-[:${name}]->(b) RETURN a.id, b.id`,
    );
    expect(expected.length, name).toBeGreaterThan(0);
    expect(names(found as unknown[]), name).toEqual(names(expected));
  }
});

describe("a load in a process of its own", () => {
  let plan: LoadPlan;
  let complete: CompleteFiles;
  let spool: BatchSpool;

  async function staged(tables: Tables): Promise<void> {
    const run = runInto(out);
    spool = new BatchSpool(join(out, "spool"));
    const model = new StagedModel(header("a"), spool, run.version);
    for (const table of TABLE_NAMES) {
      if (tables[table].length > 0) await model.write(table, batchOfRows(TABLES[table], tables[table]));
    }
    const files = new GraphFiles(join(out, "files"), run);
    await files.add(model, "nodes");
    await files.add(model, "links");
    const closed = await files.close();
    complete = () => Promise.resolve(closed);
    const rows = { layers: tables.layers.length, neurons: tables.neurons.length };
    plan = {
      path: join(out, "graph.lbug"),
      folder: join(out, "new"),
      run: run.runId,
      models: ["a"],
      nodes: model.nodes(),
      rows,
    };
    await mkdir(plan.folder);
  }

  afterEach(() => spool.remove());

  it("makes the same store", async () => {
    await staged(fixture(5));
    await makeStore(loadLadybug(), plan, complete);
    await placeStore(plan);
    const here = await graphOf("a", "b", "c");
    await rm(plan.path);
    await makeStoreInSubprocess(plan, complete);
    await placeStore(plan);
    expect(await graphOf("a", "b", "c")).toEqual(here);
  });

  it("hears its last word though this process was busy when it came", async () => {
    await staged(fixture(5));
    const made = makeStoreInSubprocess(plan, async (nodesStand) => {
      // The other process is done long before this one listens again.
      setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500), 20);
      return await complete(nodesStand);
    });
    await made;
    await placeStore(plan);
    expect((await asked("MATCH (m:Model) RETURN m.id"))[0]).toEqual([["a"]]);
  });

  it("says what went wrong there, and leaves the store as it was", async () => {
    await runOnce(["a", fixture(6)]);
    const before = await graphOf("a", "b", "c");
    const broken = fixture(5);
    await staged({ ...broken, edges: broken.edges.map((row) => ({ ...row, target_neuron: 9999 })) });
    const here = await makeStore(loadLadybug(), plan, complete).catch((failure: unknown) => failure);
    expect(here).toBeInstanceOf(Error);
    await expect(makeStoreInSubprocess(plan, complete)).rejects.toThrow((here as Error).message);
    expect(await graphOf("a", "b", "c")).toEqual(before);
  });

  it("passes on what fails here", async () => {
    await staged(fixture(5));
    const failing = () => Promise.reject(new Error("no rows"));
    await expect(makeStoreInSubprocess(plan, failing)).rejects.toThrow("no rows");
    expect(await readdir(plan.folder)).toEqual([]);
  });

  it("ends with its signal, and leaves no process", async () => {
    await staged(fixture(5));
    const stop = new AbortController();
    const stopped = makeStoreInSubprocess(plan, () => {
      stop.abort(new Error("enough"));
      return complete(false);
    }, stop.signal);
    await expect(stopped).rejects.toThrow("enough");
    expect(await children()).toEqual([]);
    await expect(makeStoreInSubprocess(plan, complete, stop.signal)).rejects.toThrow("enough");
  });

  it("says so when that process is killed", async () => {
    await staged(fixture(5));
    const killed = makeStoreInSubprocess(plan, async () => {
      for (const child of await children()) kill(child, "SIGKILL");
      return await complete(false);
    });
    await expect(killed).rejects.toThrow(/the process that loads it ended with SIGKILL, required an answer/);
  });
});

/** Processes that this one has begun and that load a graph. */
async function children(): Promise<readonly number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const read = (file: string) => readFile(`/proc/${name}/${file}`, "latin1").catch(() => "");
    const parent = /^PPid:\s*(\d+)/m.exec(await read("status"))?.[1];
    if (parent === String(pid) && (await read("cmdline")).includes("ladybug-subprocess-main")) {
      found.push(Number(name));
    }
  }
  return found;
}
