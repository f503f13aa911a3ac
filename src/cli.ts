/**
 * The command line, and the one place that knows every part. Each command loads what it needs when it runs: to inspect a model is
 * a matter of milliseconds, to load stores and kernels is not.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process, { argv, exit, stderr, stdout } from "node:process";
import { Command, CommanderError, Option } from "commander";
import { ConfigError } from "../config/document.ts";
import type { Overrides } from "../config/load.ts";
import { numberOf } from "./cli/argument-values.ts";
import { addCheckCommand } from "./cli/check-command.ts";
import { addCompareCommand } from "./cli/compare-command.ts";
import { addCompletionCommand } from "./cli/completion-command.ts";
import { addExportCommand } from "./cli/export-command.ts";
import { addFiltersCommand } from "./cli/filters-command.ts";
import { addInitCommand } from "./cli/init-command.ts";
import { INSPECT_FORMATS, type InspectFormat } from "./cli/inspect-text.ts";
import { addLakeCommand } from "./cli/lake-command.ts";
import { addBenchCommand } from "./cli/machine/bench-command.ts";
import { addDoctorCommand } from "./cli/machine/doctor-command.ts";
import { onShellExit } from "./cli/parent-shell.ts";
import { addPlotCommand } from "./cli/plot-command.ts";
import { addQueryCommand } from "./cli/query-command.ts";
import { addReportCommand } from "./cli/report-command.ts";
import { configOfArguments } from "./cli/run-arguments.ts";
import { addChoice, addSettings } from "./cli/run-settings.ts";
import { addMergeCommand } from "./cli/scale/merge-command.ts";
import { addWorkerCommand } from "./cli/scale/queue-command.ts";
import { addWorkerOptions, queuedRunOf, workerOf, type WorkerOptions } from "./cli/scale/worker-options.ts";
import { addViewCommand } from "./cli/view-command.ts";
import { versionText } from "./cli/versions.ts";
import { addServerOptions, withServer } from "./query/server-options.ts";
import { printable } from "./report/text.ts";
import { markOn, screenOn } from "./cli/terminal/screen.ts";
import { errorEvent, messagesOf } from "./cli/terminal/failures.ts";
import { jsonLine } from "./run/progress/progress.ts";

/** What the process ends with. */
const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

const interrupt = new AbortController();

/** Whether all that is said on stderr is JSON: known before the command line is understood, or is found not to be. */
const speaksJson = ["run", "merge", "worker"].includes(argv[2] ?? "") && argv.includes("--json");

const program = new Command("svr")
  .description("Turns trained neural networks into graphs of spectral neurons.")
  .option("-V, --version", "the version, and those of its parts")
  .on("option:version", showVersion)
  .exitOverride()
  .configureOutput(speaksJson ? { writeErr: () => undefined } : {})
  .showHelpAfterError("(svr --help lists the commands)")
  .addHelpText(
    "after",
    "\nExit codes: 0 done; 1 the run failed; 2 bad usage or config; 3 some models failed (each is named), or none has a layer; 130 interrupted.",
  );

/** Without the default that commander gives a negated option, which would replace a config's. */
function addGuessOption(command: Command): void {
  command.option("--no-guess", "refuse a model whose topology is guessed").setOptionValue("guess", undefined);
  command.option("--infer", "ask the weights of every model without a declared topology who feeds whom");
  command.option("--no-infer", "never ask them").setOptionValue("infer", undefined);
  command.option("--audit", "ask the weights what is wrong with who feeds whom, or missing");
}

/** How a run speaks, beside its settings. */
type RunOptions = Overrides & WorkerOptions & {
  json?: boolean;
  quiet?: boolean;
  verbose?: boolean;
  dryRun?: boolean;
};

/** Columns of what a run prints where there is no terminal. */
const SCREEN = 100;

const run = program.command("run")
  .description(
    "compute the spectral graph of models: a config file (.yaml), or model files, folders, globs and manifests (.csv)",
  )
  .argument(
    "<what...>",
    'pipeline.yaml, or model.safetensors, folder, "glob/**/*.safetensors", https://…, s3://bucket/prefix/, hub:org/name@revision',
  )
  .option("--json", "progress as JSON lines on stderr, the report as JSON on stdout")
  .option("--quiet", "no progress, no tables; errors only")
  .option("--verbose", "all tables of each model, each of many models when it is done, the slowest layers")
  .option("--dry-run", "only say what would be read, computed and written, and how long it would take");
