/** The picture of a layer's spectrum, and what it is drawn from. */

import { readFile, writeFile } from "node:fs/promises";
import { env } from "node:process";
import { describe, expect, it } from "vitest";
import type { SpectrumData } from "../../src/viewer/spectrum/spectrum-data.ts";
import { drawSpectrum } from "../../src/viewer/spectrum/spectrum-picture.ts";
import { parsed } from "./parsed-svg.ts";
import { HOSTILE, seeded } from "./pictured.ts";
import { wellFormed } from "./well-formed.ts";

const UPDATE = env["SVRFLOW_UPDATE_PICTURES"] === "1";

/** Noise between two edges, and a tail above them. */
const PLAIN: SpectrumData = (() => {
  const random = seeded(4);
  const noise = Array.from({ length: 90 }, () => 0.2 + 1.8 * random() ** 2);
  const tail = Array.from({ length: 30 }, () => 2 * random() ** -0.6);
  return {
    model: "net",
    layer: "net.conv2",
    kind: "conv",
    eigenvalues: Float64Array.from([...noise, ...tail]).sort(),
    spikes: 24,
    bulk: { min: 0.2, max: 2.1, distance: 0.06 },
    tail: { alpha: 2.6, xmin: 1.9, count: 34, low: 2.1, high: 3.4, p: 0.4 },
  };
})();

const BARE: SpectrumData = { ...PLAIN, spikes: null, bulk: null, tail: null };
const said = (svg: string) => parsed(svg).all("text").map(({ text }) => text).join("\n");
const marks = (svg: string, name: string) => parsed(svg).all(`g[aria-description="${name}"]`);

describe("the picture of a spectrum", () => {
  it.each([["spectrum", PLAIN, false], ["spectrum-bare", BARE, true]] as const)(
    "%s is as it was when it was last looked at",
    async (name, data, bare) => {
      const path = new URL(`pictures/${name}.svg`, import.meta.url);
      const svg = drawSpectrum(data, bare);
      expect(wellFormed(svg)).toEqual([]);
      if (UPDATE) await writeFile(path, svg);
      expect(svg).toBe(await readFile(path, "utf8"));
    },
  );

  it("has a bar for each bin with an eigenvalue and for no other", () => {
    const data = { ...BARE, eigenvalues: Float64Array.of(1, 1, 1, 10, 100, 100) };
    const bars = parsed(drawSpectrum(data)).all('g[aria-description="density"] rect');
    expect(bars.length).toBe(3);
  });

  it("has a tick for each spike, the law of noise and the power law, and none of what is not there", () => {
    const svg = drawSpectrum(PLAIN);
    expect(parsed(svg).all('g[aria-description="spike"] line').length).toBe(24);
    expect([marks(svg, "noise"), marks(svg, "power law")].map(({ length }) => length)).toEqual([1, 1]);
    const other = drawSpectrum(BARE);
    for (const name of ["spike", "noise", "power law"]) expect(marks(other, name).length, name).toBe(0);
  });

  it("says that there is no power law where the goodness of fit refuses it", () => {
    expect(said(drawSpectrum(PLAIN))).toContain("goodness of fit 0.4");
    const tail = { ...PLAIN.tail!, p: 0.02 };
    expect(said(drawSpectrum({ ...PLAIN, tail }))).toContain("no power law here");
    expect(said(drawSpectrum(BARE))).toContain("no power law could be fitted");
  });

  it("is drawn of one eigenvalue, of equal ones, of zeros among others, and under any name", () => {
    for (const eigenvalues of [[3], [2, 2, 2, 2], [0, 0, 1e-20, 5, 6], [1e-300, 1e300]]) {
      const data = { ...BARE, eigenvalues: Float64Array.from(eigenvalues) };
      const svg = drawSpectrum(data);
      expect(wellFormed(svg)).toEqual([]);
      expect(svg).not.toMatch(/NaN|Infinity/);
    }
    for (const name of HOSTILE) {
      expect(wellFormed(drawSpectrum({ ...PLAIN, layer: name, model: name }))).toEqual([]);
    }
    expect(said(drawSpectrum({ ...BARE, eigenvalues: Float64Array.of(0, 0, 5, 6) }))).toContain(
      "2 of them below",
    );
  });
});
