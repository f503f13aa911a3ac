/** `svr filters`: the effective filters of a connection, for a notebook. */

import { type Command, InvalidArgumentError, Option } from "commander";
import type { Overrides } from "../../config/load.ts";
import type { NeuronRange } from "../stages/effective-filters.ts";
import { countFrom, shareOf } from "./argument-values.ts";
import { configOfArguments } from "./run-arguments.ts";

interface Ranges {
  readonly sources: NeuronRange;
  readonly targets: NeuronRange;
}

/** Adds the command. @param write takes what belongs on stdout */
export function addFiltersCommand(
  program: Command,
  write: (text: string) => void,
  signal: AbortSignal,
): void {
  program.command("filters")
    .description("write what the neurons of one layer hand to those of the next, position by position (.npy)")
    .argument("<model>", "as for run")
    .requiredOption("--connection <layers>", '"<source> -> <target>", as svr inspect names them')
    .option("--part <n>", "which of several connections between the two (default: 0)", countFrom(0))
    .option(
      "--neurons <ranges>",
      "of the source and of the target, first:end each, such as 0:8,0:8",
      rangesOf,
    )
    .requiredOption(
      "-o, --output <file>",
      "the file to write: float64, (target neurons, positions, source neurons)",
    )
    .option("--topology <file>", "who feeds whom: a topology, or a model that lends its graph")
    .option(
      "--plugin <module>",
      "as for run",
      (text: string, before: readonly string[] = []) => [...before, text],
    )
    .addOption(new Option("--unfolding <name>", "as for run").choices(["svr", "cosvr"]))
    .option("--batch-norm <mode>", "raw or folded, as for run")
    .option("--batch-norm-epsilon <number>", "as for run", shareOf)
    .option("--norm-gain <mode>", "raw or folded, as for run")
    .option("--kernel <name>", "as for run")
    .option("--memory <size>", "as for run")
    .action(
      async (
        what: string,
        { connection, part, neurons, output, ...overrides }: Overrides & {
          connection: string;
          part?: number;
          neurons?: Ranges;
          output: string;
        },
      ) => {
        const { writeFilters } = await import("../run/filters.ts");
        const loaded = await configOfArguments([what], overrides);
        const shape = await writeFilters(loaded, { connection, part, ...neurons, output }, signal);
        write(`${output}: ${shape.join(" x ")}\n`);
      },
    );
}

function rangesOf(text: string): Ranges {
  const match = /^(\d{1,9}):(\d{1,9}),(\d{1,9}):(\d{1,9})$/.exec(text);
  if (match === null) throw new InvalidArgumentError("Not two ranges such as 0:8,0:8.");
  const [a, b, c, d] = match.slice(1).map(Number) as [number, number, number, number];
  return { sources: [a, b], targets: [c, d] };
}
