/** `svr plot` as the command line knows it. */

import { stat } from "node:fs/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { ConfigError } from "../../config/document.ts";
import type { ComparedPair } from "../compare/comparison-report.ts";
import { CHANGE_SETTINGS } from "../compare/layer-change.ts";
import { count, counted } from "../viewer/label.ts";
import type { PlotOptions, Plotted } from "../viewer/plot.ts";
import { printable } from "../report/text.ts";
import { configOfArguments } from "./run-arguments.ts";

interface Options extends PlotOptions {
  readonly compare?: boolean;
  readonly output: string;
  readonly series?: string;
  readonly spectrum?: string;
  readonly format?: "svg" | "png";
}

/** Adds the command. @param write takes what belongs on stdout */
export function addPlotCommand(program: Command, write: (text: string) => void, signal: AbortSignal): void {
  program.command("plot")
    .description("draw models of a run: layers across, singular values up, edges by strength")
    .argument("<run>", "output folder of the run; with --compare the base, a model as for compare")
    .argument("[other]", "with --compare: the other model")
    .requiredOption(
      "-o, --output <file>",
      "picture to write: .svg, or .png by way of @resvg/resvg-wasm; a folder (pictures/) takes one of each model",
    )
    .option("--model <id>", "which model, where the run has several")
    .addOption(
      new Option("--series <name>", "in place of a model: singular values of its checkpoints over the steps")
        .conflicts(["model", "maxEdges", "all", "format"]),
    )
    .addOption(
      new Option(
        "--spectrum <layer>",
        "in place of a model: the eigenvalues of a layer (its name or index), noise, spikes and power law",
      ).conflicts(["series", "maxEdges", "all", "format", "normalize"]),
    )
    .addOption(
      new Option(
        "--compare",
        "in place of a run: two models, matched neurons of corresponding layers joined, intruders marked",
      ).conflicts([
        "model",
        "series",
        "spectrum",
        "maxEdges",
        "all",
        "format",
        "scale",
        "normalize",
        "bare",
        "lake",
      ]),
    )
    .addOption(
      new Option("--scale <name>", "of singular values").choices(["linear", "log"]).default("linear"),
    )
    .option("--normalize", "draw singular values as shares of their layer's largest")
    .option("--bare", "without head and legend, for papers")
    .option(
      "--max-edges <n>",
      "draw the n strongest edges; the picture says how many are left out (default: by the number of layers)",
      edgesOf,
    )
    .option(
      "--lake <place>",
      "where its tables lie, if not in the folder: another one, or s3://bucket/prefix",
    )
    .option("--all", "edges that are not significant too, where the run wrote them")
    .addOption(
      new Option("--format <name>", "of the files in a folder (default: svg)").choices(["svg", "png"]),
    )
    .action(async (run: string, other: string | undefined, { compare = false, ...options }: Options) => {
      if (compare !== (other !== undefined)) {
        throw new ConfigError(
          compare
            ? "svr plot --compare: found one model, required two"
            : `svr plot: found a second argument, ${printable(other!)}, required one run, or --compare`,
        );
      }
      const drawn = other === undefined
        ? draw(run, { ...options, signal }, write)
        : drawCompared(run, other, options.output, write, signal);
      await drawn.catch((failure: unknown) => {
        throw failure instanceof RangeError ? new ConfigError(failure.message, { cause: failure }) : failure;
      });
    });
}

async function draw(
  run: string,
  { output, series, spectrum, format, ...options }: Options,
  write: (text: string) => void,
): Promise<void> {
  const { plotModels, plotRun, plotSeries, plotSpectrum } = await import("../viewer/plot.ts");
  const told = ({ path, model, edges, leftOut }: Plotted) =>
    write(
      `${path}: ${printable(model)}, ${counted(edges, "edge")} drawn, ${count(leftOut)} left out\n`,
    );
  if (spectrum !== undefined) {
    const { path, model, layer, eigenvalues } = await plotSpectrum(run, spectrum, output, options);
    write(
      `${path}: ${printable(layer)} of ${printable(model)}, ${counted(eigenvalues, "eigenvalue")}\n`,
    );
  } else if (series !== undefined) {
    const { path, checkpoints, layers } = await plotSeries(run, series, output, options);
    write(
      `${path}: ${printable(series)}, ${counted(checkpoints, "checkpoint")}, ${counted(layers, "layer")}\n`,
    );
  } else if (/[/\\]$/.test(output) || await isFolder(output)) {
    for await (const drawn of plotModels(run, output, { ...options, format: format ?? "svg" })) told(drawn);
  } else if (format !== undefined) {
    throw new ConfigError(
      `--format ${format}: found the file ${output}, required a folder; files say it by their names`,
    );
  } else told(await plotRun(run, output, options));
}

async function drawCompared(
  base: string,
  other: string,
  output: string,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { pictureWriter } = await import("../viewer/plot.ts");
  // Before the work, so that it is not in vain.
  const written = await pictureWriter(output);
  const { comparisonOf } = await import("../run/compare.ts");
  const loaded = await configOfArguments([base, other], { cache: "off" });
  let found: ComparedPair | null = null;
  await comparisonOf(loaded, CHANGE_SETTINGS, { pair: (pair) => found = pair }, signal);
  const { picturedComparison } = await import("../report/comparison-pictures.ts");
  const { drawComparison } = await import("../viewer/comparisons/comparison-picture.ts");
  const pictured = picturedComparison(found!);
  const path = await written(drawComparison(pictured));
  const intruders = pictured.layers.reduce((sum, layer) => sum + layer.intruders.length, 0);
  write(
    `${path}: ${printable(`${pictured.other}, compared with ${pictured.base}`)}, ${
      counted(pictured.layers.length, "layer")
    }, ${counted(intruders, "intruder")}\n`,
  );
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() === true;
}

function edgesOf(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isInteger(value)) throw new InvalidArgumentError("Not a whole number.");
  return value;
}
