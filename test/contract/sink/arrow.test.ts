import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { tableFromIPC } from "apache-arrow";
import { SINKS } from "../../../connectors/sinks/registry.ts";
import { type Row, TABLE_NAMES, type TableName } from "../../../src/model/tables.ts";
import { isPartition, type ReadBack, sinkContract } from "./contract.ts";

const readBack: ReadBack = async (out, model) => {
  const found: Partial<Record<TableName, readonly Row[]>> = {};
  for (const table of TABLE_NAMES) {
    const folder = join(out, "arrow", table);
    if (!existsSync(folder)) continue;
    const partition = (await readdir(folder)).find((name) => isPartition(name, model));
    if (partition === undefined) continue;
    const files = await readdir(join(folder, partition));
    if (files.length !== 1) throw new Error(`${partition}: found ${files.join(", ")}, required one file`);
    found[table] = tableFromIPC(await readFile(join(folder, partition, files[0] ?? ""))).toArray()
      .map((row: { toJSON(): Row }) => row.toJSON());
  }
  return found;
};

sinkContract("arrow", await SINKS.arrow(), readBack, {
  tables: TABLE_NAMES,
  files: "one per model and table",
  nan: "kept",
  many: 300_000,
});
