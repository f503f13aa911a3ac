/** What a run leaves that can be asked. */

import type { RunConfig } from "../../config/schema.ts";
import type { QueryTargets } from "../analysis/findings/query-words.ts";

/** Which of a report's queries the run of a config can answer, and under which labels. */
export function queryTargets({ graph, neo4j, sinks }: RunConfig): QueryTargets {
  const labelPrefix = { none: null, embedded: "", neo4j: neo4j?.labelPrefix ?? "" }[graph];
  return { labelPrefix, tables: sinks.includes("parquet") };
}

/** What can be asked where two runs have left the same tables. */
export function bothTargets(now: QueryTargets, before: QueryTargets): QueryTargets {
  return { labelPrefix: now.labelPrefix ?? before.labelPrefix, tables: now.tables || before.tables };
}
