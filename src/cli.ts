/**
 * The command line, and the one place that knows every part. Each command loads what it needs when it runs: to inspect a model is
 * a matter of milliseconds, to load stores and kernels is not.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process, { argv, exit, stderr, stdout } from "node:process";
import { Command, CommanderError, Option } from "commander";
import { ConfigError } from "../config/document.ts";
import { flagOf, type Overrides } from "../config/load.ts";
import { cacheOf, edgesOf, layerMetricsOf, numberOf, rankOf } from "./cli/argument-values.ts";
import { addCheckCommand } from "./cli/check-command.ts";
import { addCompareCommand } from "./cli/compare-command.ts";
import { addCompletionCommand } from "./cli/completion-command.ts";
import { addDoctorCommand } from "./cli/doctor-command.ts";
import { addExportCommand } from "./cli/export-command.ts";
import { addFiltersCommand } from "./cli/filters-command.ts";
import { addInitCommand } from "./cli/init-command.ts";
import { INSPECT_FORMATS, type InspectFormat } from "./cli/inspect-text.ts";
import { addLakeCommand } from "./cli/lake-command.ts";
import { onShellExit } from "./cli/parent-shell.ts";
import { addPlotCommand } from "./cli/plot-command.ts";
import { addQueryCommand } from "./cli/query-command.ts";
import { addReportCommand } from "./cli/report-command.ts";
import { compareOf, configOfArguments } from "./cli/run-arguments.ts";
import { addViewCommand } from "./cli/view-command.ts";
import { versionText } from "./cli/versions.ts";
import { addServerOptions, withServer } from "./query/server-options.ts";
import { plainTable } from "./report/plain-table.ts";
import { printable } from "./report/text.ts";
import { markOn, screenOn } from "./cli/terminal/screen.ts";
import { errorEvent, messagesOf } from "./cli/terminal/failures.ts";
import { jsonLine } from "./run/progress/progress.ts";

/** What the process ends with. */
const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

const interrupt = new AbortController();

/** Whether all that is said on stderr is JSON: known before the command line is understood, or is found not to be. */
const speaksJson = argv[2] === "run" && argv.includes("--json");

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

/** Which models are taken, and what they are checkpoints of; of `inspect` too. */
const CHOICE: readonly (readonly [
  key: string,
  argument: string,
  description: string,
  parse: (text: string, before?: unknown) => unknown,
])[] = [
  ["include", "<glob>", "of a folder or glob only files of this name or path; may be repeated", oneMore],
  ["exclude", "<glob>", "of a folder or glob no files of this name or path; may be repeated", oneMore],
  [
    "series",
    "<rule>",
    "how epoch or step are read from names: auto, off, or a pattern with (?<step>…) (default: auto)",
    (text) => text === "auto" || text === "off" ? text : { pattern: text },
  ],
  [
    "plugins",
    "<module>",
    "formats and sinks of your own: ./my-format.ts or a package; may be repeated",
    oneMore,
  ],
];

