import { readFile, writeFile } from "node:fs/promises";
import { env } from "node:process";
import { describe, expect, it } from "vitest";
import {
  MOST_CHECKPOINTS,
  MOST_PANELS,
  type SeriesData,
  type SeriesLayer,
} from "../../src/viewer/series-data.ts";
import { drawSeries } from "../../src/viewer/series-picture.ts";
import { parsed } from "./parsed-svg.ts";
import { HOSTILE, seeded } from "./pictured.ts";
import { wellFormed } from "./well-formed.ts";

const LINEAR = { scale: "linear" } as const;
const UPDATE = env["SVRFLOW_UPDATE_PICTURES"] === "1";

/** A layer whose leading singular values grow with the step, while the others fall. */
function grown(
  name: string,
  steps: number,
  ranks: readonly number[],
  random = seeded(name.length),
): SeriesLayer {
  return {
    name,
    kind: name.includes("fc") ? "linear" : "conv",
    ranks,
    values: Array.from(
      { length: steps },
      (_, at) =>
        ranks.map((rank) => (1 + (rank < 2 ? at : -at / (steps + 1))) / (1 + rank) + 0.01 * random()),
    ),
    neurons: new Array<number>(steps).fill(16),
    nearKernels: Array.from({ length: steps }, (_, at) => name === "net.fc" ? 2 * at : 0),
  };
}

function series(names: readonly string[], steps: readonly number[]): SeriesData {
  const layers = names.map((name) => grown(name, steps.length, [0, 1, 3, 7, 15]));
  return { series: "net", steps, layers, of: { checkpoints: steps.length, layers: layers.length } };
}

const SMALL = series(["net.conv1", "net.conv2", "net.conv3", "net.conv4", "net.fc"], [0, 1, 3, 10]);
const lines = (svg: string) => parsed(svg).all('g[aria-description="neuron"] path');
/** Where the points of a line lie across, by its stretches without a gap. */
const across = (line: ReturnType<typeof lines>[number]) =>
  line.attribute("d").split("M").slice(1).map((stretch) => stretch.match(/[\d.]+(?=,)/g)!.map(Number));
const texts = (svg: string) => parsed(svg).all("text").map(({ text }) => text);

describe("the picture of a series", () => {
  it.each([["series", LINEAR], ["series-log", { scale: "log", normalize: true, bare: true }]] as const)(
    "%s is as it was when it was last looked at",
    async (name, settings) => {
      const path = new URL(`pictures/${name}.svg`, import.meta.url);
      const svg = drawSeries(SMALL, settings);
      expect(wellFormed(svg)).toEqual([]);
      if (UPDATE) await writeFile(path, svg);
      expect(svg).toBe(await readFile(path, "utf8"));
    },
  );

  it("has a panel for each layer, in it a line for each rank through all steps", () => {
    const svg = drawSeries(SMALL, LINEAR);
    const panels = parsed(svg).all('g[aria-label="layer"]');
    expect(panels.map((panel) => panel.all("title")[0]!.text)).toEqual(SMALL.layers.map(({ name }) => name));
    expect(lines(svg)).toHaveLength(25);
    // The largest is drawn last, over the others. Steps are as far apart as they are, heights as the values.
    const points = lines(svg)[4]!.attribute("d").match(/[\d.]+,[\d.]+/g)!.map((each) =>
      each.split(",").map(Number)
    );
    const x = points.map(([at]) => at!);
    const y = points.map(([, at]) => at!);
    expect((x[3]! - x[2]!) / (x[2]! - x[1]!)).toBeCloseTo(7 / 2, 1);
    const of = SMALL.layers[0]!.values.map(([largest]) => largest!);
    expect((y[0]! - y[1]!) / (y[2]! - y[3]!)).toBeCloseTo((of[1]! - of[0]!) / (of[3]! - of[2]!), 1);
  });

  it("says how many checkpoints there are, and what became of near-kernels", () => {
    const svg = drawSeries(SMALL, LINEAR);
    expect(texts(svg)).toEqual(
      expect.arrayContaining([
        "net",
        "4 checkpoints from step 0 to step 10; 5 layers",
        "near-kernels 0 % → 38 %",
      ]),
    );
    const of = { checkpoints: 900, layers: 500 };
    expect(texts(drawSeries({ ...SMALL, of }, LINEAR))).toContain(
      "4 checkpoints (an even choice of 900) from step 0 to step 10; 5 layers (an even choice of 500)",
    );
  });

  it("is the spectrum's form alone where it is normalized", () => {
    const svg = drawSeries(SMALL, { ...LINEAR, normalize: true });
    const heights = lines(svg)[4]!.attribute("d").match(/,[\d.]+/g);
    expect(new Set(heights).size).toBe(1);
  });

  it("leaves a gap where a checkpoint has no such layer, or a neuron less", () => {
    const [layer] = SMALL.layers;
    const values = layer!.values.map((each, at) =>
      at === 1 ? [] : at === 2 ? [...each.slice(0, 4), NaN] : each
    );
    const svg = drawSeries({ ...SMALL, layers: [{ ...layer!, values }] }, LINEAR);
    expect(svg).not.toMatch(/d="[^"]*NaN/);
    expect(wellFormed(svg)).toEqual([]);
    const whole = lines(drawSeries({ ...SMALL, layers: [layer!] }, LINEAR)).map(across);
    const [x = []] = whole[0]!;
    expect(whole).toEqual(new Array(5).fill([x]));
    // Smaller ones are drawn first.
    expect(lines(svg).map(across)).toEqual([
      [[x[0]], [x[3]]],
      ...new Array<unknown>(4).fill([[x[0]], [x[2], x[3]]]),
    ]);
  });

  it("is below 2 MB with as many layers and checkpoints as are ever read, and takes hostile names", () => {
    const steps = Array.from({ length: MOST_CHECKPOINTS }, (_, at) => at * 1000);
    const names = Array.from({ length: MOST_PANELS }, (_, at) => `${HOSTILE[at % HOSTILE.length]}${at}`);
    const ranks = Array.from({ length: 12 }, (_, at) => at);
    const layers = names.map((name) => grown(name, steps.length, ranks));
    const svg = drawSeries({ ...SMALL, steps, layers }, LINEAR);
    expect(new TextEncoder().encode(svg).length).toBeLessThan(2e6);
    expect(wellFormed(svg)).toEqual([]);
    expect(svg).not.toContain("<script>");
  });
});
