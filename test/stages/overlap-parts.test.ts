import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { measureOverlap } from "../../src/analysis/overlap-measures.ts";
import type { Kernel } from "../../src/kernels/kernel.ts";
import { openPool } from "../../src/kernels/pool.ts";
import { openReferenceKernel } from "../../src/kernels/reference.ts";
import type { Unfolding } from "../../src/model/layer.ts";
import type { MeasureOverlap, WantedProducts } from "../../src/model/ports.ts";
import { overlapBlocks } from "../../src/stages/overlap.ts";
import { overlapGeometry } from "../../src/stages/overlap-geometry.ts";
import { scanOverlaps } from "../../src/stages/overlap-parts.ts";
import { candidateCollector, type TestSettings } from "../../src/stages/candidates.ts";
import { expectedOverlaps, pairNulls } from "../../src/stages/pair-null.ts";
import { connectionOf, gaussian, layerOf, spectrumOf } from "../support/layer-fixture.ts";

const TEST: TestSettings = {
  null: "rotation",
  logAlpha: Math.log(0.02),
  correction: "bh",
  edges: "significant",
};

/** More target neurons than one part has rows; flags for some near-kernels. */
function question(unfolding: Unfolding, groups: number, positions: number) {
  const layers = [
    layerOf(0, 24, 8, { groups, positions }),
    layerOf(1, 40, 24, { groups, positions }),
  ] as const;
  const source = spectrumOf(layers[0], unfolding, 37, 5);
  const target = spectrumOf(layers[1], unfolding, 1100, 6);
  const connection = connectionOf(0, 1, [{ source: 0, target: 4, length: 18 }]);
  const near = {
    source: Uint8Array.from({ length: 37 }, (_, j) => j > 30 ? 1 : 0),
    target: Uint8Array.from({ length: 1100 }, (_, i) => i % 7 === 3 ? 1 : 0),
  };
  return { connection, source, target, near, test: TEST, measure: measureOverlap };
}

/** The same in one piece, with the stages that a part is made of. */
async function whole(asked: ReturnType<typeof question>, vectors: readonly Float64Array[], kernel: Kernel) {
  const { connection, source, target, near, test } = asked;
  const geometry = overlapGeometry(connection, source, target);
  const nulls = pairNulls(test.null, connection, source, target, geometry, test.logAlpha);
  const none = {
    sourceNull: source.nullNeurons,
    targetNull: target.nullNeurons,
    sourceClustered: source.clustered,
    targetClustered: target.clustered,
  };
  const collector = candidateCollector(geometry, test, nulls, { ...near, ...none });
  const measurer = measureOverlap({
    ...geometry,
    connection,
    unfolding: source.unfolding,
    sourceNearKernel: near.source,
    targetNearKernel: near.target,
  });
  const products = vectors.map(() => new Float64Array(geometry.targets));
  for await (
    const block of overlapBlocks(connection, source, target, kernel)
  ) {
    const { first, rows, overlap } = block;
    collector.add(block);
    measurer.block(rows, overlap, expectedOverlaps(nulls, block));
    vectors.forEach((vector, at) => {
      for (let i = 0; i < rows; i++) {
        products[at]![first + i] = vector.reduce((sum, x, j) => sum + x * overlap[i * vector.length + j]!, 0);
      }
    });
  }
  return { candidates: collector.finish(), measures: measurer.finish(null), products };
}

describe("overlaps seen in parts", () => {
  const kernels: Kernel[] = [];
  beforeAll(async () => {
    for (const threads of [1, 3]) kernels.push(await openPool({ name: "wasm", precision: "f64", threads }));
  });
  afterAll(() => Promise.all(kernels.map((kernel) => kernel.dispose())));

  it.each(
    [
      ["svr", 1, 1],
      ["svr", 2, 9],
      ["cosvr", 1, 9],
      ["cosvr", 2, 1],
    ] as const,
  )(
    "are those of the whole, in threads as in place: %s, %d groups, %d positions",
    async (unfolding, groups, positions) => {
      const asked = question(unfolding, groups, positions);
      const normal = gaussian(3);
      const vectors = [0, 1].map(() => Float64Array.from({ length: 37 }, () => normal() ** 2));
      const expected = await whole(asked, vectors, openReferenceKernel());
      const seen = async (kernel: Kernel, measure: MeasureOverlap = measureOverlap) => {
        let products: readonly Float64Array[] = [];
        const wanted: WantedProducts = { vectors, take: (found) => products = found };
        return { ...await scanOverlaps({ ...asked, measure, products: wanted }, kernel), products };
      };
      const [one, three] = [await seen(kernels[0]!), await seen(kernels[1]!)];
      // To the last bit, however many threads.
      for (const key of ["candidates", "measures", "products"] as const) {
        expect(JSON.stringify(three[key])).toBe(JSON.stringify(one[key]));
      }
      // A measure that threads cannot have is called in place; what is handed over is still here.
      const inPlace = await seen(openReferenceKernel(), (shape) => measureOverlap(shape));
      for (const found of [three, inPlace]) {
        const { candidates } = found;
        expect(candidates.tests).toBe(expected.candidates.tests);
        expect(candidates.nearKernelTests).toBe(expected.candidates.nearKernelTests);
        expect(candidates.logP.length).toBeGreaterThan(100);
        expect([...candidates.sourceNeuron]).toEqual([...expected.candidates.sourceNeuron]);
        expect([...candidates.targetNeuron]).toEqual([...expected.candidates.targetNeuron]);
        expect(candidates.cosine === null).toBe(positions > 1);
        candidates.logP.forEach((p, at) => expect(p).toBeCloseTo(expected.candidates.logP[at]!, 8));
        found.products.forEach((product, at) =>
          product.forEach((value, i) => expect(value).toBeCloseTo(expected.products[at]![i]!, 10))
        );
        const { sourceIntensity, nearKernel, ...figures } = found.measures;
        expect(nearKernel!.energy).toBeCloseTo(expected.measures.nearKernel!.energy, 9);
        expect(nearKernel!.expected).toBeCloseTo(expected.measures.nearKernel!.expected, 9);
        sourceIntensity.forEach((value, j) =>
          expect(value).toBeCloseTo(expected.measures.sourceIntensity[j]!, 9)
        );
        for (const [name, value] of Object.entries(figures)) {
          expect(value, name).toBeCloseTo(expected.measures[name as keyof typeof figures]!, 8);
        }
      }
    },
  );

  it("take nothing from the spectra", async () => {
    const asked = question("svr", 1, 1);
    await scanOverlaps({ ...asked, products: null }, kernels[1]!);
    expect(asked.source.left.data.length).toBe(37 * 24);
    expect(asked.target.right.data.length).toBe(1100 * 24);
  });

  it("fail with the words of what is wrong in the thread", async () => {
    const { source, ...asked } = question("svr", 1, 1);
    const other = { ...source, unfolding: "cosvr" as const };
    await expect(scanOverlaps({ ...asked, source: other, products: null }, kernels[1]!)).rejects.toThrow(
      new TypeError("overlap: found unfoldings cosvr and svr, required the same"),
    );
  });
});
