/** Long work is never silent: while the main thread computes and can say nothing, another thread says that it does. */

import type { WriteStream } from "node:tty";
import { Worker } from "node:worker_threads";
import { BEGINNING, type RunStatus } from "../../run/progress/progress-line.ts";
import type { Progress } from "../../run/progress/progress.ts";
import { humanReporter, jsonReporter, quietReporter, type Volume } from "./reporters.ts";
import { markOn } from "./screen.ts";
import { moduleUrl } from "../../base/module-url.ts";
import { eventsOf } from "../../base/thread-events.ts";

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

/** A line of a log is no longer. */
const LOG_COLUMNS = 100;

/** Together with the thread's own interval this stays under two seconds. */
const SILENCE_MS = { json: 1300, terminal: 1000, log: 1700 } as const;

const WORKER = moduleUrl("./heartbeat-worker", import.meta.url);

/** How a run speaks: for programs, and how much. */
export interface Speech extends Volume {
  readonly json?: boolean;
}

/** Begins to report on a stream as the user asked: with `quiet` nothing but failures, and no heartbeat. */
export function startReports(
  stream: Parameters<typeof startHeartbeat>[0],
  { json = false, quiet = false, verbose = false }: Speech,
): Heartbeat {
  if (!quiet) return startHeartbeat(stream, json, { verbose });
  const { tell, end } = json ? jsonReporter(stream, { quiet }) : quietReporter(stream);
  return {
    progress: tell,
    stop: () => Promise.resolve(end()),
  };
}

/** Progress that never pauses for more than two seconds, whatever the main thread does. */
export interface Heartbeat {
  readonly progress: Progress;
  /** Ends the thread, says what is said last, and clears the line that was drawn. */
  stop(): Promise<void>;
}

/**
 * Begins to report on a stream: JSON lines, on a terminal a line that is drawn again and again, in a log a line whenever nothing else
 * was said.
 *
 * @param stream has a file descriptor, to which the thread writes whole lines
 */
export function startHeartbeat(
  stream: WriteStream & { readonly fd: number },
  json: boolean,
  volume: Volume = {},
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
    columns: kind === "log" ? LOG_COLUMNS : noted.columns,
    said,
  };
  const thread = new Worker(WORKER, { workerData: plan, execArgv: [] });
  thread.unref();
  // Without it the run goes on as well, in silence.
  eventsOf(thread).on("error", () => undefined);
  let last: RunStatus = BEGINNING;
  const reporter = json ? jsonReporter(noted, volume) : humanReporter(noted, volume, markOn(stream));
  return {
    progress(event) {
      if (event.event === "progress") thread.postMessage(last = event);
      else if (event.event === "done") thread.postMessage({ ...last, phase: "report", what: "" });
      reporter.tell(event);
    },
    async stop() {
      await thread.terminate();
      reporter.end();
      if (kind === "terminal") stream.write("\r\x1b[2K");
    },
  };
}
