import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { SINKS } from "../../../connectors/sinks/registry.ts";
import { batchOfRows, TABLE_NAMES, TABLES } from "../../../src/model/tables.ts";
import { comparisonContract } from "./comparison-contract.ts";
import { sinkContract } from "./contract.ts";
import { fixture } from "./fixture.ts";
import { readParquet, readParquetComparison } from "./parquet-read-back.ts";

sinkContract("parquet", await SINKS.parquet(), readParquet, {
  tables: TABLE_NAMES,
  files: "one per model and table",
  nan: "kept",
  many: 300_000,
});

comparisonContract("parquet", await SINKS.parquet(), readParquetComparison, {
  goesWithModels: false,
  without: [],
});

it("parquet keeps the ends of the range of int64", async () => {
  const out = await mkdtemp(join(tmpdir(), "svr-int64-"));
  try {
    const ends = [2n ** 63n - 1n, -(2n ** 63n), 0n];
    const rows = fixture(1).connections.slice(0, 3).map((row, at) => ({ ...row, tests: ends[at]! }));
    const sink = await (await SINKS.parquet())({ runId: "run", version: "0", out });
    const model = await sink.begin({ id: "m", uri: "m", format: "synthetic", key: "0".repeat(64) });
    await model.write("connections", batchOfRows(TABLES.connections, rows));
    await model.commit();
    await sink.finish();
    const { connections } = await readParquet(out, "m");
    expect(connections?.map(({ tests }) => tests)).toEqual(ends);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
});
