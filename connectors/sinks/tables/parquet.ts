/** The Parquet sink: the lake. */

import type { OpenSink } from "../../../src/model/ports.ts";
import { openLake } from "../../lake/open.ts";
import type { EngineFormat } from "../../lake/table-formats/kept-formats.ts";
import { openTableSink } from "./table-sink.ts";

/** What the Parquet sink may be told beside the run. */
export interface ParquetChoices {
  /** A folder or `s3://bucket/prefix` for the tables. Default: the output folder. */
  readonly lake?: string;
  /**
   * Bytes after which a table goes on in another file. Default: 512 MiB, some ten million edges: large enough that opening files costs
   * nothing, small enough that engines share them out and an upload that failed is soon repeated.
   */
  readonly mostBytes?: number;
  /** Formats in which the lake keeps its tables from this run on, for engines that know them. A lake that has kept one goes on with it. */
  readonly tables?: readonly EngineFormat[];
}

/** A Parquet sink: `<table>/model=<id>/part-<key>.parquet` and `_manifest.json`. */
export function parquetSink({ lake, mostBytes = 512 * 2 ** 20, tables = [] }: ParquetChoices = {}): OpenSink {
  return async (run) =>
    await openTableSink(
      {
        name: "parquet",
        extension: ".parquet",
        root: ".",
        mostBytes,
        lake: true,
        keep: tables,
      },
      run,
      await openLake(lake ?? run.out),
    );
}
