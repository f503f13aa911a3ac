import { SINKS } from "../../../connectors/sinks/registry.ts";
import { comparisonContract } from "./comparison-contract.ts";
import { TOLD_BY_NODES } from "./comparison-patterns.ts";
import { sinkContract } from "./contract.ts";
import { readBack, readComparison } from "./ladybug-read-back.ts";

sinkContract("ladybug", await SINKS.ladybug(), readBack, {
  tables: ["layers", "neurons", "connections", "edges"],
  files: 1,
  nan: "null",
  // Reading rows takes 0.4 ms each on Deno.
  many: 50_000,
});

comparisonContract("ladybug", await SINKS.ladybug(), readComparison, {
  goesWithModels: true,
  without: TOLD_BY_NODES,
});
