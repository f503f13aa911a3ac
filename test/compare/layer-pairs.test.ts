import { describe, expect, it } from "vitest";
import { canonicalName, pairsByName, pairsBySpectrum } from "../../src/compare/layer-pairs.ts";
import { layerOf } from "../support/layer-fixture.ts";

const named = (index: number, name: string, out = 8, inputs = 6) => ({
  ...layerOf(index, out, inputs),
  name,
});

describe("corresponding layers", () => {
  it.each([
    ["blk.3.ffn_gate", "model.layers.3.mlp.gate_proj"],
    ["blk.0.attn_output", "model.layers.0.self_attn.o_proj"],
    ["token_embd", "model.embed_tokens"],
    ["output", "lm_head"],
    ["layers.7.attention.wv", "model.layers.7.self_attn.v_proj"],
    ["layers.7.feed_forward.w2", "module._orig_mod.layers.7.mlp.down_proj"],
  ])("know %s for %s", (name, other) => {
    expect(canonicalName(name)).toBe(canonicalName(other));
  });

  it("are those of one name and one shape; else of one canonical name", () => {
    const base = [named(0, "fc1"), named(1, "model.fc2"), named(2, "fc3"), named(3, "gone")];
    const other = [named(0, "fc3", 9), named(1, "module.fc2"), named(2, "fc1"), named(3, "new")];
    expect(pairsByName(base, other)).toEqual({
      pairs: [{ base: 0, other: 2, evidence: "name" }, { base: 1, other: 1, evidence: "alias" }],
      unpairedBase: [2, 3],
      unpairedOther: [0, 3],
    });
  });

  it("are not guessed where two layers have one canonical name", () => {
    const base = [named(0, "module.fc"), named(1, "model.fc")];
    expect(pairsByName(base, [named(0, "fc")]).pairs).toEqual([]);
  });

  it("are found by singular values alone where one spectrum is clearly the nearest, and only there", () => {
    const spectra = [[9, 4, 1], [7, 6, 5], [3, 2, 1]];
    const unnamed = (index: number, values: readonly number[], out = 8) => ({
      ...named(index, `layer${index}`, out),
      index,
      singularValues: Float64Array.from(values),
    });
    const base = spectra.map((values, at) => unnamed(at, values));
    const turned = [unnamed(0, [7.01, 6, 5]), unnamed(1, [3, 2, 1.02]), unnamed(2, [9, 4.01, 1])];
    expect(pairsBySpectrum(base, turned)).toEqual([
      { base: 0, other: 2, evidence: "spectrum" },
      { base: 1, other: 0, evidence: "spectrum" },
      { base: 2, other: 1, evidence: "spectrum" },
    ]);
    // Halfway between two of them: neither.
    expect(pairsBySpectrum(base, [unnamed(0, [8, 5, 3])])).toEqual([]);
    expect(pairsBySpectrum(base, [unnamed(0, [9, 4, 1], 16)])).toEqual([]);
  });
});
