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
import { fixture } from "../contract/sink/fixture.ts";
import type { Row } from "../../src/model/tables.ts";
import { readGraph } from "./read-back.ts";
import { adminTool, startServer, type TestServer } from "./server.ts";
import { describeWithOwnServer } from "./suite.ts";

/** Ids as users have them, and as they do not. */
const MODELS = new Map([["plain", 1], ['quoted "a, b"\n🧠 `}\'', 2], ["🧠 `}'\"\n,".repeat(1000), 3]]);

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
