import { readFile, writeFile } from "node:fs/promises";
import { env } from "node:process";
import { beforeAll, describe, expect, it } from "vitest";
import { pValueMeaning } from "../../src/model/p-value.ts";
import { EDGE_CLASSES, edgeStyle, INTENSITY_OPACITIES } from "../../src/viewer/palette.ts";
import { drawPicture } from "../../src/viewer/picture.ts";
import type { PictureData, PictureSettings } from "../../src/viewer/picture-data.ts";
import { chainOf, deep, HOSTILE, layer, odd, plain, single, strongestOf, TEST } from "./pictured.ts";
import { parsed } from "./parsed-svg.ts";
import { wellFormed } from "./well-formed.ts";

const LINEAR = { scale: "linear" } as const;
const LOG = { scale: "log" } as const;

/** With `SVRFLOW_UPDATE_PICTURES=1` pictures are written anew; look at each before it is committed. */
const UPDATE = env["SVRFLOW_UPDATE_PICTURES"] === "1";

const PICTURES: readonly (readonly [name: string, data: () => Promise<PictureData>, PictureSettings])[] = [
  ["plain", plain, LINEAR],
  ["plain-log", plain, LOG],
  ["plain-normalized-bare", plain, { scale: "linear", normalize: true, bare: true }],
  ["odd", odd, LINEAR],
  ["odd-log", odd, LOG],
  ["single", single, LINEAR],
  ["no-layers", async () => ({ ...await single(), layers: [] }), LOG],
];

/** The drawn edges in document order. */
const edgesOf = (svg: string) =>
  parsed(svg).all('g[aria-description="edges"]').flatMap((group) =>
    group.all("path").map((path) => ({
      d: path.attribute("d"),
      colour: group.attribute("stroke"),
      width: Number(group.attribute("stroke-width")),
    }))
  );
const texts = (svg: string) => parsed(svg).all("text").map(({ text }) => text);

