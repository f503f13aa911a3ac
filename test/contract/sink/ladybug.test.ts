import { SINKS } from "../../../connectors/sinks/registry.ts";
import { sinkContract } from "./contract.ts";
import { readBack } from "./ladybug-read-back.ts";

sinkContract("ladybug", await SINKS.ladybug(), readBack, {
  tables: ["layers", "neurons", "connections", "edges"],
  files: 1,
  nan: "null",
  // Reading rows takes 0.4 ms each on Deno.
  many: 50_000,
});
