/** The program `svr` of the package: the command line, where Node is new enough to load it. */

import { exit, stderr } from "node:process";
import { messageOf } from "./model/errors.ts";

try {
  await import("./required-node.ts");
} catch (failure) {
  stderr.write(`svr: ${messageOf(failure)}\n`);
  exit(1);
}
await import("./cli.ts");
