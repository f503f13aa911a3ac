import { readFile, writeFile } from "node:fs/promises";
import { env } from "node:process";
import { describe, expect, it } from "vitest";
import { drawComparison, type PicturedComparison } from "../../src/viewer/comparisons/comparison-picture.ts";
import { drawForest } from "../../src/viewer/comparisons/forest-picture.ts";
import { drawTracks, type PicturedTrackSeries } from "../../src/viewer/comparisons/tracks-picture.ts";
import { parsed } from "./parsed-svg.ts";
import { HOSTILE } from "./pictured.ts";
import { wellFormed } from "./well-formed.ts";

const UPDATE = env["SVRFLOW_UPDATE_PICTURES"] === "1";
const BOUND = 2 * 2 ** 20;

const values = (...all: number[]) => Float64Array.from(all);

const COMPARISON: PicturedComparison = {
  base: "net/early",
  other: "net/late",
  layers: [
    {
      name: "blocks.0.up",
      base: values(4, 3, 2, 1),
      other: values(6, 3.5, 3, 1),
      matches: [
        { base: 0, other: 2, similarity: 0.9 },
        { base: 1, other: 1, similarity: -0.4 },
        { base: 3, other: 3, similarity: 1 },
      ],
      intruders: [0],
    },
    {
      name: "blocks.0.down",
      base: values(2, 1),
      other: values(2.5, 1),
      matches: [{ base: 0, other: 0, similarity: 0.99 }],
      intruders: [],
    },
  ],
};

const SERIES: PicturedTrackSeries = {
  steps: [0, 1, 10],
  layers: [{
    name: "fc1",
    tracks: [
      [{ step: 0, singularValue: 3 }, { step: 1, singularValue: 2 }, { step: 2, singularValue: 1 }],
      [{ step: 0, singularValue: 1 }, { step: 1, singularValue: 2.5 }, { step: 2, singularValue: 4 }],
      [{ step: 0, singularValue: 0.5 }],
      [{ step: 1, singularValue: 0.6 }, { step: 2, singularValue: 0.8 }],
    ],
  }],
};

const FOREST = {
  models: ["stranger", "base", "late", "tuned", "adapted"],
  links: [
    { base: "base", other: "tuned", distance: 0.05 },
    { base: "late", other: "base", distance: 0.2 },
    { base: "tuned", other: "adapted", distance: 0.1 },
  ],
};

const marks = (svg: string, label: string) => parsed(svg).all(`[aria-label="${label}"]`);
const texts = (svg: string) => parsed(svg).all("text").map(({ text }) => text);

describe("the pictures of comparisons", () => {
  it.each(
    [
      ["comparison", () => drawComparison(COMPARISON)],
      ["tracks", () => drawTracks(SERIES)],
      ["forest", () => drawForest(FOREST)],
    ] as const,
  )("%s is as it was when it was last looked at", async (name, draw) => {
    const path = new URL(`pictures/${name}.svg`, import.meta.url);
    const svg = draw();
    expect(wellFormed(svg)).toEqual([]);
    if (UPDATE) await writeFile(path, svg);
    expect(svg).toBe(await readFile(path, "utf8"));
  });

  it("join matched neurons where their singular values stand, and mark intruders", () => {
    const svg = drawComparison(COMPARISON);
    const [up, down] = marks(svg, "layer");
    // The weakest is drawn first.
    const lines = up!.all('line[aria-label="match"]');
    expect(lines).toHaveLength(3);
    const heights = (["y1", "y2"] as const).map((end) => lines.map((line) => Number(line.attribute(end))));
    const [first, second] = heights as [number[], number[]];
    expect((first[2]! - first[0]!) / (first[2]! - first[1]!)).toBeCloseTo((1 - 3) / (1 - 4), 1);
    expect((second[2]! - second[0]!) / (second[2]! - second[1]!)).toBeCloseTo((1 - 3.5) / (1 - 3), 1);
    expect(first[2]).toBe(second[2]);
    expect(up!.all('path[aria-label="intruder"]')).toHaveLength(1);
    expect(down!.all('path[aria-label="intruder"]')).toHaveLength(0);
    expect(texts(svg)).toContain("1 intruder");
    expect(texts(svg)).toContain("net/late, compared with net/early");
  });

  it("draw a track as one line, and mark where it begins and ends", () => {
    const svg = drawTracks(SERIES);
    const panel = marks(svg, "layer")[0]!;
    const points = panel.all('path[aria-label="track"]').map((line) => line.attribute("d").split("L").length);
    expect(points.sort()).toEqual([1, 2, 3, 3]);
    expect(panel.all('[aria-label="birth"]')).toHaveLength(1);
    expect(panel.all('[aria-label="death"]')).toHaveLength(1);
  });

  it("draw each family from its most joined model on, lines as long as distances", () => {
    const svg = drawForest(FOREST);
    const [title, , ...others] = texts(svg);
    expect(title).toBe("Kin, joined by least distances");
    const names = others.filter((text) => FOREST.models.includes(text));
    expect(names).toEqual(["base", "tuned", "adapted", "late", "stranger"]);
    expect(texts(svg).some((text) => text.startsWith("5 models in 2 families"))).toBe(true);
    const lengths = marks(svg, "link").map((link) => {
      const xs = link.attribute("d").match(/[ML]([\d.]+)/g)!.map((each) => Number(each.slice(1)));
      return xs.at(-1)! - xs[0]!;
    });
    // Tuned, adapted, late: 5, 10 and 20 per cent.
    expect(lengths[2]! - lengths[1]!).toBeCloseTo(2 * (lengths[1]! - lengths[0]!), 6);
  });

  it("take any name, and stay below 2 MB", () => {
    const large = Float64Array.from({ length: 2000 }, (_, at) => 2000 - at);
    const hostile = (at: number) => `${HOSTILE[at % HOSTILE.length]!} ${at}`;
    const layers = Array.from({ length: 130 }, (_, at) => ({
      name: hostile(at),
      base: large,
      other: large,
      matches: Array.from(large, (_, neuron) => ({ base: neuron, other: neuron, similarity: 0.5 })),
      intruders: [0, 1, 2],
    }));
    const tracks = Array.from(
      { length: 200 },
      () => Array.from({ length: 300 }, (_, step) => ({ step, singularValue: 1 + step })),
    );
    const models = Array.from({ length: 1000 }, (_, at) => hostile(at));
    const drawn = [
      drawComparison({ base: hostile(0), other: hostile(1), layers }),
      drawTracks({
        steps: Array.from({ length: 300 }, (_, step) => step),
        layers: layers.map(({ name }) => ({ name, tracks })),
      }),
      drawForest({
        models,
        links: models.slice(1).map((other, at) => ({ base: models[at]!, other, distance: 0.1 })),
      }),
      drawComparison({ base: "a", other: "b", layers: [] }),
      drawTracks({ steps: [0, 1], layers: [] }),
      drawForest({ models: [], links: [] }),
    ];
    for (const svg of drawn) {
      expect(svg).not.toContain("NaN");
      expect(wellFormed(svg)).toEqual([]);
      expect(svg.length).toBeLessThan(BOUND);
    }
  });
});
