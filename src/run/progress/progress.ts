/** What happens during a run, as events. */

import type { SpectraCount, SpectrumEvent } from "../../flow/engine.ts";
import type { RunStatus } from "./progress-line.ts";
import type { SinkEvent } from "../../model/sink-event.ts";
import type { PassedFile } from "../../../connectors/sources/passed-files.ts";
import type { LayerTime, WorkSummary } from "./work-summary.ts";

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
  | {
    readonly event: "model-failed";
    readonly model: string;
    /** Where it lies. */
    readonly file: string;
    readonly error: string;
  }
  /** A file of a folder that holds a model and cannot be read. */
  | ({ readonly event: "not-taken" } & PassedFile)
  | { readonly event: "graph"; readonly models: number }
  | SinkEvent
  /** With what it took one thread, where the kernel computed it. */
  | (
    & { readonly event: "spectrum" }
    & SpectrumEvent
    & Partial<Pick<LayerTime, "flops" | "seconds" | "gflops">>
  )
  /** A comparison of the run stands. */
  | {
    readonly event: "comparison";
    readonly base: string;
    readonly other: string;
    readonly index: number;
    readonly of: number;
    readonly work: "computed" | "copied" | "none";
  }
  | { readonly event: "cache-off"; readonly reason: string }
  /** The models of a run are in a queue, to be done into a lake; with jobs for groups of layers of the large ones. */
  | { readonly event: "queued"; readonly models: number; readonly groups: number; readonly lake: string }
  | {
    /** A worker has decomposed a group of layers. */
    readonly event: "layers-done";
    readonly model: string;
    readonly layers: readonly string[];
    /** Null where its process lives. */
    readonly failure: string | null;
  }
  | {
    /** A worker has done a model of the queue. */
    readonly event: "job-done";
    readonly model: string;
    readonly index: number;
    readonly of: number;
    /** Null where nothing is wrong with it. */
    readonly failure: string | null;
  }
  /** The server of the queue has gone away; it is waited for. */
  | { readonly event: "queue-away"; readonly reason: string }
  /** A README of the run could not be written; all else is there. */
  | { readonly event: "readme-failed"; readonly reason: string }
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

/**
 * One event as a line of JSON: its name, the time (ISO 8601, UTC), and what it says.
 *
 * @example
 * jsonLine({ event: "graph", models: 2 }); // {"event":"graph","time":"2026-01-31T12:00:00.000Z","models":2}
 */
export function jsonLine({ event, ...said }: { readonly event: string }): string {
  return `${JSON.stringify({ event, time: new Date().toISOString(), ...said })}\n`;
}