describe("the picture", () => {
  it.each(PICTURES)("of %s is as it was when it was last looked at", async (name, data, settings) => {
    const path = new URL(`pictures/${name}.svg`, import.meta.url);
    const svg = drawPicture(await data(), settings);
    if (UPDATE) await writeFile(path, svg);
    expect(svg).toBe(await readFile(path, "utf8"));
  });

  it.each(PICTURES)(
    "of %s is well-formed, and has nothing that runs or is fetched",
    async (_, data, settings) => {
      const svg = drawPicture(await data(), settings);
      expect(wellFormed(svg)).toEqual([]);
      expect(svg).not.toMatch(
        /<(?:script|style|foreignObject|image|use|a)\b|\shref|\son\w+=|url\(|NaN|undefined|Infinity/,
      );
    },
  );

  it("has coordinates of a tenth of a pixel", async () => {
    expect(drawPicture(await plain(), LINEAR)).not.toMatch(
      / (?:d|c?x|c?y|transform)="[^"]*\d\.\d\d[^"]*"(?<!em")/,
    );
  });

  it("draws an edge from its source's place to its target's", async () => {
    const values = [4, 3, 1];
    const layers = values.map((value, at) => ({
      ...layer(`l${at}`, 1),
      singularValues: Float64Array.of(value),
    }));
    const edges = await strongestOf([[0, 0, 1, 0, 0.2], [1, 0, 2, 0, 0.9], [0, 0, 2, 0, 0.5]]);
    const svg = drawPicture({ model: "m", layers, edges, test: null, chain: "none" }, LINEAR);
    const ends = edgesOf(svg).map(({ d }) => d.match(/-?[\d.]+/g)!.map(Number)).map((numbers) => ({
      x1: numbers[0]!,
      y1: numbers[1]!,
      x2: numbers.at(-2)!,
      y2: numbers.at(-1)!,
      rise: numbers[3]!,
    }));
    const [first, over, second] = [ends[0]!, ends[1]!, ends[2]!];
    // Layers are equally far apart and the axis begins at 0, so that heights are as the singular values.
    expect(second.x1).toBe(first.x2);
    expect(second.x2 - second.x1).toBeCloseTo(first.x2 - first.x1, 0);
    expect([over.x1, over.y1, over.x2, over.y2]).toEqual([first.x1, first.y1, second.x2, second.y2]);
    expect((first.y2 - first.y1) / (second.y2 - second.y1)).toBeCloseTo((4 - 3) / (3 - 1), 2);
    // The one that passes over a layer rises above both of its ends.
    expect(over.rise).toBeLessThan(Math.min(over.y1, over.y2));
  });
});

describe("the lines above it", () => {
  it.each([[5, 5, "all"], [2, 5, "2 of 5"]])(
    "say first that the topology is guessed: %i of %i connections",
    async (connections, of, words) => {
      const svg = drawPicture({ ...await plain(), guessed: { connections, of } }, LINEAR);
      expect(texts(svg)[1]).toBe(`topology guessed: ${words} connections are guessed from names and shapes`);
      expect(drawPicture(await plain(), LINEAR)).not.toContain("guessed");
    },
  );

  it.each(["rotation", "beta", "chi2", "none of ours"])(
    "say what p means under a null named %s",
    async (name) => {
      const svg = drawPicture({ ...await plain(), test: { ...TEST, null: name } }, LINEAR);
      const [words] = texts(svg).join(" ").match(/significant: .*(?= dominant connection:)/)!;
      expect(words).toBe(
        `significant: p at most 0.00135 (3 sigma) under the ${name} null, corrected (bh) over the connection; ${
          pValueMeaning(name).short
        }`,
      );
    },
  );
});

describe("edges", () => {
  const widths = Array.from({ length: EDGE_CLASSES }, (_, at) => edgeStyle(at / (EDGE_CLASSES - 1)));

  it("are drawn in styles of the palette, the strongest last", async () => {
    const drawn = edgesOf(drawPicture(await plain(), LINEAR));
    expect(drawn).toHaveLength(120);
    expect(widths.map(({ colour }) => colour)).toEqual(
      expect.arrayContaining(drawn.map(({ colour }) => colour)),
    );
    expect(drawn.map(({ width }) => width)).toEqual(drawn.map(({ width }) => width).sort((a, b) => a - b));
    expect(new Set(drawn.map(({ width }) => width)).size).toBeGreaterThan(4);
  });

  it("end in document order with the strongest, whatever class they are in", async () => {
    const layers = [layer("a", 6), layer("b", 6)];
    const edges = await strongestOf(
      [0.5, 0.9, 0.1, 0.51, 0.52, 0.3].map((weight, at) => [0, at, 1, at, weight]),
    );
    const svg = drawPicture({ model: "m", layers, edges, test: null, chain: "none" }, LINEAR);
    const heights = edgesOf(svg).map(({ d }) => Number(d.split(",")[1]!.split("C")[0]));
    // Neurons from weakest to strongest: 2, 5, 0, 3, 4, 1; smaller numbers stand higher.
    const rank = [...heights].sort((a, b) => a - b);
    expect(heights.map((height) => rank.indexOf(height))).toEqual([2, 5, 0, 3, 4, 1]);
  });

  it("that are left out are counted in the picture", async () => {
    const data = await plain();
    for (const most of [1, 7, 119, 120, 500]) {
      const svg = drawPicture({ ...data, edges: cut(data.edges, most) }, LINEAR);
      expect(edgesOf(svg)).toHaveLength(Math.min(most, 120));
      const left = 120 - Math.min(most, 120);
      expect(texts(svg).join("\n")).toContain(
        `${Math.min(most, 120)} of 120 edges drawn, ${left === 0 ? "none" : `the ${left} weakest`} left out`,
      );
    }
  });

  it("that are not significant are counted", async () => {
    const data = await plain();
    const edges = { ...data.edges, insignificant: 12_345 };
    expect(texts(drawPicture({ ...data, edges }, LINEAR))[1]).toContain(
      "none left out; 12,345 not significant, drawn in the dominant connection only",
    );
    expect(texts(drawPicture({ ...data, edges, chain: "none" }, LINEAR))[1]).toMatch(
      /; 12,345 not significant, not drawn$/,
    );
  });

  it("whose weights are all equal, infinite or no numbers are drawn", async () => {
    const layers = [layer("a", 4), layer("b", 4)];
    for (const weights of [[1, 1, 1], [NaN, 1, 2], [-Infinity, Infinity, 0], [NaN, NaN, NaN], [-3, -2, -1]]) {
      const edges = await strongestOf(weights.map((weight, at) => [0, at, 1, at, weight]));
      const svg = drawPicture({ model: "m", layers, edges, test: null, chain: "none" }, LINEAR);
      expect(edgesOf(svg)).toHaveLength(3);
      expect(wellFormed(svg)).toEqual([]);
    }
  });

  it.each(
    [
      [[0, 4, 1, 0, 1], /found neuron 4 of layer 0, required one of its 4/],
      [[0, 0, 1, -1, 1], /found neuron -1 of layer 1/],
      [[0, 0, 7, 0, 1], /found neuron 0 of layer 7, required one of its 0/],
    ] as const,
  )("of neurons that are none are refused: %j", async (ends, message) => {
    const layers = [layer("a", 4), layer("b", 4)];
    const edges = await strongestOf([ends]);
    expect(() => drawPicture({ model: "m", layers, edges, test: null, chain: "none" }, LINEAR)).toThrow(
      message,
    );
  });
});

/** The strongest of edges that stand weakest first. */
function cut(edges: PictureData["edges"], most: number): PictureData["edges"] {
  return {
    ...edges,
    count: Math.min(most, edges.count),
    sourceLayer: edges.sourceLayer.slice(-most),
    sourceNeuron: edges.sourceNeuron.slice(-most),
    targetLayer: edges.targetLayer.slice(-most),
    targetNeuron: edges.targetNeuron.slice(-most),
    part: edges.part.slice(-most),
    strength: edges.strength.slice(-most),
    overlap: edges.overlap.slice(-most),
    logP: edges.logP.slice(-most),
  };
}

describe("neurons", () => {
  it("of drawn edges are dots, one each, coloured by kind and paler with less intensity", async () => {
    const data = await plain();
    const document = parsed(drawPicture(data, LINEAR));
    const groups = document.all('g[aria-label="dot"]');
    const ends = new Set<string>();
    for (let at = 0; at < data.edges.count; at++) {
      ends.add(`${data.edges.sourceLayer[at]} ${data.edges.sourceNeuron[at]}`);
      ends.add(`${data.edges.targetLayer[at]} ${data.edges.targetNeuron[at]}`);
    }
    expect(groups.flatMap((group) => group.all("circle"))).toHaveLength(ends.size);
    const blues = groups.map((group) => group.attribute("fill")).filter((fill) => fill === "#0072b2");
    expect(blues).toHaveLength(1);
    expect(groups.length).toBeGreaterThan(INTENSITY_OPACITIES.length);
  });

  it("that are near-kernels are hollow, and stand in a band up to the threshold", async () => {
    const svg = drawPicture(await plain(), LINEAR);
    const hollow = parsed(svg).all('g[aria-description="near-kernels with edges"]');
    expect(hollow.length).toBeGreaterThan(0);
    expect(hollow.map((group) => group.attribute("fill"))).toEqual(hollow.map(() => "#ffffff"));
    const band = parsed(svg).all('path[aria-label="near-kernels"]')[0]!.attribute("d");
    const data = await plain();
    expect(band.match(/M/g)).toHaveLength(
      data.layers.filter(({ nearKernel }) => nearKernel.includes(1)).length,
    );
  });

  it("all have a tick, and the legend counts those that share one", async () => {
    const data = await plain();
    const svg = drawPicture(data, LINEAR);
    const ticks = parsed(svg).all('g[aria-label="neurons"] path')
      .reduce((sum, path) => sum + (path.attribute("d").match(/h/g)?.length ?? 0), 0);
    const shared = Number(/every neuron \((\d+) share/.exec(svg)?.[1] ?? 0);
    expect(shared).toBeGreaterThan(0);
    expect(ticks + shared).toBe(
      data.layers.reduce((sum, { singularValues }) => sum + singularValues.length, 0),
    );
  });

  it("of singular value 0 stand on the floor of a logarithmic axis, which says so", async () => {
    const svg = drawPicture(await odd(), LOG);
    expect(texts(svg)).toContain("≤ 1e-4");
    expect(texts(drawPicture(await plain(), LOG)).some((text) => text.startsWith("≤"))).toBe(false);
  });
});

describe("the dominant connection", () => {
  it("is drawn last, with its direction and its neurons, and told in words", async () => {
    const svg = drawPicture(await plain(), LINEAR);
    const lines = parsed(svg).all('g[aria-description="dominant connection"] path');
    expect(lines).toHaveLength(4);
    expect(svg.lastIndexOf('aria-description="edges"')).toBeLessThan(
      svg.indexOf('aria-description="dominant connection"'),
    );
    expect(texts(svg)).toContain(
      "dominant connection: 4 edges from features.3 #0 to classifier.1 #0, joint p 5.1e-435",
    );
    expect(texts(svg).filter((text) => text === "#1")).toHaveLength(2);
  });

  it.each(
    [["none", "none beyond chance"], ["unknown", "not known, the report of its run is not at hand"]] as const,
  )(
    "is not drawn where it is %s",
    async (chain, words) => {
      const svg = drawPicture({ ...await plain(), chain }, LINEAR);
      expect(parsed(svg).all('g[aria-description="dominant connection"]')).toHaveLength(0);
      expect(texts(svg)).toContain(`dominant connection: ${words}`);
      expect(svg).not.toContain("#d55e00");
    },
  );

  it("of neurons that are none is refused", async () => {
    const data = await plain();
    expect(() => drawPicture({ ...data, chain: chainOf([[0, 0], [1, 99]]) }, LINEAR)).toThrow(
      /neuron 99 of layer 1/,
    );
    expect(() => drawPicture({ ...data, chain: chainOf([[0, 0]]) }, LINEAR)).toThrow(/no edge/);
  });
});

describe("names", () => {
  it("are escaped and shortened, whatever they hold", async () => {
    const layers = HOSTILE.map((name) => layer(name, 3, { kind: name }));
    const data = { ...await single(), layers, edges: await strongestOf([[0, 0, 1, 0, 1]]) };
    for (const model of HOSTILE) {
      const test = { ...TEST, null: model, correction: model, correctionOver: model, weight: model };
      const svg = drawPicture({ ...data, model, test }, LINEAR);
      expect(wellFormed(svg)).toEqual([]);
      expect(svg).not.toContain("<script>");
      expect(texts(svg).every((text) => [...text].length < 400)).toBe(true);
      expect(svg).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Cs}]/u);
    }
  });
});

