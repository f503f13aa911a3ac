import { describe, expect, it } from "vitest";
import { connectionFlops, layerFlops, productFlops, svdFlops } from "../../src/stages/flops.ts";
import { layerOf } from "../support/layer-fixture.ts";

describe("counts of floating-point operations", () => {
  it("of an SVD are Golub and Van Loan's, the same for a matrix and its transpose", () => {
    expect(svdFlops(512, 4608)).toBe(6 * 4608 * 512 ** 2 + 20 * 512 ** 3);
    expect(svdFlops(4608, 512)).toBe(svdFlops(512, 4608));
    expect(svdFlops(1, 1)).toBe(26);
  });

  it("of a part of an SVD are fewer, and no fewer where the part is all", () => {
    expect(svdFlops(2048, 2048, 64)).toBeLessThan(svdFlops(2048, 2048) / 20);
    expect(svdFlops(64, 2048, 64)).toBe(svdFlops(64, 2048));
  });

  it("of products and of layers add up", () => {
    expect(productFlops(3, 4, 5)).toBe(120);
    const [a, b] = [layerOf(0, 6, 4), layerOf(1, 8, 6)];
    expect(layerFlops(a, "svr")).toBe(svdFlops(6, 4));
    // 6 and 4 neurons of 6 shared channels.
    expect(connectionFlops(a, b, "svr")).toBe(2 * 4 * 6 * 6);
    expect(connectionFlops(a, b, "svr", 2)).toBe(2 * 2 * 2 * 6);
  });
});
