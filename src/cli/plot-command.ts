/** `svr plot` as the command line knows it. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { ConfigError } from "../../config/document.ts";
import { count, counted } from "../viewer/label.ts";
import type { PlotOptions } from "../viewer/plot.ts";
import { printable } from "../report/text.ts";

/** Adds the command. @param write takes what belongs on stdout */
export function addPlotCommand(program: Command, write: (text: string) => void, signal: AbortSignal): void {
  program.command("plot")
    .description("draw a model of a run: layers across, singular values up, edges by strength")
    .argument("<run>", "output folder of the run")
    .requiredOption("-o, --output <file>", "picture to write: .svg, or .png by way of @resvg/resvg-wasm")
    .option("--model <id>", "which model, where the run has several")
    .addOption(
      new Option("--scale <name>", "of singular values").choices(["linear", "log"]).default("linear"),
    )
    .option(
      "--max-edges <n>",
      "draw the n strongest edges; the picture says how many are left out",
      edgesOf,
      2000,
    )
    .option(
      "--lake <place>",
      "where its tables lie, if not in the folder: another one, or s3://bucket/prefix",
    )
    .option("--all", "edges that are not significant too, where the run wrote them")
    .action(async (run: string, options: PlotOptions & { output: string }) => {
      const { plotRun } = await import("../viewer/plot.ts");
      const drawn = await plotRun(run, options.output, { ...options, signal }).catch((failure: unknown) => {
        throw failure instanceof RangeError ? new ConfigError(failure.message, { cause: failure }) : failure;
      });
      write(
        `${drawn.path}: ${printable(drawn.model)}, ${counted(drawn.edges, "edge")} drawn, ${
          count(drawn.leftOut)
        } left out\n`,
      );
    });
}

function edgesOf(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isInteger(value)) throw new InvalidArgumentError("Not a whole number.");
  return value;
}
