/** The Arrow sink: IPC files with the same columns as the Parquet tables, in a tree of their own. */

import type { OpenSink } from "../../../src/model/ports.ts";
import { folderLake } from "../../lake/folder.ts";
import { openTableSink } from "./table-sink.ts";

/** Opens the Arrow sink: `arrow/<table>/model=<id>/part-<key>.arrow`. */
export const openArrowSink: OpenSink = (run) =>
  openTableSink(
    {
      name: "arrow",
      extension: ".arrow",
      root: "arrow",
      mostBytes: Infinity,
      lake: false,
    },
    run,
    folderLake(run.out),
  );
