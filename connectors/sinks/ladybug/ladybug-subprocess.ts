/**
 * A load of the embedded graph store in a process of its own: what the store takes of memory while it loads, and does not give back, goes
 * with that process; and where it ends its process, which it does when a disk fills in a transaction, the run goes on to say so.
 */

import type { ChildProcess } from "node:child_process";
import { moduleUrl } from "../../../src/base/module-url.ts";
import { eventsOf, sendTo, startSubprocess } from "../../../src/base/subprocess.ts";
import type { LoadPlan } from "./ladybug-contents.ts";
import type { CompleteFiles, StagedFile } from "./ladybug-load.ts";
import type { StagedTable } from "./ladybug-schema.ts";

const CHILD = moduleUrl("./ladybug-subprocess-main", import.meta.url);

/** What the process that loads is told: what to do, then which files, when it has asked. */
export type Order = { readonly plan: LoadPlan } | {
  readonly ids: readonly string[];
  readonly files: readonly (readonly [StagedTable, readonly StagedFile[]])[];
};

/** What it says. */
export type Word =
  | { readonly says: "files"; readonly nodesStand: boolean }
  | { readonly says: "done" }
  | { readonly says: "failed"; readonly message: string };

/**
 * As `makeStore`, in another process.
 *
 * @throws {Error} what went wrong there, or how that process ended; the signal's reason once it is ended
 */
export async function makeStoreInSubprocess(
  plan: LoadPlan,
  complete: CompleteFiles,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  const child = startSubprocess(CHILD);
  const stop = () => void child.kill("SIGKILL");
  signal?.addEventListener("abort", stop, { once: true });
  try {
    await conversation(child, plan, complete);
  } catch (failure) {
    signal?.throwIfAborted();
    throw failure;
  } finally {
    signal?.removeEventListener("abort", stop);
    stop();
  }
}

/** Ends when the process has, which waits for that: where it ended by itself, Deno could hear of that before it heard the last word. */
function conversation(child: ChildProcess, plan: LoadPlan, complete: CompleteFiles): Promise<void> {
  return new Promise((resolve, reject) => {
    const events = eventsOf(child);
    let end: { readonly failure: unknown } | "done" | null = null;
    const failed = (failure: unknown) => {
      end ??= { failure };
      child.kill("SIGKILL");
    };
    const tell = (order: Order) => sendTo(child, order);
    events.on("message", (word: Word) => {
      if (word.says === "done") {
        end ??= "done";
        child.kill("SIGKILL");
      } else if (word.says === "failed") failed(new Error(word.message));
      else complete(word.nodesStand).then(({ ids, files }) => tell({ ids, files: [...files] }), failed);
    });
    events.on("error", (cause: Error) => {
      end ??= { failure: cause };
      // A process that never began has no end.
      if (child.pid === undefined) reject(cause);
    });
    events.on("exit", (code: number | null, killed: string | null) => {
      if (end === "done") resolve();
      else reject(end === null ? new Error(died(killed ?? `code ${String(code)}`)) : end.failure as Error);
    });
    tell({ plan });
  });
}

const died = (how: string) =>
  `loading the graph: the process that loads it ended with ${how}, required an answer; ` +
  "the tables are complete, and the same run loads them";
