import { describe, expect, it } from "vitest";
import { sparsification } from "../../src/analysis/sparsification.ts";
import type { Row } from "../../src/model/tables.ts";

const row = (
  target_layer: number,
  total_overlap: number,
  share: number | null,
  expected: number | null,
): Row => ({
  target_layer,
  total_overlap,
  sparsification: share,
  sparsification_expected: expected,
});

describe("sparsification of layers and of a model", () => {
  it("is the sum of the connections', and their pooled share", () => {
    const { layers, model } = sparsification([
      row(2, 10, 0.5, 0.7),
      row(1, 30, 0.1, 0.2),
      row(2, 30, 0.3, 0.3),
      row(3, 0, null, null),
    ]);
    expect(layers).toEqual([
      {
        layer: 1,
        sum: 0.1,
        sumExpected: 0.2,
        share: expect.closeTo(0.1, 15) as number,
        shareExpected: expect.closeTo(0.2, 15) as number,
      },
      // (5 + 9) and (7 + 9) of 40.
      {
        layer: 2,
        sum: 0.8,
        sumExpected: 1,
        share: expect.closeTo(0.35, 15) as number,
        shareExpected: expect.closeTo(0.4, 15) as number,
      },
      { layer: 3, sum: 0, sumExpected: 0, share: null, shareExpected: null },
    ]);
    expect(model.sum).toBeCloseTo(layers.reduce((sum, each) => sum + each.sum, 0), 15);
    expect(model.share).toBeCloseTo(17 / 70, 15);
    expect(model.shareExpected).toBeCloseTo(22 / 70, 15);
  });
});
