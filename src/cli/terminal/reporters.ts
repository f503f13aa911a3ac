/** What a run says on stderr while it works: for people, or for programs. */

import type { WriteStream } from "node:tty";
import { counted } from "../../model/counted.ts";
import { plainTable } from "../../report/plain-table.ts";
import { printable } from "../../report/text.ts";
import { statusText } from "../../run/progress/progress-line.ts";
import { jsonLine, type Progress, type ProgressEvent } from "../../run/progress/progress.ts";
import type { WorkSummary } from "../../run/progress/work-summary.ts";
import { MOST_SHOWN } from "../../report/report-text.ts";
import { groupedWarnings } from "./grouped-warnings.ts";
import { passedText } from "./passed-text.ts";
import type { Mark } from "./screen.ts";

/** Where reports go. */
export type Output = Pick<WriteStream, "write"> & Partial<Pick<WriteStream, "isTTY" | "columns">>;

/** How much is said. */
export interface Volume {
  /** Only what failed. */
  readonly quiet?: boolean;
  /** Each of many models, and the slowest layers. */
  readonly verbose?: boolean;
}

/** Says what happens. */
export interface Reporter {
  readonly tell: Progress;
  /** Says what is said last. */
  end(): void;
}

type Event<Name extends ProgressEvent["event"]> = Extract<ProgressEvent, { event: Name }>;

/** What `quiet` leaves of the events. */
const FAILURES: readonly string[] = ["model-failed", "done"];

/** One JSON object per line. `done` comes last, whatever the run does after it. */
export function jsonReporter(output: Output, { quiet = false }: Volume = {}): Reporter {
  let done: Event<"done"> | null = null;
  return {
    tell(event) {
      if (quiet && !FAILURES.includes(event.event)) return;
      if (event.event === "done") done = event;
      else output.write(jsonLine(event));
    },
    end() {
      if (done !== null) output.write(jsonLine(done));
    },
  };
}

/** For people: nothing but failures. */
export function quietReporter(output: Output): Reporter {
  return {
    tell(event) {
      if (event.event === "model-failed") output.write(`${failureText(event)}\n`);
    },
    end: () => undefined,
  };
}

/** For people: a line per model, of many only with `verbose`; on a terminal also a line that says how far the run is. */
export function humanReporter(
  output: Output,
  { verbose = false }: Volume = {},
  mark: Mark = (_, text) => text,
): Reporter {
  const bar = output.isTTY === true;
  const columns = () => output.columns ?? 80;
  const line = (text: string) => void output.write(`${bar ? "\r\x1b[2K" : ""}${text}\n`);
  const passing = (text: string) =>
    bar && output.write(`\r\x1b[2K${printable(text).slice(0, columns() - 1)}`);
  const warnings = new Map<string, string[]>();
  const passed: Event<"not-taken">[] = [];
  let each = verbose;
  const flush = () => {
    for (const text of groupedWarnings(warnings)) line(`${mark("yellow", "warning:")} ${printable(text)}`);
    warnings.clear();
    for (const text of passedText(passed.splice(0))) line(text);
  };
  return {
    tell(event) {
      switch (event.event) {
        case "run":
          each ||= event.models <= MOST_SHOWN;
          return;
        case "kernel":
          line(printable(kernelText(event, verbose)));
          return;
        case "not-taken":
          passed.push(event);
          return;
        case "warning":
          warnings.set(event.warning, [...warnings.get(event.warning) ?? [], event.model]);
          return;
        case "progress":
          passing(statusText(event, columns() - 1));
          return;
        case "model-done":
          if (event.work === "none") passing(`${event.model}: up to date`);
          else if (each) {
            line(printable(`${event.model}: ${counted(event.edges, "edge")}, ${event.seconds.toFixed(1)} s`));
          }
          return;
        case "model-failed":
          line(failureText(event, mark));
          return;
        case "cache-off":
          line(
            `${mark("yellow", "warning:")} the cache of spectra is not written any more: ${
              printable(event.reason)
            }`,
          );
          return;
        case "queued":
          line(printable(queuedText(event)));
          return;
        case "layers-done":
          if (each && event.failure === null) {
            line(printable(`${event.model}: ${counted(event.layers.length, "layer")} decomposed`));
          }
          return;
        case "queue-away":
        case "readme-failed":
          line(`${mark("yellow", "warning:")} ${printable(event.reason)}`);
          return;
        case "not-related":
          line(
            `${mark("yellow", "warning:")} ${
              printable(
                `the graph has no relations of ${event.other} with ${event.base}, since it lacks ${
                  event.missing.join(" and ")
                }`,
              )
            }`,
          );
          return;
        case "done":
          flush();
          line(doneText(event));
          if (verbose) { for (const text of slowestLines(event.work)) line(text); }
          return;
        default:
      }
    },
    end: flush,
  };
}

function queuedText({ models, groups, lake }: Event<"queued">): string {
  const layers = groups === 0 ? "" : ` and ${counted(groups, "group")} of layers`;
  return `${counted(models, "model")}${layers} queued, into ${lake}`;
}

function failureText({ model, error }: Event<"model-failed">, mark: Mark = (_, text) => text): string {
  return `${mark("red", "error:")} ${printable(`${model}: ${error}`)}`;
}

function kernelText(
  { name, version, precision, threads, because }: Event<"kernel">,
  verbose: boolean,
): string {
  // BLAS libraries list their build options behind name and number.
  const short = verbose ? version : version.split(" ").slice(0, 2).join(" ");
  const taken = `kernel ${name}, ${precision}, ${counted(threads, "thread")} (${short})`;
  return because === null ? taken : `${taken}; install OpenBLAS for a faster one (docs/performance.md)`;
}

function doneText({ done, failed, up_to_date: current, computed, reused, seconds }: Event<"done">): string {
  const models = current === 0
    ? `${counted(done, "model")} done`
    : current === done
    ? `${counted(done, "model")} up to date`
    : `${counted(done, "model")} done, ${current} of them up to date`;
  const spectra = computed + reused === 0
    ? ""
    : `${computed} ${computed === 1 ? "spectrum" : "spectra"} computed, ${reused} from earlier runs; `;
  return `${models}, ${failed} failed; ${spectra}${seconds.toFixed(1)} s`;
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
  }, { widest: 60 });
  return [
    `computed ${figure(flops / 1e9)} GFLOP in ${figure(seconds)} s, ${figure(gflops)} GFLOP/s`,
    ...table.split("\n"),
  ];
}
