import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Kernel } from "../../src/kernels/kernel.ts";
import type { LayerGraph } from "../../src/model/layer.ts";
import { controlledEnds, controlPlan, haarFrames } from "../../src/stages/null-control.ts";
import { logBetaSurvival } from "../../src/stats/special-functions.ts";
import { criticalDistance, distanceFromUniform } from "../calibration/sampling-error.ts";
import { KERNELS } from "../support/kernels.ts";
import { connectionOf, gaussian, layerOf } from "../support/layer-fixture.ts";
import { rowDot } from "../support/matrices.ts";

/** Of the eight distances below together less than 1e-5. */
const FALSE_ALARM = 1e-6;
const FRAMES = 4000;

let kernel: Kernel;
beforeAll(async () => {
  kernel = await KERNELS.get("wasm")!();
});
afterAll(() => kernel.dispose());

const frame = (seed: number, rows: number, cols: number) =>
  haarFrames(new Int32Array(rows), cols, { seed, stream: "test" }, kernel);

/** The chance of a smaller entry of a uniform unit vector in `R^d`, sign and all: uniform where the vector is. */
function chanceBelow(entry: number, d: number): number {
  const beyond = Math.exp(logBetaSurvival(0.5, (d - 1) / 2, entry * entry)) / 2;
  return entry < 0 ? beyond : 1 - beyond;
}

describe("a Haar frame", () => {
  it.each([[3, 5], [5, 5], [1, 4], [12, 200]])("has %d orthonormal rows in R^%d", async (rows, cols) => {
    const found = await frame(5, rows, cols);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j <= i; j++) {
        expect(Math.abs(rowDot(found, i, found, j) - (i === j ? 1 : 0))).toBeLessThan(1e-13);
      }
    }
  });

  it("is uniform: so is each row against any direction, the frame's own axes and others, first row or last", async () => {
    const [rows, d] = [3, 5];
    const normal = gaussian(3);
    const slanted = Array.from({ length: d }, normal);
    const norm = Math.hypot(...slanted);
    const directions = [[1, 0, 0, 0, 0], [0, 0, 0, 0, 1], slanted.map((x) => x / norm)];
    const seen = Array.from({ length: rows * directions.length }, (): number[] => []);
    const product: number[] = [];
    for (let seed = 0; seed < FRAMES; seed++) {
      const { data } = await frame(seed, rows, d);
      for (let row = 0; row < rows; row++) {
        directions.forEach((w, at) => {
          const along = w.reduce((sum, x, c) => sum + x * data[row * d + c]!, 0);
          seen[row * directions.length + at]!.push(chanceBelow(along, d));
        });
      }
      product.push(data[0]! * data[1]! * data[d]! * data[d + 1]!);
    }
    for (const sample of seen) {
      expect(distanceFromUniform(Float64Array.from(sample))).toBeLessThan(
        criticalDistance(FRAMES, FALSE_ALARM),
      );
    }
    // Two rows together: E[v1 v2 w1 w2] = -1 / (d (d-1) (d+2)) for orthonormal v, w; zero for independent ones.
    const mean = product.reduce((sum, x) => sum + x, 0) / FRAMES;
    const spread = Math.sqrt(product.reduce((sum, x) => sum + (x - mean) ** 2, 0)) / FRAMES;
    expect(Math.abs(mean + 1 / (d * (d - 1) * (d + 2)))).toBeLessThan(5 * spread);
    expect(mean).toBeLessThan(-4 * spread);
  });

  it("is one per group, in the rows of its neurons; other groups, layers, sides and seeds have others", async () => {
    const group = Int32Array.of(0, 1, 1, 0, 2, 1);
    const found = await haarFrames(group, 3, { seed: 1, stream: "a" }, kernel);
    for (let i = 0; i < 6; i++) {
      for (let j = 0; j < i; j++) {
        const cosine = Math.abs(rowDot(found, i, found, j));
        if (group[i] === group[j]) expect(cosine).toBeLessThan(1e-14);
        else expect(cosine).toBeGreaterThan(1e-6);
      }
    }
    expect(await haarFrames(group, 3, { seed: 1, stream: "a" }, kernel)).toEqual(found);
    expect(await haarFrames(group, 3, { seed: 2, stream: "a" }, kernel)).not.toEqual(found);
    expect(await haarFrames(group, 3, { seed: 1, stream: "b" }, kernel)).not.toEqual(found);
    // A group's frame does not depend on the others.
    const alone = await haarFrames(Int32Array.of(1, 1, 1), 3, { seed: 1, stream: "a" }, kernel);
    expect([...alone.data.subarray(0, 3)]).toEqual([...found.data.subarray(3, 6)]);
  });
});

/** Dense, depthwise, dense with itself: 0 -> 1 -> 2 -> 2, and 0 -> 2. */
const GRAPH: LayerGraph = {
  layers: [layerOf(0, 6, 4), layerOf(1, 6, 6, { groups: 6 }), layerOf(2, 6, 6)],
  connections: [[0, 1], [1, 2], [2, 2], [0, 2]].map(([source, target]) =>
    connectionOf(source!, target!, [{ source: 0, target: 0, length: 6 }])
  ),
  skipped: [],
  warnings: [],
};

describe("the plan of a control", () => {
  it("takes random vectors where the tested ones are, and on both sides where these lie on single channels", () => {
    const ends = (unfolding: "svr" | "cosvr") =>
      GRAPH.connections.map((connection) => controlledEnds(connection, GRAPH, unfolding));
    expect(ends("svr")).toEqual([
      { source: true, target: true },
      { source: false, target: true },
      { source: false, target: true },
      { source: false, target: true },
    ]);
    expect(ends("cosvr")).toEqual([
      { source: true, target: false },
      { source: true, target: true },
      { source: true, target: false },
      { source: true, target: false },
    ]);
  });

  it("counts the uses of a layer's own vectors and of its random ones; a loop uses each once", () => {
    expect(GRAPH.layers.map((layer) => controlPlan(layer, GRAPH, "svr"))).toEqual([
      { left: true, right: false, randomUses: 1, ownUses: 1 },
      { left: false, right: true, randomUses: 1, ownUses: 1 },
      { left: false, right: true, randomUses: 3, ownUses: 1 },
    ]);
    expect(GRAPH.layers.map((layer) => controlPlan(layer, GRAPH, "cosvr"))).toEqual([
      { left: true, right: false, randomUses: 2, ownUses: 0 },
      { left: true, right: false, randomUses: 1, ownUses: 1 },
      { left: true, right: true, randomUses: 2, ownUses: 2 },
    ]);
  });
});