/** The settings of a run that are options too: key in the config, argument, what it does. */
const SETTINGS: readonly (readonly [
  key: string,
  argument: string,
  description: string,
  parse?: (text: string, before?: unknown) => unknown,
])[] = [
  ...CHOICE,
  [
    "idPrefix",
    "<text>",
    "stands before every model's id; {folder} is the folder that the model lies in, {run} the output folder's name",
  ],
  ["replace", "", "let a model replace another of its id that was read from elsewhere (default: refuse)"],
  [
    "strict",
    "",
    "exit code 3 where a model has no layers or over a tenth of its numbers were not read (default: warn)",
  ],
  ["out", "<dir>", "output folder (default: svr-out)"],
  ["lake", "<place>", "folder or s3://bucket/prefix for the Parquet tables (default: the output folder)"],
  ["graph", "<store>", "embedded, neo4j or none (default: embedded)"],
  [
    "sinks",
    "<list>",
    "parquet,arrow or one of them (default: both)",
    (text) => text === "none" ? [] : text.split(","),
  ],
  ["edges", "<which>", "significant, all or top:<k> (default: significant)", edgesOf],
  [
    "null",
    "<name>",
    "what an overlap is compared with. rotation: the channels of the two layers have nothing to do with each other, all else as it is. " +
    "beta, chi2: singular vectors point in random directions, so profile and alignment are tested together (default: rotation)",
  ],
  ["sigma", "<number>", "level of significance, alpha = 1 - Phi(sigma) (default: 3)", numberOf],
  ["alpha", "<number>", "level of significance, instead of --sigma", numberOf],
  ["correction", "<name>", "none, bonferroni, holm, bh or by (default: bh)"],
  ["correctionOver", "<family>", "connection or model (default: connection)"],
  [
    "weight",
    "<expression>",
    "weight of an edge, such as sqrt(overlap), or overlap, amplitude, gain (default: overlap)",
  ],
  ["unfolding", "<name>", "svr or cosvr (default: svr)"],
  ["batchNorm", "<mode>", "raw, or folded into the layer before (default: raw)"],
  ["batchNormEpsilon", "<number>", "where the file does not say it (default: 1e-5)", numberOf],
  ["normGain", "<mode>", "of layer and RMS norms: raw, or folded into the layers behind (default: raw)"],
  [
    "nearKernel",
    "<share>",
    "neurons up to this share of s_1 are near-kernels (default: 0.1)",
    (text) => ({ relative: numberOf(text) }),
  ],
  [
    "layerMetrics",
    "<list>",
    "figures of layers that cost more: pooled (positions of convolutions apart, as WeightWatcher has them), permuted (those of permuted entries), bootstrap=<samples> (interval of alpha, goodness of fit); and alpha=<level> of spikes (default: 0.001)",
    layerMetricsOf,
  ],
  [
    "nullControl",
    "[count]",
    "repeat the analysis with every layer's channels turned at random, so that every figure stands beside chance; so many times, for a mean and a spread; behind the models, or as --null-control=20 (alone: once)",
    numberOf,
  ],
  ["nullControlSeed", "<n>", "seed of the first null control; the others' count up (default: 0)", numberOf],
  ["compare", "<which>", "compare models when they are done: all, series, or the id of the base", compareOf],
  ["dominant", "<k>", "the k best disjoint chains of edges (default: 1)", numberOf],
  [
    "topology",
    "<file>",
    "who feeds whom: a topology, or a model that lends its graph (default: <model>.topology.yaml beside the model, else the model's own graph, else a known architecture, else inferred from the weights, else guessed)",
  ],
  ["kernel", "<name>", "auto, wasm, native (OpenBLAS) or reference (default: auto)"],
  ["precision", "<name>", "f64 or, with the native kernel, f32 (default: f64)"],
  ["threads", "<n>", "matrices at a time (default: one per core)", numberOf],
  ["rank", "<k>", "the k leading neurons of each matrix, all, or auto (default)", rankOf],
  ["tolerance", "<share>", "largest residual of a converged leading neuron (default: 1e-8)", numberOf],
  [
    "residual",
    "<k>",
    "residual connections from the k nearest layers only (default: from all)",
    (text) => ({ span: numberOf(text) }),
  ],
  [
    "memory",
    "<size>",
    "byte budget for weights and spectra, such as 512MiB (default: half of what is free, 1 to 16 GiB)",
  ],
  ["modelsAtATime", "<n>", "models worked on side by side (default: threads + 1, at most 4)", numberOf],
  ["cache", "<size|off>", "bytes of spectra that are kept for later runs (default: 4GiB)", cacheOf],
];

function oneMore(text: string, before?: unknown): unknown {
  return [...Array.isArray(before) ? before as readonly unknown[] : [], text];
}

/** Without the default that commander gives a negated option, which would replace a config's. */
function addGuessOption(command: Command): void {
  command.option("--no-guess", "refuse a model whose topology is guessed").setOptionValue("guess", undefined);
  command.option("--infer", "ask the weights of every model without a declared topology who feeds whom");
  command.option("--no-infer", "never ask them").setOptionValue("infer", undefined);
  command.option("--audit", "ask the weights what is wrong with who feeds whom, or missing");
}

/** How a run speaks, beside its settings. */
type RunOptions = Overrides & { json?: boolean; quiet?: boolean; verbose?: boolean; dryRun?: boolean };

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
for (const [key, argument, description, parse] of SETTINGS) {
  const option = new Option(`--${flagOf(key)} ${argument}`.trimEnd(), description);
  run.addOption(parse === undefined ? option : option.argParser(parse));
}
addGuessOption(run);
addServerOptions(run);
run.action(
  async (
    what: string[],
    { json = false, quiet = false, verbose = false, dryRun = false, ...options }: RunOptions,
  ) => {
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
    const { runCommand } = await import("./cli/run-command.ts");
    const output = { print: json || quiet ? null : write, progress, screen, verbose };
    const code = await runCommand(loaded, output, interrupt.signal).finally(stop);
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
  .addOption(
    new Option("--format <name>", "how the answer is written").choices(INSPECT_FORMATS).default("table"),
  )
  .option("--json", "the same as --format json");
for (const [key, argument, description, parse] of CHOICE) {
  inspect.addOption(new Option(`--${flagOf(key)} ${argument}`, description).argParser(parse));
}
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
addPlotCommand(program, write, interrupt.signal);
addViewCommand(program, write, interrupt.signal);
addFiltersCommand(program, write, interrupt.signal);
addCompareCommand(program, write, interrupt.signal);
addInitCommand(program, write);
addCheckCommand(program, write, leave, interrupt.signal);
addDoctorCommand(program, write, leave);
addCompletionCommand(program, write);

program.command("bench")
  .description("speed of each kernel here, against the fastest matrix product; about two minutes")
  .option("--json", "as JSON")
  .action(async ({ json }: { json?: boolean }) => {
    const say = (what: string) => void (json !== true && stderr.write(`${what}\n`));
    const { benchTables, measureKernels } = await import("./cli/bench.ts");
    const { measurements, scalings, missing } = await measureKernels(say);
    for (const each of missing) stderr.write(`not here: ${printable(each)}\n`);
    if (json === true) return write(`${JSON.stringify({ measurements, scalings, missing }, null, 2)}\n`);
    for (const table of benchTables(measurements, scalings)) {
      write(`\n${table.title}\n${plainTable(table)}\n`);
    }
  });

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
