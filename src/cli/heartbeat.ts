/** Long work is never silent: while the main thread computes and can say nothing, another thread says that it does. */

import type { WriteStream } from "node:tty";
import { Worker } from "node:worker_threads";
import { BEGINNING, type RunStatus } from "../run/progress/progress-line.ts";
import { humanProgress, jsonProgress, type Progress } from "../run/progress/progress.ts";
import { moduleUrl } from "../base/module-url.ts";
import { eventsOf } from "../base/thread-events.ts";

/** What the heartbeat's thread is told. */
export interface HeartbeatPlan {
  readonly fd: number;
  readonly kind: "json" | "terminal" | "log";
  /** Milliseconds without a word after which the thread speaks. */
  readonly silence: number;
  readonly columns: number;
  /** When something was said last, by whom ever: milliseconds of the clock, shared. */
  readonly said: BigInt64Array;
}

/** Together with the thread's own interval this stays under two seconds. */
const SILENCE_MS = { json: 1300, terminal: 1000, log: 1700 } as const;

const WORKER = moduleUrl("./heartbeat-worker", import.meta.url);

/** Progress that never pauses for more than two seconds, whatever the main thread does. */
export interface Heartbeat {
  readonly progress: Progress;
  /** Ends the thread, and clears what it drew. */
  stop(): Promise<void>;
}

/**
 * Begins to report on a stream: JSON lines, on a terminal a line that is drawn again and again, in a log a line whenever nothing else
 * was said.
 *
 * @param stream has a file descriptor, to which the thread writes whole lines
 */
export function startHeartbeat(
  stream: Pick<WriteStream, "write"> & Partial<Pick<WriteStream, "isTTY" | "columns">> & {
    readonly fd: number;
  },
  json: boolean,
): Heartbeat {
  const kind = json ? "json" : stream.isTTY === true ? "terminal" : "log";
  const said = new BigInt64Array(new SharedArrayBuffer(8));
  const noted = {
    write(text: string): boolean {
      Atomics.store(said, 0, BigInt(Date.now()));
      return stream.write(text);
    },
    ...stream.isTTY === undefined ? {} : { isTTY: stream.isTTY },
    get columns() {
      return stream.columns ?? 80;
    },
  };
  Atomics.store(said, 0, BigInt(Date.now()));
  const plan: HeartbeatPlan = {
    fd: stream.fd,
    kind,
    silence: SILENCE_MS[kind],
    columns: noted.columns,
    said,
  };
  const thread = new Worker(WORKER, { workerData: plan, execArgv: [] });
  thread.unref();
  // Without it the run goes on as well, in silence.
  eventsOf(thread).on("error", () => undefined);
  let last: RunStatus = BEGINNING;
  const speak = json ? jsonProgress(noted) : humanProgress(noted);
  return {
    progress(event) {
      if (event.event === "progress") thread.postMessage(last = event);
      else if (event.event === "done") thread.postMessage({ ...last, phase: "report", what: "" });
      speak(event);
    },
    async stop() {
      await thread.terminate();
      if (kind === "terminal") stream.write("\r\x1b[2K");
    },
  };
}
