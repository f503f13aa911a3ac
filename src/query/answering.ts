/** What a run leaves that can be asked. */

import type { RunConfig } from "../../config/schema.ts";
import type { Answering } from "../analysis/findings/asking.ts";

/** Which of a report's queries the run of a config can answer, and under which labels. */
export function answeringOf({ graph, neo4j, sinks }: RunConfig): Answering {
  const labelPrefix = { none: null, embedded: "", neo4j: neo4j?.labelPrefix ?? "" }[graph];
  return { labelPrefix, tables: sinks.includes("parquet") };
}
