/** A forecast for people. */

import { counted } from "../model/counted.ts";
import type { Forecast, ModelForecast } from "../run/forecast/dry-run.ts";
import { duration, size } from "../run/progress/progress-line.ts";
import { plainTable } from "../report/plain-table.ts";
import { passedText } from "./terminal/passed-text.ts";
import { printable } from "../report/text.ts";

const figure = (value: number) => String(Number(value.toPrecision(3)));

/** What a run would do, as tables and sentences. */
export function forecastText(forecast: Forecast, width = Infinity): string {
  const { models, failed, not_taken: notTaken, total, memory, calibration, seconds } = forecast;
  const last = forecast.seconds_by_last_run;
  const table = plainTable({
    header: [
      ...["model", "file", "weights", "read", "layers", "neurons", "connections", "GFLOP", "memory"],
      ...["edges by chance", "edges at most", "earlier runs"],
    ],
    numeric: [false, true, true, true, true, true, true, true, true, true, true, false],
    rows: models.map(row),
  }, { width });
  const done = models.filter(({ earlier }) => earlier === "done").length;
  const required = memory.needed_bytes > memory.budget_bytes
    ? `; required at least ${memory.needed_bytes} bytes`
    : "";
  return [
    table,
    "",
    `To do: ${total.models} of ${
      counted(
        models.length + failed.filter(({ id }) => models.every((model) => model.id !== id)).length,
        "model",
      )
    }${
      done > 0
        ? `; ${done === 1 ? "1 is done, if its" : `${done} are done, if their`} bytes are still the same`
        : ""
    }`,
    ...leadingText(models),
    `Read: ${size(total.read_bytes)} (digests and weights)`,
    `Compute: ${figure(total.flops / 1e9)} GFLOP; ${duration(seconds)} of arithmetic on ${
      counted(calibration.threads, "thread")
    } of ${calibration.kernel} (${figure(calibration.svd_gflops)} GFLOP/s of decompositions, ${
      figure(calibration.product_gflops)
    } of overlaps, measured now)${
      last === null ? "" : `; ${duration(last)} at the last run's speed, tests and tables included`
    }`,
    `Memory: ${size(memory.needed_bytes)} for the largest job, budget ${
      size(memory.budget_bytes)
    }${required}`,
    `Write: ${size(total.table_bytes)} of tables with the edges that chance would give, ${
      size(total.table_bytes_most)
    } at most, before compression; the graph comes on top. Trained weights have more edges than chance gives; how many only the run can tell.`,
    "Nothing was written.",
    ...failed.map(({ id, error }) => printable(`would fail: ${id}: ${error}`)),
    ...passedText(notTaken),
  ].join("\n");
}

function leadingText(models: readonly ModelForecast[]): string[] {
  const leading = models.reduce((sum, model) => sum + model.leading, 0);
  return leading === 0 ? [] : [
    `Leading neurons only: of ${
      counted(leading, "layer")
    }, the others left out (rank); neurons are counted at most`,
  ];
}

function row(model: ModelForecast): string[] {
  return [
    model.id,
    ...[model.file_bytes, model.weight_bytes, model.read_bytes].map(size),
    ...[model.layers, model.neurons, model.connections].map(String),
    figure((model.spectra_flops + model.overlap_flops) / 1e9),
    size(model.memory_bytes),
    ...[figure(model.edges_by_chance), String(model.edges_most), model.earlier],
  ];
}
