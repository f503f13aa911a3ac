import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Kernel } from "../../src/kernels/kernel.ts";
import type { LayerGraph } from "../../src/model/layer.ts";
import { random } from "../../src/model/random.ts";
import type { Matrix } from "../../src/model/tensor.ts";
import { haarRotation, turned } from "../../src/stages/null-control.ts";
import { turnedEnd } from "../../src/stages/overlap-geometry.ts";
import { logBetaSurvival } from "../../src/stats/special-functions.ts";
import { criticalDistance, distanceFromUniform } from "../calibration/sampling-error.ts";
import { KERNELS } from "../support/kernels.ts";
import { connectionOf, gaussian, layerOf, spectrumOf } from "../support/layer-fixture.ts";
import { rowDot } from "../support/matrices.ts";

/** Of the eight distances below together less than 1e-5. */
const FALSE_ALARM = 1e-6;
const FRAMES = 4000;

let kernel: Kernel;
beforeAll(async () => {
  kernel = await KERNELS.get("wasm")!();
});
afterAll(() => kernel.dispose());

const rotation = (seed: number, n: number) => haarRotation(n, random(seed, "test"), kernel);

/** The chance of a smaller entry of a uniform unit vector in `R^d`, sign and all: uniform where the vector is. */
function chanceBelow(entry: number, d: number): number {
  const beyond = Math.exp(logBetaSurvival(0.5, (d - 1) / 2, entry * entry)) / 2;
  return entry < 0 ? beyond : 1 - beyond;
}

describe("a Haar rotation", () => {
  it.each([1, 2, 5, 60])("of %d channels is orthogonal", async (n) => {
    const found = await rotation(5, n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        expect(Math.abs(rowDot(found, i, found, j) - (i === j ? 1 : 0))).toBeLessThan(1e-13);
      }
    }
  });

  it("is uniform: so is each row against any direction, the axes and others, first row or last", async () => {
    const d = 5;
    const normal = gaussian(3);
    const slanted = Array.from({ length: d }, normal);
    const norm = Math.hypot(...slanted);
    const directions = [[1, 0, 0, 0, 0], [0, 0, 0, 0, 1], slanted.map((x) => x / norm)];
    const seen = Array.from({ length: d * directions.length }, (): number[] => []);
    const product: number[] = [];
    for (let seed = 0; seed < FRAMES; seed++) {
      const { data } = await rotation(seed, d);
      for (let row = 0; row < d; row++) {
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
});

describe("turned vectors", () => {
  const at = { seed: 1, stream: "a" };

  it("keep their inner products at every pair of positions, and so all singular values and profiles", async () => {
    const spectrum = spectrumOf(layerOf(0, 6, 4, { positions: 3 }), "cosvr", 4, 7);
    const found = await turned(spectrum, "left", at, kernel);
    const inner = ({ data, cols }: Matrix, i: number, k: number, j: number, l: number) => {
      let sum = 0;
      for (let c = 0; c < 6; c++) sum += data[i * cols + 3 * c + k]! * data[j * cols + 3 * c + l]!;
      return sum;
    };
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 4; j++) {
        for (let k = 0; k < 3; k++) {
          for (let l = 0; l < 3; l++) {
            expect(inner(found, i, k, j, l)).toBeCloseTo(inner(spectrum.left, i, k, j, l), 12);
          }
        }
      }
    }
    expect(found).not.toEqual(spectrum.left);
    expect(spectrum.left.data).toEqual(
      spectrumOf(layerOf(0, 6, 4, { positions: 3 }), "cosvr", 4, 7).left.data,
    );
  });

  it("depend on the seed, the stream and the group only", async () => {
    const spectrum = spectrumOf(layerOf(0, 6, 6, { groups: 3 }), "svr", 6, 7);
    const found = await turned(spectrum, "left", at, kernel);
    expect(await turned(spectrum, "left", at, kernel)).toEqual(found);
    expect(await turned(spectrum, "left", { ...at, seed: 2 }, kernel)).not.toEqual(found);
    expect(await turned(spectrum, "left", { ...at, stream: "b" }, kernel)).not.toEqual(found);
    // Neurons 0 and 3 are of group 0: their cosine stays.
    expect(rowDot(found, 0, found, 3)).toBeCloseTo(rowDot(spectrum.left, 0, spectrum.left, 3), 12);
  });

  it("stay on the channels that are alive", async () => {
    const layer = layerOf(0, 5, 5);
    const spectrum = spectrumOf(layer, "svr", 3, 9);
    for (let j = 0; j < 3; j++) spectrum.left.data[j * 5 + 2] = 0;
    const found = await turned(spectrum, "left", at, kernel);
    for (let j = 0; j < 3; j++) expect(found.data[j * 5 + 2]).toBe(0);
    expect(rowDot(found, 0, found, 1)).toBeCloseTo(rowDot(spectrum.left, 0, spectrum.left, 1), 12);
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

describe("a control", () => {
  it("turns the output channels of the source, or the target's input channels behind a depthwise layer", () => {
    const ends = (unfolding: "svr" | "cosvr") =>
      GRAPH.connections.map(({ source, target }) =>
        turnedEnd(GRAPH.layers[source]!, GRAPH.layers[target]!, unfolding)
      );
    expect(ends("svr")).toEqual(["source", "target", "source", "source"]);
    // The mirror image: the target's input channels, or the source's output channels before a depthwise layer.
    expect(ends("cosvr")).toEqual(["source", "target", "target", "target"]);
  });
});
