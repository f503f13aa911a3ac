import { describe, expect, it } from "vitest";
import { edgesFor } from "../../src/viewer/picture-data.ts";
import { drawPicture } from "../../src/viewer/picture.ts";
import { parsed } from "./parsed-svg.ts";
import { deep, layer, odd, plain, seeded, strongestOf, TEST } from "./pictured.ts";

const LINEAR = { scale: "linear" } as const;
const texts = (svg: string) => parsed(svg).all("text").map(({ text }) => text);
const titlesIn = (svg: string, group: string) =>
  parsed(svg).all(`${group} > * > title`).map(({ text }) => text);
const EDGES = 'g[aria-description="edges"]';
const DOTS = 'g[aria-label="dot"]';

describe("the number of edges that is drawn where nobody says one", () => {
  it("falls with the number of layers", () => {
    const numbers = [0, 1, 3, 8, 16, 36, 56, 400].map(edgesFor);
    expect(numbers).toEqual([600, 600, 350, 210, 150, 100, 100, 100]);
  });
});

describe("titles", () => {
  it("tell of every edge where it runs and how sure it is", async () => {
    const layers = [layer("model.a", 4), layer("model.b", 4), layer("model.c", 4)];
    const edges = await strongestOf([[0, 1, 1, 2, 0.5], [1, 3, 2, 0, 7]]);
    const svg = drawPicture({ model: "m", layers, edges, test: TEST, chain: "none" }, LINEAR);
    expect(titlesIn(svg, EDGES)).toEqual([
      "a #1 → b #2\noverlap 0.5, p 4.5e-5",
      "b #3 → c #0\noverlap 0.5, p 4.5e-5, weight 7",
    ]);
  });

  it("name the head where a connection has several", async () => {
    const data = {
      ...await plain(),
      layers: [layer("q", 4), layer("o", 4), layer("out", 4)],
      chain: "none" as const,
    };
    const edges = await strongestOf([[0, 0, 1, 0, 1], [0, 0, 1, 1, 2], [1, 0, 2, 0, 3]]);
    const svg = drawPicture({ ...data, edges: { ...edges, part: Int32Array.of(0, 2, 0) } }, LINEAR);
    expect(titlesIn(svg, EDGES).map((title) => /head \d+/.exec(title)?.[0])).toEqual([
      "head 0",
      "head 2",
      undefined,
    ]);
  });

  it("tell of every neuron with an edge its singular value and its share", async () => {
    const data = await plain();
    const svg = drawPicture(data, LINEAR);
    const found = titlesIn(svg, DOTS);
    expect(found).toHaveLength(parsed(svg).all(`${DOTS} circle`).length);
    for (const title of found) {
      const [, name, neuron, value, share, near] =
        /^(.*) #(\d+)\nsingular value (\S+), (?:< )?(\d+) % of the layer's largest(, near-kernel)?$/.exec(
          title,
        )!;
      const { singularValues, nearKernel } = data.layers.find((each) => each.name === name)!;
      const is = singularValues[Number(neuron)]!;
      expect(Number(value)).toBeCloseTo(is, 2);
      expect(Math.abs(Number(share) - 100 * is / singularValues[0]!)).toBeLessThanOrEqual(1);
      expect(near !== undefined).toBe(nearKernel[Number(neuron)] === 1);
    }
  });

  it("tell of every neuron of a small model, also of those that share a tick", async () => {
    const data = await plain();
    const found = titlesIn(drawPicture(data, LINEAR), 'g[aria-label="neurons"]');
    const told = found.flatMap((title) => {
      const [, name, first, last = first] = /^(.*?) #(\d+)(?: to #(\d+))?\n/.exec(title)!;
      return Array.from(
        { length: Number(last) - Number(first) + 1 },
        (_, at) => `${name} ${Number(first) + at}`,
      );
    });
    expect(told.sort()).toEqual(
      data.layers.flatMap(({ name, singularValues }) =>
        Array.from(singularValues, (_, at) => `${name} ${at}`)
      ).sort(),
    );
  });

  it("tell of every layer its whole name, where its name is shortened too", async () => {
    const layers = ["model.layers.0.q", "model.layers.1.q"].map((name) =>
      layer(name, 5, { random: seeded(3) })
    );
    const edges = await strongestOf([]);
    const svg = drawPicture({ model: "m", layers, edges, test: null, chain: "none" }, LINEAR);
    expect(parsed(svg).all('g[aria-label="layers"] text').map(({ text }) => text)).toEqual(["0.q", "1.q"]);
    expect(texts(svg)).toContain("layer (names without model.layers.), in the order of the signal →");
    for (const group of ['g[aria-label="layers"]', 'g[aria-label="columns"]']) {
      expect(titlesIn(svg, group).map((title) => title.split("\n")[0])).toEqual(
        layers.map(({ name }) => name),
      );
    }
    expect(titlesIn(svg, 'g[aria-label="columns"]')[0]).toMatch(
      /\nconv, 5 neurons, singular values 0\.\d+ to 1/,
    );
  });

  it("are left to layers where there are more edges or neurons than a file has room for", async () => {
    const svg = drawPicture(await deep(30, 40, 2001), LINEAR);
    expect(titlesIn(svg, EDGES)).toEqual([]);
    expect(titlesIn(svg, DOTS)).toEqual([]);
    expect(titlesIn(svg, 'g[aria-label="neurons"]')).toEqual([]);
    expect(titlesIn(svg, 'g[aria-label="columns"]')).toHaveLength(30);
    expect(titlesIn(drawPicture(await deep(30, 40, 2000), LINEAR), EDGES)).toHaveLength(2000);
  });
});

