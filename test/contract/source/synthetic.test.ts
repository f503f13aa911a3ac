import { describe, expect, it } from "vitest";
import { openSynthetic, type SyntheticSpec } from "../../../connectors/sources/synthetic.ts";

const SPEC: SyntheticSpec = {
  seed: 7,
  layers: [
    { name: "conv", out: 60, in: 50, kernel: [3, 3] },
    { name: "fc", out: 40, in: 60, positions: 4 },
    { name: "grouped", out: 40, in: 40, kernel: [3], groups: 4 },
  ],
};

describe("source: synthetic", () => {
  it("lists its layers as tensors, and knows its topology", async () => {
    const model = openSynthetic(SPEC, "gauss");
    expect(model).toMatchObject({ id: "gauss", uri: "synthetic:gauss", format: "synthetic" });
    expect(model.tensors.map(({ name, shape }) => [name, shape])).toEqual([
      ["conv.weight", [60, 50, 3, 3]],
      ["fc.weight", [40, 240]],
      ["grouped.weight", [40, 10, 3]],
    ]);
    expect(
      model.graph?.connections.map(({ source, target, via, evidence }) => [source, target, via, evidence]),
    ).toEqual([
      [0, 1, "flatten", "declared"],
      [1, 2, "direct", "declared"],
    ]);
    for (const { name, shape } of model.tensors) {
      expect(await model.read(name)).toHaveLength(shape.reduce((product, extent) => product * extent, 1));
    }
  });

  it("gives the same weights for the same seed, others for another, and none that two layers share", async () => {
    const weights = (seed: number, name = "fc.weight") => openSynthetic({ ...SPEC, seed }, "any").read(name);
    expect(await weights(7)).toEqual(await weights(7));
    expect(await weights(8)).not.toEqual(await weights(7));
    const first = new Set(await weights(7, "conv.weight"));
    expect([...await weights(7)].filter((value) => first.has(value))).toEqual([]);
  });

  it("draws from N(0, 1/fan_in): moments within five standard errors", async () => {
    const values = await openSynthetic(SPEC, "m").read("conv.weight");
    const fanIn = 450;
    const moment = (power: number) =>
      values.reduce((sum, value) => sum + (value * Math.sqrt(fanIn)) ** power, 0) / values.length;
    // Variances of x, x^2, x^3 and x^4 for a standard normal x: 1, 2, 15, 96.
    [[1, 0, 1], [2, 1, 2], [3, 0, 15], [4, 3, 96]].forEach(([power = 0, expected = 0, variance = 0]) => {
      expect(Math.abs(moment(power) - expected)).toBeLessThan(5 * Math.sqrt(variance / values.length));
    });
  });

  it("is digested by its spec", async () => {
    const [digest] = await openSynthetic(SPEC, "a").inputs();
    const [other] = await openSynthetic({ ...SPEC, seed: 8 }, "a").inputs();
    expect(digest?.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(other?.sha256).not.toBe(digest?.sha256);
  });

  it.each<[string, SyntheticSpec, RegExp]>([
    [
      "groups that do not divide",
      { seed: 1, layers: [{ name: "a", out: 6, in: 4, groups: 4 }] },
      /"a", groups: found 4, required a divisor/,
    ],
    ["layers that do not fit", {
      seed: 1,
      layers: [{ name: "a", out: 6, in: 4 }, { name: "b", out: 2, in: 5 }],
    }, /"a" -> "b": found 6 out and 5 in/],
    ["an unknown layer", {
      seed: 1,
      layers: [{ name: "a", out: 6, in: 4 }],
      connections: [{ from: "a", to: "z" }],
    }, /"a" -> "z": required two of the layers a/],
    ["a range that leaves a layer", {
      seed: 1,
      layers: [{ name: "a", out: 6, in: 4 }, { name: "b", out: 2, in: 6 }],
      connections: [{ from: "a", to: "b", channels: [{ source: 3, target: 0, length: 4 }] }],
    }, /required a map that fits/],
  ])("refuses %s", (_, spec, says) => {
    expect(() => openSynthetic(spec, "bad")).toThrow(says);
  });

  it("refuses a tensor that it does not hold", async () => {
    await expect(openSynthetic(SPEC, "gauss").read("__proto__")).rejects.toThrow(
      /gauss: found no tensor "__proto__"/,
    );
  });
});
