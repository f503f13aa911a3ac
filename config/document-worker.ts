/** The thread in which a long document is parsed; see `readDocument`. */

import { parentPort, workerData } from "node:worker_threads";
import { parseConfigDocument, type ParsedApart } from "./document.ts";

function parsed(): ParsedApart {
  try {
    return { value: parseConfigDocument("", String(workerData)).value };
  } catch {
    return {};
  }
}

parentPort?.postMessage(parsed());
