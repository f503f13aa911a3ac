/** A forecast for people. */

import type { Forecast, ModelForecast } from "../run/forecast/dry-run.ts";
import { duration, size } from "../run/progress/progress-line.ts";
import { plainTable, printable } from "../report/text.ts";

const figure = (value: number) => String(Number(value.toPrecision(3)));

/** What a run would do, as tables and sentences. */
export function forecastText(forecast: Forecast): string {
  const { models, failed, total, memory, calibration, seconds, seconds_by_last_run: last } = forecast;
  const table = plainTable({
    header: [
      ...["model", "file", "weights", "read", "layers", "neurons", "connections", "GFLOP", "memory"],
      ...["edges by chance", "edges at most", "earlier runs"],
    ],
    numeric: [false, true, true, true, true, true, true, true, true, true, true, false],
    rows: models.map(row),
  });
  const done = models.filter(({ earlier }) => earlier === "done").length;
  const required = memory.needed_bytes > memory.budget_bytes
    ? `; required at least ${memory.needed_bytes} bytes`
    : "";
  return [
    table,
    "",
    `To do: ${total.models} of ${
      models.length + failed.filter(({ id }) => models.every((model) => model.id !== id)).length
    } models${done > 0 ? `; ${done} are done, if their bytes are still the same` : ""}`,
    `Read: ${size(total.read_bytes)} (digests and weights)`,
    `Compute: ${figure(total.flops / 1e9)} GFLOP; ${
      duration(seconds)
    } of arithmetic on ${calibration.threads} threads of ${calibration.kernel} (${
      figure(calibration.svd_gflops)
    } GFLOP/s of decompositions, ${figure(calibration.product_gflops)} of overlaps, measured now)${
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
  ].join("\n");
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
