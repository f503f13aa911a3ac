import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { column, type StrongestEdges, strongestEdges } from "../../src/viewer/strongest-edges.ts";
import { edgeBatches, type Ends, seeded } from "./pictured.ts";

/** What was chosen, as rows, strongest first. */
const chosen = (edges: StrongestEdges) =>
  Array.from({ length: edges.count }, (_, at) => [edges.sourceNeuron[at]!, edges.strength[at]!]).reverse();

/** The same by sorting all of them. */
const sorted = (weights: readonly number[], most: number) =>
  weights.map((weight, at) => [at, Number.isNaN(weight) ? -Infinity : weight] as const)
    .sort(([i, a], [j, b]) => a === b ? i - j : b - a)
    .slice(0, most).map((row) => [...row]);

const rows = (weights: readonly number[]) => weights.map((weight, at): Ends => [1, at, 2, at + 1, weight]);

describe("the strongest edges", () => {
  it("are those of a sort of all, whatever the weights, the number and the batches", async () => {
    const weight = fc.oneof(fc.double(), fc.integer({ min: -2, max: 2 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(weight, { maxLength: 120 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 50 }),
        async (weights, most, size) => {
          // -0 and 0 are equally strong.
          const plain = weights.map((each) => each === 0 ? 0 : each);
          const found = await strongestEdges(edgeBatches(rows(plain), size), most);
          expect(chosen(found)).toEqual(sorted(plain, most));
          expect(found.total).toBe(plain.length);
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });

  it("are held in memory that follows their number, not the table's", async () => {
    const random = seeded(1);
    const weights = Array.from({ length: 50_000 }, () => random());
    const found = await strongestEdges(edgeBatches(rows(weights), 5000), 7);
    expect(chosen(found)).toEqual(sorted(weights, 7));
    expect(found.strength.buffer.byteLength).toBe(7 * 8);
  });

  it("keep both ends of each", async () => {
    const found = await strongestEdges(edgeBatches([[3, 5, 8, 13, 0.5], [21, 34, 55, 89, 0.25]]), 1);
    expect([found.sourceLayer[0], found.sourceNeuron[0], found.targetLayer[0], found.targetNeuron[0]])
      .toEqual([3, 5, 8, 13]);
  });

  it("are significant, unless the others are asked for; passed ones are counted", async () => {
    const edges: Ends[] = [[0, 0, 1, 0, 0.9, false], [0, 1, 1, 1, 0.5, true], [0, 2, 1, 2, 0.7, false]];
    const some = await strongestEdges(edgeBatches(edges), 10);
    expect(chosen(some)).toEqual([[1, 0.5]]);
    expect([some.total, some.insignificant]).toEqual([1, 2]);
    const all = await strongestEdges(edgeBatches(edges), 10, true);
    expect(chosen(all)).toEqual([[0, 0.9], [2, 0.7], [1, 0.5]]);
    expect([all.total, all.insignificant]).toEqual([3, 0]);
  });
});

describe("a column", () => {
  it("that is missing or of another type is named", async () => {
    const { value } = await edgeBatches([[0, 0, 1, 0, 1]]).next();
    expect(() => column(value!, "weights", "float64")).toThrow(
      "column weights: found none, required float64",
    );
    expect(() => column(value!, "weight", "int32")).toThrow("column weight: found float64, required int32");
  });
});
