import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { tableFromIPC } from "apache-arrow";
import { SINKS } from "../../../connectors/sinks/registry.ts";
import { type Row, TABLE_NAMES, type TableName } from "../../../src/model/tables.ts";
import { COMPARISON_TABLE_NAMES, type ComparisonTableName } from "../../../src/model/comparison-tables.ts";
import { comparisonContract, type ReadComparison } from "./comparison-contract.ts";
import { type ReadBack, sinkContract } from "./contract.ts";

const readBack: ReadBack = async (out, model) => {
  const found: Partial<Record<TableName, readonly Row[]>> = {};
  for (const table of TABLE_NAMES) {
    const folder = join(out, "arrow", table);
    if (!existsSync(folder)) continue;
    for (const partition of await readdir(folder)) {
      const files = await readdir(join(folder, partition));
      if (files.length !== 1) throw new Error(`${partition}: found ${files.join(", ")}, required one file`);
      const content = tableFromIPC(await readFile(join(folder, partition, files[0] ?? "")));
      const id = content.schema.metadata.get("svrflow.model");
      // A name that was cut says less than the id; the file says all.
      if (!partition.includes("~") && decodeURIComponent(partition) !== `model=${id}`) {
        throw new Error(`${partition}: found model ${id} in it`);
      }
      if (id === model) found[table] = content.toArray().map((row: { toJSON(): Row }) => row.toJSON());
    }
  }
  return found;
};

sinkContract("arrow", await SINKS.arrow(), readBack, {
  tables: TABLE_NAMES,
  files: "one per model and table",
  nan: "kept",
  sources: false,
  many: 300_000,
});

const readComparison: ReadComparison = async (out, base, other) => {
  const found: Partial<Record<ComparisonTableName, readonly Row[]>> = {};
  for (const table of COMPARISON_TABLE_NAMES) {
    const root = join(out, "arrow", table);
    // A table without rows leaves no file.
    if (!existsSync(root)) continue;
    for (const path of await readdir(root, { recursive: true })) {
      if (!path.endsWith(".arrow")) continue;
      const content = tableFromIPC(await readFile(join(root, path)));
      const said = content.schema.metadata;
      if (said.get("svrflow.model") !== other || said.get("svrflow.base") !== base) continue;
      if (found[table] !== undefined) throw new Error(`${table}: found two files of ${base} and ${other}`);
      found[table] = content.toArray().map((row: { toJSON(): Row }) => row.toJSON());
    }
  }
  return found;
};

comparisonContract("arrow", await SINKS.arrow(), readComparison, { goesWithModels: false, without: [] });
