import { describe, expect, it } from "vitest";
import {
  comparisonFlops,
  connectionFlops,
  layerFlops,
  productFlops,
  sharedChannelFlops,
  svdFlops,
} from "../../src/stages/flops.ts";
import type { Layer, Unfolding } from "../../src/model/layer.ts";
import { connectionOf, layerOf } from "../support/layer-fixture.ts";

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

  it("of a comparison of channels are those of their cosines, and of many the square of these", () => {
    expect(comparisonFlops(64, 10)).toBe(2 * 64 * 10 * 64);
    expect(comparisonFlops(65, 10)).toBe(2 * 65 * 10 * 65 + 2 * 65 ** 3);
  });

  it("of the test for shared channels go by what tells a channel on either side", () => {
    const flops = (source: Layer, target: Layer, unfolding: Unfolding, rank?: number) => {
      const length = Math.min(source.outChannels, target.inChannels);
      const connection = connectionOf(0, 1, [{ source: 0, target: 0, length }]);
      return sharedChannelFlops(connection, { layers: [source, target] }, unfolding, rank);
    };
    // 30 channels: by 20 neurons that write them, and by 30 neurons of 4 positions that read them, 64 at most.
    const [a, b] = [layerOf(0, 30, 20), layerOf(1, 40, 30, { positions: 4 })];
    expect(flops(a, b, "svr")).toBe(comparisonFlops(30, 20) + comparisonFlops(30, 4 * 40));
    expect(flops(a, b, "svr", 7)).toBe(comparisonFlops(30, 7) + comparisonFlops(30, 4 * 7));
    expect(flops(a, b, "cosvr")).toBe(comparisonFlops(30, 20) + comparisonFlops(30, 30));
    // At most 256 numbers, and of 400 channels every third.
    const [wide, wider] = [layerOf(0, 400, 500), layerOf(1, 300, 400, { positions: 9 })];
    expect(flops(wide, wider, "svr")).toBe(comparisonFlops(134, 256) + comparisonFlops(134, 9 * 28));
    // A depthwise layer's channels are told by their kernels; groups of several channels are not compared.
    const depthwise = layerOf(1, 30, 30, { positions: 9, groups: 30 });
    expect(flops(a, depthwise, "svr")).toBe(comparisonFlops(30, 20) + comparisonFlops(30, 9));
    expect(flops(a, { ...depthwise, groups: 3 }, "svr")).toBe(0);
  });
});
