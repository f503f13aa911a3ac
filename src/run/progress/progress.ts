/** What a run says while it works: on stderr, for people or for programs. */

import type { WriteStream } from "node:tty";
import type { SpectraCount, SpectrumEvent } from "../../flow/engine.ts";
import { type RunStatus, statusText } from "./progress-line.ts";
import type { LayerTime, WorkSummary } from "./work-summary.ts";
import { plainTable, printable } from "../../report/text.ts";

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
  | {
    /** What a model is to take that is not done already. */
    readonly event: "planned";
    readonly model: string;
    readonly layers: number;
    readonly connections: number;
    readonly flops: number;
  }
  | RunStatus
  | { readonly event: "warning"; readonly model: string; readonly warning: string }
  | {
    readonly event: "step";
    readonly model: string;
    readonly done: number;
    readonly of: number;
    readonly what: string;
    readonly kind: "layer" | "connection";
    /** What it was planned to take. */
    readonly flops: number;
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
  /** With what it took one thread, where the kernel computed it. */
  | (
    & { readonly event: "spectrum" }
    & SpectrumEvent
    & Partial<Pick<LayerTime, "flops" | "seconds" | "gflops">>
  )
  | { readonly event: "cache-off"; readonly reason: string }
  | ({
    readonly event: "done";
    readonly done: number;
    readonly failed: number;
    readonly up_to_date: number;
    readonly seconds: number;
    readonly work: WorkSummary;
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
      case "progress":
        if (bar) output.write(`\r\x1b[2K${statusText(event, (output.columns ?? 80) - 1)}`);
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
      case "done":
        line(doneText(event));
        for (const each of slowestLines(event.work)) line(each);
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

/** Above so many seconds all told it is worth saying where they went. */
const WORTH_SAYING = 1;

function slowestLines({ flops, seconds, gflops, slowest }: WorkSummary): string[] {
  if (seconds < WORTH_SAYING || slowest.length === 0) return [];
  const figure = (value: number) => String(Number(value.toPrecision(3)));
  const table = plainTable({
    header: ["slowest layers", "", "seconds", "GFLOP/s"],
    numeric: [false, false, true, true],
    rows: slowest.map((each) => [each.model, each.layer, figure(each.seconds), figure(each.gflops)]),
  }, 60);
  return [
    `computed ${figure(flops / 1e9)} GFLOP in ${figure(seconds)} s, ${figure(gflops)} GFLOP/s`,
    ...table.split("\n"),
  ];
}
