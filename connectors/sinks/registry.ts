/** The sinks by name. A new sink is one file and one line here. */

import type { OpenSink } from "../../src/model/ports.ts";

export type SinkName = "parquet" | "arrow" | "ladybug";

/** Loads a sink when it is first asked for: none pays for another's libraries. */
export const SINKS: Readonly<Record<SinkName, () => Promise<OpenSink>>> = {
  parquet: async () => (await import("./parquet.ts")).openParquetSink,
  arrow: async () => (await import("./arrow.ts")).openArrowSink,
  ladybug: async () => (await import("./ladybug.ts")).openLadybugSink,
};
