/** The Parquet sink: the lake. */

import type { OpenSink } from "../../src/model/ports.ts";
import { TABLES } from "../../src/model/tables.ts";
import { createParquet } from "./parquet-writer.ts";
import { openTableSink } from "./staging.ts";

/** Opens the Parquet sink: `<table>/model=<id>/part-<key>.parquet`. */
export const openParquetSink: OpenSink = (run) =>
  openTableSink({
    name: "parquet",
    extension: ".parquet",
    root: ".",
    create: (path, table, metadata) => createParquet(path, TABLES[table], metadata),
  }, run);
