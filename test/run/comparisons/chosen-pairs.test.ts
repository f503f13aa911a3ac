import { describe, expect, it } from "vitest";
import { runConfigOf } from "../../../config/load.ts";
import { chosenPairs } from "../../../src/run/comparisons/chosen-pairs.ts";

const MODELS = [
  { id: "x/2", series: "x", step: 2 },
  { id: "y/1", series: "y", step: 1 },
  { id: "x/10", series: "x", step: 10 },
  { id: "alone" },
  { id: "x/1", series: "x", step: 1 },
  { id: "y/0", series: "y", step: 0 },
];
const chosen = (compare: object) =>
  chosenPairs({ leading: 10, cosine: 0.5, fileOrder: false, ...compare }, MODELS).map((pair) =>
    pair.map((at) => MODELS[at]!.id).join(" > ")
  );

describe("the pairs that a config asks for", () => {
  it("are those that it names, each once and none with itself", () => {
    const pairs = [["x/1", "y/1"], ["x/1", "y/1"], ["y/1", "x/1"], ["alone", "alone"]];
    expect(chosen({ pairs })).toEqual(["x/1 > y/1", "y/1 > x/1"]);
  });

  it("are a base with all others, all with all, or each checkpoint with the next by its step", () => {
    expect(chosen({ base: "alone" })).toEqual(
      ["x/2", "y/1", "x/10", "x/1", "y/0"].map((id) => `alone > ${id}`),
    );
    expect(chosen({ all: true })).toHaveLength(15);
    expect(chosen({ series: true })).toEqual(["x/1 > x/2", "x/2 > x/10", "y/0 > y/1"]);
  });

  it("must be of the run", () => {
    expect(() => chosen({ base: "z" })).toThrow(/compare\.base: found "z", required .* such as "x\/2"/);
    expect(() => chosen({ pairs: [["x/1", "z"]] })).toThrow(/compare\.pairs: found "z"/);
    const one = [{ id: "a", series: "s", step: 1 }];
    const settings = { leading: 10, cosine: 0.5, fileOrder: false };
    expect(() => chosen({ pairs: [["alone", "alone"]] })).toThrow(
      /compare: found 6 models, required two models/,
    );
    // More may come: a nightly run begins with one.
    for (const compare of [{ all: true }, { base: "a" }, { series: true }] as const) {
      expect(chosenPairs({ ...settings, ...compare }, one)).toEqual([]);
    }
    expect(() => chosenPairs({ ...settings, series: true }, [{ id: "a" }, { id: "b" }])).toThrow(
      /found 0 checkpoints, required two checkpoints of one series/,
    );
  });
});

describe("the section compare", () => {
  const read = (settings: object) => runConfigOf({ models: "m", ...settings }).config.compare;

  it("says exactly one thing, and has the two numbers of intruders", () => {
    expect(read({})).toBe(undefined);
    expect(read({ compare: { all: true } })).toEqual({
      all: true,
      leading: 10,
      cosine: 0.5,
      fileOrder: false,
    });
    for (
      const wrong of [{}, { all: true, series: true }, { all: false }, { pairs: [] }, { pairs: [["a"]] }]
    ) {
      expect(() => read({ compare: wrong }), JSON.stringify(wrong)).toThrow(/compare/);
    }
  });

  it("is of neurons that the run has", () => {
    const compare = { all: true };
    expect(() => read({ compare, unfolding: "cosvr" })).toThrow(/unfolding svr and no number as rank/);
    expect(() => read({ compare, rank: 3 })).toThrow(/unfolding svr and no number as rank/);
  });
});