addSettings(run);
addGuessOption(run);
addServerOptions(run);
addWorkerOptions(run);
run.action(
  async (
    what: string[],
    { json = false, quiet = false, verbose = false, dryRun = false, share, lease, queue, divide, ...options }:
      RunOptions,
  ) => {
    const worker = workerOf({ share, lease }, dryRun);
    const queued = queuedRunOf({ share, lease, queue, divide }, dryRun);
    const overrides = withServer(options);
    const loaded = await configOfArguments(what, overrides);
    const { startReports } = await import("./cli/terminal/heartbeat.ts");
    const { progress, stop } = startReports(stderr, { json, quiet, verbose });
    const screen = screenOn(stdout, SCREEN);
    if (dryRun) {
      const { dryRunCommand } = await import("./cli/dry-run-command.ts");
      const output = { print: write, width: screenOn(stdout, Infinity).width };
      await leave(await dryRunCommand(loaded, json, output, interrupt.signal).finally(stop));
    }
    if (worker !== null) {
      const output = { write: quiet ? null : write, json, progress };
      await leave(await worker(loaded, output, interrupt.signal).finally(stop));
    }
    const { runCommand } = await import("./cli/run-command.ts");
    const output = { print: json || quiet ? null : write, progress, screen, verbose };
    const code = await runCommand(loaded, output, interrupt.signal, queued).finally(stop);
    if (json) write(await readFile(join(loaded.config.out, "report.json"), "utf8"));
    await leave(code);
  },
);

const inspect = program.command("inspect")
  .description("layers, who feeds whom and how that is known, what is skipped and why; no SVD")
  .argument("<what...>", "as for run")
  .option("--topology <file>", "who feeds whom: a topology, or a model that lends its graph")
  .option("--batch-norm <mode>", "raw or folded, as for run")
  .option("--batch-norm-epsilon <number>", "as for run", numberOf)
  .option("--norm-gain <mode>", "raw or folded, as for run")
  .option("--residual <k>", "as for run", (text) => ({ span: numberOf(text) }))
  .option("--circuits", "the circuits of attention heads too, as for run")
  .addOption(
    new Option("--format <name>", "how the answer is written").choices(INSPECT_FORMATS).default("table"),
  )
  .option("--json", "the same as --format json");
addChoice(inspect);
addGuessOption(inspect);
inspect.action(
  async (
    what: string[],
    { json, format, ...overrides }: Overrides & { json?: boolean; format: InspectFormat },
  ) => {
    const loaded = await configOfArguments(what, overrides);
    const { inspectCommand } = await import("./cli/inspect-command.ts");
    const output = { write, stderr, width: screenOn(stdout, Infinity).width, mark: markOn(stderr) };
    const written = json === true ? "json" : format;
    await leave(await inspectCommand(loaded, written, output, interrupt.signal));
  },
);

addQueryCommand(program, write);
addReportCommand(program, write);
addExportCommand(program, write, interrupt.signal);
addLakeCommand(program, write, leave);
for (const add of [addMergeCommand, addWorkerCommand]) {
  add(program, { write, leave, signal: interrupt.signal });
}
addPlotCommand(program, write, interrupt.signal);
addViewCommand(program, write, interrupt.signal);
addFiltersCommand(program, write, interrupt.signal);
addCompareCommand(program, write, interrupt.signal);
addInitCommand(program, write);
addCheckCommand(program, write, leave, interrupt.signal);
addBenchCommand(program, write);
addDoctorCommand(program, write, leave);
addCompletionCommand(program, write);

/** When it is asked for only: it reads a file. @throws {CommanderError} always, as commander's own does */
function showVersion(): never {
  write(`${versionText()}\n`);
  throw new CommanderError(EXIT.done, "commander.version", "");
}

function write(text: string | Uint8Array): void {
  stdout.write(text);
}

/** Ends the process once everything written has left it. */
async function leave(code: number): Promise<never> {
  await Promise.all(
    [stdout, stderr].map((stream) => new Promise<void>((done) => stream.write("", () => done()))),
  );
  return exit(code);
}

function codeOfFailure(failure: unknown): number {
  if (interrupt.signal.aborted) return EXIT.interrupted;
  if (failure instanceof CommanderError) return failure.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (failure instanceof AggregateError) {
    return failure.errors.every((error) => error instanceof ConfigError) ? EXIT.usage : EXIT.failed;
  }
  return failure instanceof ConfigError ? EXIT.usage : EXIT.failed;
}

function stop(): void {
  stderr.write(speaksJson ? jsonLine({ event: "stopping" }) : "\nstopping; once more to stop at once\n");
  interrupt.abort(new Error("interrupted"));
}

for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    // A second signal means now.
    if (interrupt.signal.aborted) exit(EXIT.interrupted);
    stop();
  });
}
onShellExit(() => void (!interrupt.signal.aborted && stop()));
// A reader that has seen enough (head) closes the pipe; that is no error.
stdout.on(
  "error",
  (cause: Error & { code?: string }) => exit(cause.code === "EPIPE" ? EXIT.done : EXIT.failed),
);

for (const command of program.commands) {
  command.showHelpAfterError(`(svr ${command.name()} --help says what it takes)`);
}
try {
  await program.parseAsync(argv);
  await leave(EXIT.done);
} catch (failure) {
  const code = codeOfFailure(failure);
  if (speaksJson && code !== EXIT.done) stderr.write(jsonLine(errorEvent(failure, code)));
  // Commander has said its own.
  else if (!(failure instanceof CommanderError)) {
    for (const text of messagesOf(failure)) {
      stderr.write(`${markOn(stderr)("red", "svr:")} ${printable(text)}\n`);
    }
  }
  await leave(code);
}
