/** The sinks by name. A new sink is one file and one line here. */

import type { OpenSink } from "../../src/model/ports.ts";
import type { Neo4jChoices } from "./neo4j/neo4j-settings.ts";
import { inOrder } from "./order.ts";
import type { ParquetChoices } from "./tables/parquet.ts";

/** The sinks that there are. */
export type SinkName = "parquet" | "arrow" | "ladybug" | "neo4j";

/** What sinks may be told beside the run; each looks at its own. */
export interface SinkChoices {
  readonly neo4j?: Neo4jChoices;
  readonly parquet?: ParquetChoices;
}

/**
 * Loads a sink when it is first asked for: none pays for another's libraries. Every sink is guarded: calls out of order
 * and batches of another shape are refused, whatever the sink itself would do with them.
 *
 * @example
 * import { SINKS, VERSION } from "svrflow";
 *
 * const open = await SINKS.parquet({ parquet: { lake: "my-lake" } });
 * const sink = await open({ runId: "run-1", version: VERSION, out: "my-run" });
 * console.log(sink.name); // parquet
 * await sink.abort();
 */
export const SINKS: Readonly<Record<SinkName, (choices?: SinkChoices) => Promise<OpenSink>>> = {
  parquet: async (choices) => guarded((await import("./tables/parquet.ts")).parquetSink(choices?.parquet)),
  arrow: async () => guarded((await import("./tables/arrow.ts")).openArrowSink),
  ladybug: async () => guarded((await import("./ladybug/ladybug.ts")).openLadybugSink),
  neo4j: async (choices) => guarded((await import("./neo4j/neo4j.ts")).neo4jSink(choices?.neo4j)),
};

function guarded(open: OpenSink): OpenSink {
  return async (run) => inOrder(await open(run));
}
