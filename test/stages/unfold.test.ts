import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openReferenceKernel } from "../../src/kernels/reference.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { gaussian, layerOf } from "../support/layer-fixture.ts";

const shapes = fc.record({
  perOut: fc.integer({ min: 1, max: 4 }),
  perIn: fc.integer({ min: 1, max: 4 }),
  z: fc.integer({ min: 1, max: 5 }),
  groups: fc.integer({ min: 1, max: 3 }),
});

describe("unfolding", () => {
  it("puts every weight where its formula says: svr M[o, c*z + k], cosvr M[o*z + k, c]", () => {
    fc.assert(
      fc.property(shapes, ({ perOut: m, perIn: n, z, groups }) => {
        const layer = layerOf(0, m * groups, n * groups, { positions: z, groups });
        const weight = Float64Array.from({ length: groups * m * n * z }, (_, i) => i + 1);
        const svr = unfold(layer, weight, "svr");
        const cosvr = unfold(layer, weight, "cosvr");
        expect([svr.length, cosvr.length]).toEqual([groups, groups]);
        for (let g = 0; g < groups; g++) {
          expect(svr[g]).toMatchObject({ rows: m, cols: n * z });
          expect(cosvr[g]).toMatchObject({ rows: m * z, cols: n });
          for (let o = 0; o < m; o++) {
            for (let c = 0; c < n; c++) {
              for (let k = 0; k < z; k++) {
                // W[g*m + o, c, k] of the stored [out, in/groups, z].
                const w = weight[((g * m + o) * n + c) * z + k];
                expect(svr[g]!.data[o * n * z + c * z + k]).toBe(w);
                expect(cosvr[g]!.data[(o * z + k) * n + c]).toBe(w);
              }
            }
          }
        }
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it("transposes weights stored [in, out]", () => {
    const layer = layerOf(0, 2, 3, {
      weight: { tensor: "w", shape: [3, 2], offset: 0, strides: { group: 0, out: 1, in: 2, position: 1 } },
    });
    expect([...unfold(layer, Float64Array.of(1, 2, 3, 4, 5, 6), "svr")[0]!.data]).toEqual([1, 3, 5, 2, 4, 6]);
  });

  it("copies no weight that is a matrix already, and changes none", () => {
    const weight = Float64Array.of(1, 2, 3, 4, 5, 6);
    expect(unfold(layerOf(0, 2, 3), weight, "svr")[0]!.data).toBe(weight);
    expect(unfold(layerOf(0, 2, 3), weight, "cosvr")[0]!.data).toBe(weight);
    const conv = layerOf(0, 1, 3, { positions: 2 });
    for (const block of unfold(conv, weight, "cosvr")) block.data.fill(0);
    const grouped = layerOf(0, 2, 6, { groups: 2 });
    for (const block of unfold(grouped, weight, "svr")) block.data.fill(0);
    expect([...weight]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("transposes a large weight in its own memory, but for numbers that need double precision", () => {
    const [rows, cols] = [2 ** 12, 2 ** 13];
    const { weight: stored, ...layer } = layerOf(0, cols, rows);
    const transposed = {
      ...layer,
      weight: { ...stored, shape: [rows, cols], strides: { ...stored.strides, out: 1, in: cols } },
    };
    for (const last of [0.5, 1 / 3]) {
      const weight = new Float64Array(rows * cols);
      weight[1] = 2;
      weight[cols] = 3;
      weight[rows * cols - 2] = last;
      const [found] = unfold(transposed, weight, "svr");
      expect([found!.rows, found!.cols, found!.data === weight]).toEqual([cols, rows, last === 0.5]);
      const places = [[1, 0], [0, 1], [cols - 2, rows - 1], [cols - 1, rows - 1]];
      expect(places.map(([row, col]) => found!.data[row! * rows + col!])).toEqual([2, 3, last, 0]);
    }
  });

  it("refuses another number of weights", () => {
    const layer = layerOf(0, 2, 3);
    const weight = Float64Array.of(1, 2, 3, 4, 5, 6);
    expect(() => unfold(layer, weight.subarray(1), "svr")).toThrow(
      /layer0: found 5 weights, required 2 x 3 = 6/,
    );
  });
});

describe("the spectrum of a layer", () => {
  const normal = gaussian(3);

  it("reconstructs each group's matrix from that group's neurons, sorted over all groups", async () => {
    const layer = layerOf(0, 12, 9, { positions: 4, groups: 3 });
    const weight = Float64Array.from({ length: 12 * 3 * 4 }, normal);
    for (const unfolding of ["svr", "cosvr"] as const) {
      const blocks = unfold(layer, weight, unfolding);
      const found = await spectrum(layer, unfold(layer, weight, unfolding), unfolding, openReferenceKernel());
      const s = found.singularValues;
      expect([...s].every((value, j) => j === 0 || value <= s[j - 1]!)).toBe(true);
      expect([...found.group].sort()).toEqual(Array.from(s, (_, j) => Math.floor(j / (s.length / 3))));
      blocks.forEach((block, group) => {
        const rebuilt = new Float64Array(block.data.length);
        found.group.forEach((g, j) => {
          if (g !== group) return;
          for (let i = 0; i < block.rows; i++) {
            for (let c = 0; c < block.cols; c++) {
              rebuilt[i * block.cols + c]! += s[j]! * found.left.data[j * block.rows + i]! *
                found.right.data[j * block.cols + c]!;
            }
          }
        });
        rebuilt.forEach((value, i) => expect(Math.abs(value - block.data[i]!)).toBeLessThan(1e-12));
      });
    }
  });

  it("refuses NaN and infinite weights, by place", async () => {
    const layer = layerOf(0, 3, 4);
    for (const bad of [NaN, Infinity]) {
      const weight = Float64Array.from({ length: 12 }, normal);
      weight[6] = bad;
      await expect(spectrum(layer, unfold(layer, weight, "svr"), "svr", openReferenceKernel())).rejects
        .toThrow(/row 1, column 2/);
    }
  });
});
