import { describe, expect, it } from "vitest";
import { layerMetricsOf } from "../../src/cli/argument-values.ts";

describe("--layer-metrics", () => {
  it("takes names, samples and a level, and refuses what is none of them", () => {
    expect(layerMetricsOf("pooled,bootstrap=200,alpha=1e-4")).toEqual({
      pooled: true,
      bootstrap: 200,
      alpha: 1e-4,
    });
    expect(layerMetricsOf("permuted")).toEqual({ permuted: true });
    for (const text of ["alpha", "pooled=1", "bootstrap", "beta=0.1", ""]) {
      expect(() => layerMetricsOf(text), text).toThrow(
        `Found "${text}", required pooled, permuted, bootstrap=`,
      );
    }
    expect(() => layerMetricsOf("alpha=small")).toThrow("Not a number.");
    expect(() => layerMetricsOf("bootstrap=0")).toThrow("Not a number of 1 or more.");
  });
});
