/** Models done in a process of their own, one after another: whatever ends that process, the worker goes on. */

import type { ChildProcess } from "node:child_process";
import type { Overrides } from "../../../config/load.ts";
import { moduleUrl } from "../../base/module-url.ts";
import { eventsOf, sendTo, startSubprocess } from "../../base/subprocess.ts";
import type { Progress, ProgressEvent } from "../progress/progress.ts";
import type { ModelJob } from "./model-jobs.ts";

const CHILD = moduleUrl("./model-process-main", import.meta.url);

/**
 * V8 begins to mark its heap whenever 64 MiB of array buffers have gathered: of a model that is every few layers, and in small steps it took a
 * sixth of all processor time. In one step the heap, which is small, takes milliseconds.
 */
const NODE_OPTIONS = ["--no-incremental-marking"];

/** What the process is told: to do a model, or to stop with what it does. */
export type ModelOrder =
  | { readonly do: ModelJob; readonly overrides: Overrides; readonly plugins: boolean }
  | { readonly stop: true };

/** What it says. */
export type ModelWord =
  | { readonly says: "event"; readonly event: ProgressEvent }
  | { readonly says: "done" }
  | { readonly says: "failed"; readonly message: string }
  /** No model can be done here. */
  | { readonly says: "hopeless"; readonly message: string };

/** Why a worker can do no model at all. */
export class HopelessWorker extends Error {}

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

  /** Starts the process before there is a model to do: it takes a second to be ready. */
  start(): void {
    this.#child ??= this.#started();
  }

  /**
   * Does a model.
   *
   * @returns null where it is done, else what is wrong with it
   * @throws {HopelessWorker} when no model can be done here, for want of a kernel
   * @throws {Error} how the process ended, where it did; the signal's reason once it is aborted
   */
  async do(job: ModelJob, signal?: AbortSignal): Promise<string | null> {
    signal?.throwIfAborted();
    const { overrides, plugins, progress } = this.#settings;
    const child = this.#child ??= this.#started();
    const stop = () => {
      sendTo<ModelOrder>(child, { stop: true });
      setTimeout(() => void child.kill("SIGKILL"), PATIENCE).unref();
    };
    signal?.addEventListener("abort", stop, { once: true });
    try {
      return await answered(child, { do: job, overrides, plugins }, progress);
    } catch (failure) {
      signal?.throwIfAborted();
      throw failure;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  #started(): ChildProcess {
    const child = startSubprocess(CHILD, { nodeOptions: NODE_OPTIONS });
    // It may end while it has nothing to do, too.
    for (const event of ["exit", "error"]) {
      eventsOf(child).once(event, () => {
        if (this.#child === child) this.#child = null;
      });
    }
    return child;
  }

  /** Ends the process, which does nothing now. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    const ended = new Promise((resolve) => eventsOf(child).once("exit", resolve));
    sendTo<ModelOrder>(child, { stop: true });
    const timer = setTimeout(() => void child.kill("SIGKILL"), PATIENCE);
    await ended;
    clearTimeout(timer);
  }
}

function answered(child: ChildProcess, order: ModelOrder, progress: Progress): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const events = eventsOf(child);
    const heard = (word: ModelWord) => {
      if (word.says === "event") return progress(word.event);
      leave();
      if (word.says === "hopeless") reject(new HopelessWorker(word.message));
      else resolve(word.says === "done" ? null : word.message);
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
    sendTo(child, order);
  });
}
