import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ComparisonReport } from "../../src/compare/comparison-report.ts";
import { type LayerStep, seriesReport } from "../../src/compare/series-report.ts";
import { writeComparison } from "../../src/report/comparison-files.ts";
import { picturedTracks } from "../../src/report/comparison-pictures.ts";

/** A layer of one neuron that keeps its direction, from one step to the next. */
const step = (from: number, base: string, other: string, [before, after]: readonly [number, number]) => {
  const neuron = (value: number) => ({ singularValues: Float64Array.of(value), directed: Uint8Array.of(1) });
  const match = {
    base: 0,
    other: 0,
    leftCosine: 1,
    rightCosine: 1,
    similarity: 1,
    logP: -9,
    logPCorrected: -9,
  };
  return {
    from,
    to: from + 1,
    base,
    other,
    neurons: { base: neuron(before), other: neuron(after) },
    matches: [match],
  } satisfies LayerStep;
};

/** Two layers, of which the first has another name at each step: at last the one that the other has at first. */
const SERIES = seriesReport(
  "net",
  ["a", "b", "c"].map((id, at) => ({ id, step: at })),
  [
    step(0, "up", "wide", [1, 2]),
    step(0, "down", "narrow", [4, 5]),
    step(1, "wide", "down", [2, 3]),
    step(1, "narrow", "exit", [5, 6]),
  ],
  Math.log(0.001),
);

describe("the picture of a series", () => {
  it("has each layer's tracks in its panel, also where its name changes", () => {
    const values = picturedTracks(SERIES).layers.map(({ name, tracks }) =>
      [name, tracks.map((track) => track.map((point) => [point.step, point.singularValue]))] as const
    );
    expect(values).toEqual([
      ["down", [[[0, 1], [1, 2], [2, 3]]]],
      ["exit", [[[0, 4], [1, 5], [2, 6]]]],
    ]);
  });
});

describe("the files of a comparison", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "comparison-files-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("are those of the last one; what is the user's stays", async () => {
    const nothing: ComparisonReport = { comparisons: [], forest: [], series: [] };
    await writeFile(join(folder, "notes.txt"), "mine");
    await writeFile(join(folder, "tracks.parquet"), "of an older version");
    await writeFile(join(folder, "forest.svg"), "of a comparison of all with all");
    const written = async (report: ComparisonReport) => {
      const names = await writeComparison(report, folder);
      expect((await readdir(folder)).sort()).toEqual([...names, "notes.txt"].sort());
      return names.filter((name) => !name.startsWith("comparison."));
    };
    expect(await written({ ...nothing, series: [SERIES, SERIES] })).toEqual(["tracks.svg", "tracks-2.svg"]);
    expect(await written({ ...nothing, series: [SERIES] })).toEqual(["tracks.svg"]);
    expect(await written(nothing)).toEqual([]);
  });
});
