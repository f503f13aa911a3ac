import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import neo4j from "neo4j-driver";
import { afterAll, beforeAll, expect, it } from "vitest";
import { SINKS } from "../../connectors/sinks/registry.ts";
import { encodeModelId } from "../../connectors/sinks/staging.ts";
import { type Exported, exportForNeo4jAdmin } from "../../src/run.ts";
import { header, runInto, writeModel } from "../contract/sink/contract.ts";
import { batchesOf, comparisonHeader } from "../contract/sink/comparison-contract.ts";
import { comparisonFixture } from "../contract/sink/comparison-fixture.ts";
import { TOLD_BY_NODES } from "../contract/sink/comparison-patterns.ts";
import { fixture } from "../contract/sink/fixture.ts";
import { COMPARISON_TABLE_NAMES, COMPARISON_TABLES } from "../../src/model/comparison-tables.ts";
import type { Row } from "../../src/model/tables.ts";
import { readGraph, readGraphComparison } from "./read-back.ts";
import { adminTool, startServer, type TestServer } from "./server.ts";
import { describeWithOwnServer } from "./suite.ts";

/** Ids as users have them, and as they do not. */
const MODELS = new Map([["plain", 1], ['quoted "a, b"\n🧠 `}\'', 2], ["🧠 `}'\"\n,".repeat(1000), 3]]);

/** The last one has a model without tables. */
const [PLAIN, QUOTED] = [...MODELS.keys()] as [string, string];
const COMPARED = [[PLAIN, QUOTED], [QUOTED, PLAIN], [PLAIN, "elsewhere"]] as const;

// Its database is written over while it stands still.
describeWithOwnServer("the offline import", () => {
  let folder = "";
  let runId = "";
  let exported: Exported;
  let server: TestServer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "svr-import-"));
    const run = runInto(folder);
    runId = run.runId;
    const sink = await (await SINKS.parquet())(run);
    for (const [id, seed] of MODELS) await writeModel(sink, header(id), fixture(seed));
    for (const [base, other] of COMPARED) {
      await sink.compare!(comparisonHeader(base, other, 1), batchesOf(comparisonFixture(base, other, 1)));
    }
    await sink.finish();
    exported = await exportForNeo4jAdmin(folder, { labelPrefix: "Svr" });
    server = await startServer();
    await server.kill();
    const { code, text } = await adminTool(server.home, exported.folder, [
      ...exported.arguments,
      "--overwrite-destination",
    ]);
    expect(text).toContain("IMPORT DONE");
    expect(code).toBe(0);
    await server.restart();
  });
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("holds every row, with the values and types of the tables", async () => {
    const driver = neo4j.driver(server.uri, neo4j.auth.basic(server.username, server.password), {
      useBigInt: true,
    });
    try {
      for (const [id, seed] of MODELS) {
        const found = await readGraph(driver, "Svr", id);
        const tables = fixture(seed);
        for (const table of ["layers", "neurons", "connections", "edges"] as const) {
          expect(sorted(found[table] ?? []), table).toEqual(sorted(tables[table].map(withoutNaN)));
        }
      }
      const { records } = await driver.executeQuery(
        "MATCH (m:SvrModel) RETURN m.id, m.key, m.uri, m.format, m.run_id",
      );
      expect(new Map(records.map((record) => [record.get("m.id"), [...record.values()].slice(1)]))).toEqual(
        new Map(
          [...MODELS.keys()].map((id) => [id, [encodeModelId(id), header(id).uri, "synthetic", runId]]),
        ),
      );
    } finally {
      await driver.close();
    }
  });

  it("holds comparisons whose models it has, and names the others", async () => {
    expect(exported.left).toEqual([{ base: PLAIN, other: "elsewhere" }]);
    const driver = neo4j.driver(server.uri, neo4j.auth.basic(server.username, server.password), {
      useBigInt: true,
    });
    try {
      for (const [base, other] of COMPARED.slice(0, 2)) {
        const found = await readGraphComparison(driver, "Svr", base, other);
        const rows = comparisonFixture(base, other, 1);
        for (const table of COMPARISON_TABLE_NAMES) {
          const names = COMPARISON_TABLES[table].map(({ name }) => name).filter((name) =>
            !(TOLD_BY_NODES as readonly string[]).includes(name)
          );
          const chosen = (row: Row): Row => Object.fromEntries(names.map((name) => [name, row[name]!]));
          expect(sorted((found[table] ?? []).map(chosen)), table).toEqual(sorted(rows[table].map(chosen)));
        }
      }
    } finally {
      await driver.close();
    }
  });

  it("is refused where the folder stands already, and leaves nothing of a run without tables", async () => {
    await expect(exportForNeo4jAdmin(folder)).rejects.toThrow(/found that it exists/);
    expect((await readdir(folder)).filter((name) => name.startsWith("."))).toEqual([]);
    const empty = join(folder, "nothing");
    await expect(exportForNeo4jAdmin(empty)).rejects.toThrow(/found no Parquet tables/);
    expect(existsSync(empty)).toBe(false);
  });
});

/** NaN is null in a graph. */
const withoutNaN = (row: Row): Row =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number.isNaN(value) ? null : value]));

function sorted(rows: readonly Row[]): readonly Row[] {
  const key = (row: Row) =>
    JSON.stringify(Object.values(row), (_, v: unknown) => typeof v === "bigint" ? `${v}n` : v);
  return rows.map((row) => ({ row, key: key(row) })).sort((a, b) => a.key < b.key ? -1 : 1).map(({ row }) =>
    row
  );
}