describe("size", () => {
  let large: PictureData;
  beforeAll(async () => {
    large = await deep(120, 512, 8000);
  });

  it("of 120 layers with 512 neurons each and 8,000 edges is below 2 MB", () => {
    const svg = drawPicture(large, LINEAR);
    expect(edgesOf(svg)).toHaveLength(8000);
    expect(new TextEncoder().encode(svg).length).toBeLessThan(2e6);
  });

  it("of 3,000 layers is too", async () => {
    const svg = drawPicture(await deep(3000, 64, 8000), LINEAR);
    expect(new TextEncoder().encode(svg).length).toBeLessThan(2e6);
    expect(/viewBox="0 0 (\d+)/.exec(svg)?.[1]).toBe("4000");
  });

  it("leaves room between the names of layers", () => {
    const names = parsed(drawPicture(large, LINEAR)).all('g[aria-label="layers"] text');
    expect(names).toHaveLength(120);
    const x = names.map((name) => Number(/translate\(([\d.]+)/.exec(name.attribute("transform"))?.[1]));
    const gaps = x.slice(1).map((value, at) => value - x[at]!);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(12);
  });

  it("is not for more edges", () => {
    const { edges, ...data } = large;
    expect(() => drawPicture({ ...data, edges: { ...edges, count: 8001 } }, LINEAR))
      .toThrow(/found 8001, required at most 8000/);
  });
});
