import { SINKS } from "../../../connectors/sinks/registry.ts";
import { TABLE_NAMES } from "../../../src/model/tables.ts";
import { sinkContract } from "./contract.ts";
import { readParquet } from "./parquet-read-back.ts";

sinkContract("parquet", await SINKS.parquet(), readParquet, {
  tables: TABLE_NAMES,
  files: "one per model and table",
  nan: "kept",
  many: 300_000,
});
