/** Models done in a process of their own, one after another: whatever ends that process, the worker goes on. */

import { type ChildProcess, fork } from "node:child_process";
import type { EventEmitter } from "node:events";
import { fileURLToPath } from "node:url";
import type { Overrides } from "../../../config/load.ts";
import { moduleUrl } from "../../base/module-url.ts";
import type { Progress, ProgressEvent } from "../progress/progress.ts";
import type { ModelJob } from "./model-jobs.ts";

const CHILD = fileURLToPath(moduleUrl("./model-process-main", import.meta.url));

/** What the process is told: to do a model, or to stop with what it does. */
export type ModelOrder =
  | { readonly do: ModelJob; readonly overrides: Overrides; readonly plugins: boolean }
  | { readonly stop: true };

/** What it says. */
export type ModelWord =
  | { readonly says: "event"; readonly event: ProgressEvent }
  | { readonly says: "done" }
  | { readonly says: "failed"; readonly message: string };

/** Milliseconds that it may take to stop. */
const PATIENCE = 5_000;

/** The process; started when it is needed, and again when it has ended. */
export class ModelProcess {
  readonly #settings: {
    readonly overrides: Overrides;
    readonly plugins: boolean;
    readonly progress: Progress;
  };
  #child: ChildProcess | null = null;

  constructor(
    settings: { readonly overrides: Overrides; readonly plugins: boolean; readonly progress: Progress },
  ) {
    this.#settings = settings;
  }

  /**
   * Does a model.
   *
   * @returns null where it is done, else what is wrong with it
   * @throws {Error} how the process ended, where it did; the signal's reason once it is aborted
   */
  async do(job: ModelJob, signal?: AbortSignal): Promise<string | null> {
    signal?.throwIfAborted();
    const { overrides, plugins, progress } = this.#settings;
    const child = this.#child ??= fork(CHILD, [], {
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const stop = () => {
      tell(child, { stop: true });
      setTimeout(() => void child.kill("SIGKILL"), PATIENCE).unref();
    };
    signal?.addEventListener("abort", stop, { once: true });
    try {
      return await answered(child, { do: job, overrides, plugins }, progress);
    } catch (failure) {
      this.#child = null;
      signal?.throwIfAborted();
      throw failure;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Ends the process, which does nothing now. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    const ended = new Promise((resolve) => eventsOf(child).once("exit", resolve));
    tell(child, { stop: true });
    const timer = setTimeout(() => void child.kill("SIGKILL"), PATIENCE);
    await ended;
    clearTimeout(timer);
  }
}

/** Deno's types leave out that it is one. */
const eventsOf = (child: ChildProcess) => child as unknown as EventEmitter;

/** Where it has ended meanwhile, that is said when it is heard. */
const tell = (child: ChildProcess, order: ModelOrder) =>
  child.connected && child.send(order, (): void => undefined);

function answered(child: ChildProcess, order: ModelOrder, progress: Progress): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const events = eventsOf(child);
    const heard = (word: ModelWord) => {
      if (word.says === "event") return progress(word.event);
      leave();
      resolve(word.says === "done" ? null : word.message);
    };
    const ended = (code: number | null, killed: string | null) => {
      leave();
      reject(new Error(`the process that did it ended with ${killed ?? `code ${String(code)}`}`));
    };
    const failed = (cause: Error) => {
      leave();
      reject(cause);
    };
    const leave = () => {
      events.off("message", heard);
      events.off("exit", ended);
      events.off("error", failed);
    };
    events.on("message", heard);
    events.on("exit", ended);
    events.on("error", failed);
    tell(child, order);
  });
}
