/** Holds a graph store open for writing, as a run does while it loads, until its standard input ends. */

import process from "node:process";
import { loadLadybug, openStore } from "../../connectors/sinks/ladybug/ladybug-store.ts";

const store = await openStore(loadLadybug(), process.argv[2] ?? "", "write");
process.stderr.write("held\n");
for await (const _ of process.stdin);
await store.close();
