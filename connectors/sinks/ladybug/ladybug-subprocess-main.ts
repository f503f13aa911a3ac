/** The process in which a large load is done; see `ladybug-subprocess.ts`. */

import { once } from "node:events";
import process from "node:process";
import { messageOf } from "../../../src/model/errors.ts";
import type { Order, Word } from "./ladybug-subprocess.ts";
import { makeStore, type StagedFiles } from "./ladybug-load.ts";
import { loadLadybug } from "./ladybug-store.ts";

// Without the run there is nobody to put the store in its place; its lock must not outlive the run.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
// Ctrl-C reaches every process of a terminal: the run ends this one in its own time.
process.on("SIGINT", () => undefined);

const say = (word: Word) =>
  new Promise<void>((resolve) => process.send?.(word, undefined, undefined, () => resolve()));

/** The next order. */
async function heard(): Promise<Order> {
  const [order] = await once(process, "message") as [Order];
  return order;
}

async function complete(nodesStand: boolean): Promise<StagedFiles> {
  const answer = heard();
  await say({ says: "files", nodesStand });
  const order = await answer;
  return "files" in order ? { ids: order.ids, files: new Map(order.files) } : { ids: [], files: new Map() };
}

const order = await heard();
if ("plan" in order) {
  try {
    await makeStore(loadLadybug(), order.plan, complete);
    await say({ says: "done" });
  } catch (failure) {
    await say({ says: "failed", message: messageOf(failure) });
  }
}
// Until the run has heard that, and ends it.
setInterval(() => undefined, 60_000);
