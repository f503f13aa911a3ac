import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runConfigOf } from "../../config/load.ts";
import { CHANGE_SETTINGS } from "../../src/compare/layer-change.ts";
import type { SeriesReport } from "../../src/compare/series-report.ts";
import { comparisonOf } from "../../src/run/compare.ts";
import { withSpectrum } from "../support/matrices.ts";
import { writeTensors } from "../support/files/safetensors-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-series-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const SIZE = { rows: 30, cols: 20 };

/** Leading singular values, and others that do not change. */
const spectrum = (leading: readonly number[]) => [
  ...leading,
  ...Array.from({ length: SIZE.cols - leading.length }, (_, at) => 1 - 0.05 * at),
];

/** The series of one weight by step, written in another order than that of the steps. */
async function seriesOf(
  name: string,
  weights: ReadonlyMap<number, ArrayLike<number>>,
): Promise<SeriesReport> {
  const models: string[] = [];
  for (const [step, weight] of weights) {
    models.unshift(join(folder, `${name}-step-${step}.safetensors`));
    await writeTensors(models[0]!, [["fc.weight", [SIZE.rows, SIZE.cols], weight]]);
  }
  const loaded = runConfigOf({ models, cache: "off", threads: 1 });
  const { series } = await comparisonOf(loaded, { ...CHANGE_SETTINGS, series: true });
  return series[0]!;
}

/** By track, the neurons at each step. */
function neuronsOf({ tracks }: SeriesReport): number[][] {
  const found: number[][] = [];
  for (const { track, neuron } of tracks) (found[track] ??= []).push(neuron);
  return found;
}

describe("a series", () => {
  it("follows vectors where singular values cross, in the order of steps", async () => {
    // The first falls; the second rises past it between steps 2 and 10, the third past both between 10 and 30.
    const values = new Map([[1, [9, 7, 2]], [2, [8, 7.5, 4]], [10, [7, 8, 5]], [30, [6.5, 8.2, 9]]]);
    const weights = new Map(
      [...values].map(([step, all]) =>
        [step, withSpectrum(SIZE.rows, SIZE.cols, spectrum(all), 3).data] as const
      ),
    );
    const series = await seriesOf("crossing", weights);
    expect(series.models.map(({ step }) => step)).toEqual([1, 2, 10, 30]);
    expect(neuronsOf(series).slice(0, 4)).toEqual([[0, 0, 1, 2], [1, 1, 0, 1], [2, 2, 2, 0], [3, 3, 3, 3]]);
    expect(series.layers).toEqual([
      { layer: "fc", tracks: 20, through: 20, births: 0, deaths: 0, crossings: 3 },
    ]);
    const first = series.tracks.filter(({ track }) => track === 0);
    for (const [at, row] of first.entries()) {
      expect(row.singular_value).toBeCloseTo([...values.values()][at]![0]!, 5);
      if (at > 0) expect(row.similarity).toBeCloseTo(1, 6);
    }
  });

  it("goes on behind a step at which two singular values are equal", async () => {
    const diagonal = (values: readonly number[]) =>
      Float64Array.from({ length: SIZE.rows * SIZE.cols }, (_, at) => {
        const [i, j] = [Math.floor(at / SIZE.cols), at % SIZE.cols];
        return i === j ? values[i] ?? 0 : 0;
      });
    const series = await seriesOf(
      "equal",
      new Map([[0, diagonal([4, 2, 1])], [1, diagonal([3, 3, 1])], [2, diagonal([2, 4, 1])]]),
    );
    expect(neuronsOf(series)).toEqual([[0, 1], [1, 0], [2, 2, 2]]);
    expect(series.layers).toMatchObject([{ tracks: 3, through: 3, births: 0, deaths: 0, crossings: 1 }]);
  });

  it("says where neurons are born and where they die", async () => {
    const old = withSpectrum(SIZE.rows, SIZE.cols, spectrum([6, 5, 4]), 3).data;
    const other = withSpectrum(SIZE.rows, SIZE.cols, spectrum([6, 5, 4]), 50).data;
    const { tracks, layers } = await seriesOf("born", new Map([[0, old], [1, old], [2, other]]));
    const at = (of: "birth" | "death") =>
      tracks.filter((row) => row[of]).map(({ step, neuron }) => [step, neuron]);
    const all = Array.from({ length: SIZE.cols }, (_, neuron) => neuron);
    expect(at("birth")).toEqual(all.map((neuron) => [2, neuron]));
    expect(at("death")).toEqual(all.map((neuron) => [1, neuron]));
    expect(layers).toMatchObject([{ tracks: 40, through: 0, births: 20, deaths: 20, crossings: 0 }]);
  });
});
