/** What a run says while it works: on stderr, for people or for programs. */

import type { WriteStream } from "node:tty";
import type { SpectrumEvent } from "../flow/workshop.ts";
import type { SpectraCount } from "./records.ts";
import { printable } from "./text.ts";

/** What happens during a run. */
export type ProgressEvent =
  | { readonly event: "run"; readonly run_id: string; readonly models: number; readonly out: string }
  | {
    readonly event: "kernel";
    readonly name: string;
    readonly version: string;
    readonly precision: string;
    readonly threads: number;
    /** Why `auto` took no faster one; null where it did, or was not asked. */
    readonly because: string | null;
  }
  | { readonly event: "model"; readonly model: string; readonly index: number; readonly of: number }
  | { readonly event: "warning"; readonly model: string; readonly warning: string }
  | {
    readonly event: "step";
    readonly model: string;
    readonly done: number;
    readonly of: number;
    readonly what: string;
  }
  | {
    readonly event: "model-done";
    readonly model: string;
    readonly edges: number;
    /** What had to be done: all, only to take its tables to a sink that lacked them, or nothing. */
    readonly work: "computed" | "copied" | "none";
    readonly seconds: number;
  }
  | { readonly event: "model-failed"; readonly model: string; readonly error: string }
  | { readonly event: "graph"; readonly models: number }
  | ({ readonly event: "spectrum" } & SpectrumEvent)
  | { readonly event: "cache-off"; readonly reason: string }
  | ({
    readonly event: "done";
    readonly done: number;
    readonly failed: number;
    readonly up_to_date: number;
    readonly seconds: number;
  } & SpectraCount);

/** Takes the events of a run. */
export type Progress = (event: ProgressEvent) => void;

type Output = Pick<WriteStream, "write"> & Partial<Pick<WriteStream, "isTTY" | "columns">>;

/** One JSON object per line. */
export function jsonProgress(output: Output): Progress {
  return (event) => void output.write(`${JSON.stringify(event)}\n`);
}

/** A line per model; on a terminal also a bar for the steps within one. */
export function humanProgress(output: Output): Progress {
  const bar = output.isTTY === true;
  const line = (text: string) => void output.write(`${bar ? "\r\x1b[2K" : ""}${printable(text)}\n`);
  return (event) => {
    switch (event.event) {
      case "kernel":
        line(kernelText(event));
        return;
      case "warning":
        line(`warning: ${event.model}: ${event.warning}`);
        return;
      case "step":
        if (bar) output.write(`\r\x1b[2K${barText(event, output.columns ?? 80)}`);
        return;
      case "model-done":
        if (event.work === "none") {
          if (bar) {
            output.write(`\r\x1b[2K${printable(event.model)}: up to date`.slice(0, output.columns ?? 80));
          }
        } else line(`${event.model}: ${event.edges} edges, ${event.seconds.toFixed(1)} s`);
        return;
      case "model-failed":
        line(`error: ${event.model}: ${event.error}`);
        return;
      case "cache-off":
        line(`warning: the cache of spectra is not written any more: ${event.reason}`);
        return;
      case "graph":
        if (bar) output.write("\r\x1b[2Kloading the graph");
        return;
      case "done":
        line(doneText(event));
        return;
      default:
    }
  };
}

function kernelText(event: Extract<ProgressEvent, { event: "kernel" }>): string {
  const threads = event.threads === 1 ? "1 thread" : `${event.threads} threads`;
  const taken = `kernel ${event.name}, ${event.precision}, ${threads} (${event.version})`;
  return event.because === null ? taken : `${taken}; install OpenBLAS for a faster one (README, "Speed")`;
}

function doneText(event: Extract<ProgressEvent, { event: "done" }>): string {
  const { done, failed, up_to_date: current, computed, reused } = event;
  const models = current === 0
    ? `${done} models done`
    : current === done
    ? `${done} models up to date`
    : `${done} models done, ${current} of them up to date`;
  const spectra = `${computed} spectra computed, ${reused} from earlier runs`;
  return `${models}, ${failed} failed; ${computed + reused === 0 ? "" : `${spectra}; `}${
    event.seconds.toFixed(1)
  } s`;
}

function barText(event: { model: string; done: number; of: number; what: string }, columns: number): string {
  const width = 24;
  const filled = Math.round(width * event.done / Math.max(1, event.of));
  const text = `${
    "#".repeat(filled).padEnd(width, ".")
  } ${event.done}/${event.of} ${event.model}: ${event.what}`;
  return printable(text).slice(0, columns - 1);
}
