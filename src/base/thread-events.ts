/** Threads as emitters of events, which they are on Node and Deno; Deno's types do not say so. */

import type { EventEmitter } from "node:events";
import type { Worker } from "node:worker_threads";

/** A thread's events. */
export function eventsOf(thread: Worker): Pick<EventEmitter, "on" | "once"> {
  const emitter: unknown = thread;
  return emitter as EventEmitter;
}
