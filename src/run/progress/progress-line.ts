/** How far a run is, as one event, and as one line of text. */

import { counted } from "../../model/counted.ts";
import { printable } from "../../report/text.ts";

/** Where a run stands. Figures speak of this run's own work; what earlier runs have left is done at once. */
export interface RunStatus {
  readonly event: "progress";
  /** `models` are resolved, opened and computed; `graph` is loaded; `report` is written and shown. */
  readonly phase: "plan" | "models" | "graph" | "report";
  /** Seconds since the run began. */
  readonly seconds: number;
  readonly models_done: number;
  readonly models_failed: number;
  readonly models: number;
  /** Of the models that have been opened so far. */
  readonly layers_done: number;
  readonly layers: number;
  readonly connections_done: number;
  readonly connections: number;
  /** Of the models that go into a graph server; zero where none does. */
  readonly graph_done: number;
  readonly graph_models: number;
  /** Floating-point operations that the kernel has done, and those that are left; for models not opened yet, as the others have. */
  readonly flops: number;
  readonly flops_left: number;
  /** Since the kernel's first call. */
  readonly computing_seconds: number;
  readonly gflops: number;
  /** Seconds until the last overlap at this rate; null before there is one. */
  readonly eta_seconds: number | null;
  /** Memory of the process, and the byte budget: in use, of how much. */
  readonly rss_bytes: number;
  readonly budget_used_bytes: number;
  readonly budget_bytes: number;
  /** The decomposition that has been under way longest, else what was done last. */
  readonly what: string;
  /** For whom the run waits, how long already, and how long at most; null where it waits for nobody. */
  readonly waiting: string | null;
}

/** A run of which nothing is known yet. */
export const BEGINNING: RunStatus = {
  event: "progress",
  phase: "plan",
  seconds: 0,
  models_done: 0,
  models_failed: 0,
  models: 0,
  layers_done: 0,
  layers: 0,
  connections_done: 0,
  connections: 0,
  graph_done: 0,
  graph_models: 0,
  flops: 0,
  flops_left: 0,
  computing_seconds: 0,
  gflops: 0,
  eta_seconds: null,
  rss_bytes: 0,
  budget_used_bytes: 0,
  budget_bytes: 0,
  what: "",
  waiting: null,
};

/** A status some time later, in which nothing more is known to have been done. */
export function later(status: RunStatus, seconds: number, rss: number): RunStatus {
  const computing = status.computing_seconds + (status.computing_seconds > 0 ? seconds : 0);
  return {
    ...status,
    seconds: status.seconds + seconds,
    computing_seconds: computing,
    ...rates(status.flops, status.flops_left, computing),
    rss_bytes: rss,
  };
}

/** Speed so far, and the time that is left at this speed. */
export function rates(
  flops: number,
  left: number,
  seconds: number,
): Pick<RunStatus, "gflops" | "eta_seconds"> {
  if (!(flops > 0 && seconds > 0)) return { gflops: 0, eta_seconds: null };
  return { gflops: flops / seconds / 1e9, eta_seconds: left * seconds / flops };
}

/** A status as a line of text. @param columns parts that go beyond are left out */
export function statusText(status: RunStatus, columns = Infinity): string {
  const { models_done: done, models_failed: failed, models, gflops, eta_seconds: eta } = status;
  const memory = `${size(status.rss_bytes)} memory, budget ${size(status.budget_used_bytes)} of ${
    size(status.budget_bytes)
  }`;
  const what = status.what === "" ? [] : [status.what];
  const parts: Record<RunStatus["phase"], readonly string[]> = {
    plan: ["looking for models"],
    models: [
      `models ${done + failed}/${models}${failed > 0 ? ` (${failed} failed)` : ""}`,
      `layers ${status.layers_done}/${status.layers}`,
      ...status.connections > 0 ? [`connections ${status.connections_done}/${status.connections}`] : [],
      ...gflops > 0 ? [`${Number(gflops.toPrecision(3))} GFLOP/s`] : [],
      ...eta === null ? [] : [`ETA ${duration(eta)}`],
      ...what,
    ],
    graph: [graphText(status), ...what],
    report: ["writing the report", ...what],
  };
  const all = status.waiting === null
    ? [duration(status.seconds), ...parts[status.phase], ...status.phase === "plan" ? [] : [memory]]
    : [duration(status.seconds), status.waiting];
  // Whole parts only: half a figure is a wrong one.
  const [line = "", ...more] = all.map(printable);
  let text = line;
  for (const part of more) {
    if (text.length + ", ".length + part.length > columns) break;
    text += `, ${part}`;
  }
  return text.slice(0, columns);
}

/** Only a server takes one model after another. */
function graphText({ models_done: done, graph_done: loaded, graph_models: models }: RunStatus): string {
  return models === 0
    ? `loading the graph of ${counted(done, "model")}`
    : `loading the graph, ${loaded} of ${counted(models, "model")}`;
}

/** Seconds as people say them. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor(whole % 3600 / 60)} min`;
}

/** Bytes as people say them, in powers of 1024. */
export function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${Number((bytes / 2 ** (10 * step)).toPrecision(3))} ${units[step]}`;
}
