/** `svr compare`: what became of a model in others. */

import { type Command, Option } from "commander";
import { join } from "node:path";
import { stderr, stdout } from "node:process";
import type { Overrides } from "../../config/load.ts";
import { CHANGE_SETTINGS } from "../compare/layer-change.ts";
import { printable } from "../report/text.ts";
import { cacheOf, countFrom, shareOf } from "./argument-values.ts";
import { configOfArguments } from "./run-arguments.ts";
import { groupedWarnings } from "./terminal/grouped-warnings.ts";
import { markOn, screenOn } from "./terminal/screen.ts";

/** Between two words about layers that are done, in milliseconds. */
const SILENCE_MS = 2000;

/** Columns of what is printed where there is no terminal. */
const SCREEN = 120;

/** What the command takes beside a run's settings. */
interface CompareOptions {
  readonly all?: boolean;
  readonly series?: boolean;
  readonly fileOrder?: boolean;
  readonly json?: boolean;
  readonly leading: number;
  readonly cosine: number;
  readonly out?: string;
}

/** Adds the command. @param write takes what belongs on stdout */
export function addCompareCommand(
  program: Command,
  write: (text: string) => void,
  signal: AbortSignal,
): void {
  const { leading, intruderCosine } = CHANGE_SETTINGS;
  program.command("compare")
    .description(
      "what became of a model in others: lineage, layers by their change, matched neurons, intruders",
    )
    .argument("<base>", "the earlier model, as for run")
    .argument(
      "[other...]",
      "the models that it is compared with; none where the first is a folder, or a glob, of several",
    )
    .option(
      "--out <dir>",
      "folder, of a run or new: tables go where the run's are, relations into its graph, comparison.json, comparison.md and pictures (of --all and --series) into comparison/; its kept spectra are used and added to",
    )
    .option(
      "--all",
      "every model with every other, and a forest of least distances between kin; with --out each is decomposed once",
    )
    .addOption(
      new Option(
        "--series",
        "each checkpoint with the next, in the order of their steps (else of their names), and the tracks of neurons through all of them",
      ).conflicts("all"),
    )
    .option("--json", "the whole comparison as JSON on stdout")
    .addOption(
      new Option("--leading <n>", "how many leading neurons of a layer may be intruders").argParser(
        countFrom(1),
      )
        .default(leading),
    )
    .addOption(
      new Option("--cosine <number>", "an intruder has no left cosine of so much with any neuron of the base")
        .argParser(shareOf).default(intruderCosine),
    )
    .option(
      "--file-order",
      "compare channels as they stand in the files: hidden channels in another order are not put in the base's first",
    )
    .option("--topology <file>", "who feeds whom")
    .option("--batch-norm <mode>", "raw or folded, as for run")
    .option("--norm-gain <mode>", "raw or folded, as for run")
    .option("--kernel <name>", "as for run")
    .option("--threads <n>", "as for run", countFrom(1))
    .option("--memory <size>", "as for run")
    .option("--cache <size|off>", "as for run; without --out nothing is kept", cacheOf)
    .action(
      async (
        base: string,
        others: string[],
        { all = false, series = false, fileOrder = false, json = false, leading, cosine, ...overrides }:
          & Overrides
          & CompareOptions,
      ) => {
        const { comparisonOf } = await import("../run/compare.ts");
        const { out } = overrides;
        const { folderSettings } = await import("../run/comparisons/folder-settings.ts");
        const given = Object.fromEntries(
          Object.entries(overrides).filter(([, value]) => value !== undefined),
        );
        const loaded = await configOfArguments([base, ...others], {
          ...out === undefined ? {} : await folderSettings(out),
          ...given,
          ...out === undefined ? { cache: "off", sinks: [], graph: "none" } : {},
        });
        const mark = markOn(stderr);
        let said = performance.now();
        // Checkpoints of one network are all warned of the same.
        const warnings = new Map<string, string[]>();
        const found = await comparisonOf(
          loaded,
          {
            ...CHANGE_SETTINGS,
            leading,
            intruderCosine: cosine,
            all,
            series,
            fileOrder,
            keep: out !== undefined,
          },
          {
            layer(model, done, of) {
              if (performance.now() - said < SILENCE_MS) return;
              said = performance.now();
              stderr.write(`${printable(model)}: ${done} of ${of} layers compared\n`);
            },
            warning: (model, text) => warnings.set(text, [...warnings.get(text) ?? [], model]),
          },
          signal,
        ).finally(() => {
          for (const text of groupedWarnings(warnings)) {
            stderr.write(`${mark("yellow", "warning:")} ${printable(text)}\n`);
          }
        });
        const { comparisonJson, writeComparison } = await import("../report/comparison-files.ts");
        if (out !== undefined) {
          const folder = join(out, "comparison");
          const files = await writeComparison(found, folder);
          stderr.write(`${printable(folder)}: ${files.join(", ")}\n`);
        }
        if (json) return write(comparisonJson(found));
        const { comparisonText } = await import("../report/comparison-text.ts");
        write(comparisonText(found, screenOn(stdout, SCREEN)));
      },
    );
}