describe("a normalized picture", () => {
  it("has the largest singular value of each layer at one height, and titles tell what it is", async () => {
    const layers = [10, 1, 0.1].map((largest, at) => layer(`l${at}`, 3, { largest, smallest: largest / 2 }));
    const edges = await strongestOf([[0, 0, 1, 0, 1], [1, 0, 2, 0, 2]]);
    const heights = (normalize: boolean) => {
      const svg = drawPicture({ model: "m", layers, edges, test: null, chain: "none" }, {
        ...LINEAR,
        normalize,
      });
      return parsed(svg).all(`${DOTS} circle`).map((dot) => dot.attribute("cy"));
    };
    expect(new Set(heights(false)).size).toBe(3);
    expect(new Set(heights(true)).size).toBe(1);
    const svg = drawPicture({ model: "m", layers, edges, test: null, chain: "none" }, {
      ...LINEAR,
      normalize: true,
    });
    expect(titlesIn(svg, DOTS)[0]).toBe("l0 #0\nsingular value 10, 100 % of the layer's largest");
    expect(texts(svg)).toContain("singular value, as a share of the layer's largest ↑");
  });

  it("leaves a layer of zeros as it is", async () => {
    expect(drawPicture(await odd(), { ...LINEAR, normalize: true })).not.toMatch(/NaN|Infinity/);
  });
});

describe("a bare picture", () => {
  it("is what stands below head and legend, which describe it", async () => {
    const [whole, bare] = [
      drawPicture(await plain(), LINEAR),
      drawPicture(await plain(), { ...LINEAR, bare: true }),
    ];
    const frame = (svg: string) => parsed(svg).all("svg > g:not([aria-label])").at(-1)!;
    const inner = (svg: string) =>
      frame(svg).all('g[aria-description="edges"] path').map((path) => path.attribute("d"));
    expect(inner(bare)).toEqual(inner(whole));
    expect(parsed(bare).all('g[aria-label="legend"]')).toEqual([]);
    expect(texts(bare)).not.toContain("plain/epoch-012");
    expect(parsed(bare).all("desc")[0]!.text).toContain("120 of 120 edges drawn, none left out");
    const height = (svg: string) => Number(/ height="(\d+)"/.exec(svg)?.[1]);
    expect(height(bare)).toBeLessThan(height(whole));
  });
});
