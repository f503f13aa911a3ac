import { describe, expect, it } from "vitest";
import { type EdgeColumns, edgesBetween, edgesOf, rowsOf, strongest } from "../../../src/viewer/app/edges.ts";
import { uniform } from "../../support/random-flow.ts";

/** Seeded edges of five layers; a tenth of the overlaps are equal. */
function edges(rows: number): EdgeColumns {
  const draw = uniform(7);
  const integers = (most: number) => Int32Array.from({ length: rows }, () => Math.floor(draw() * most));
  return {
    sourceLayer: integers(4),
    sourceNeuron: integers(20),
    targetLayer: integers(5),
    targetNeuron: integers(20),
    part: integers(2),
    overlap: Float64Array.from({ length: rows }, () => draw() < 0.1 ? 0.5 : draw()),
    logP: Float64Array.from({ length: rows }, () => -50 * draw()),
  };
}

const columns = edges(5000);
const all = Array.from(columns.overlap.keys());
const byStrength = (rows: number[]) =>
  rows.sort((a, b) => columns.overlap[b]! - columns.overlap[a]! || a - b);

describe("strongest", () => {
  for (
    const [overlap, logP, span, most] of [[0, Infinity, Infinity, 100], [0.4, -10, 1, 50], [
      0.5,
      0,
      0,
      10_000,
    ], [0, 0, 9, 1]] as const
  ) {
    it(`finds ${most} of overlap ${overlap}, ln p ${logP}, span ${span}, as a sort of all does`, () => {
      const passing = all.filter((row) =>
        columns.overlap[row]! >= overlap && columns.logP[row]! <= logP &&
        Math.abs(columns.targetLayer[row]! - columns.sourceLayer[row]!) <= span
      );
      const { passed, rows } = strongest(columns, { overlap, logP, span }, most);
      expect(passed).toBe(passing.length);
      expect([...rows].reverse()).toEqual(byStrength(passing).slice(0, most));
    });
  }

  it("finds none where none passes", () => {
    expect(strongest(columns, { overlap: 1, logP: -1e9, span: 0 }, 10)).toEqual({
      passed: 0,
      rows: new Uint32Array(),
    });
  });
});

describe("edges of a neuron and of a connection", () => {
  it("are all that end or begin there, the strongest first", () => {
    const { sourceLayer, sourceNeuron, targetLayer, targetNeuron } = columns;
    const there = all.filter((row) =>
      (sourceLayer[row] === 2 && sourceNeuron[row] === 3) ||
      (targetLayer[row] === 2 && targetNeuron[row] === 3)
    );
    expect(there.length).toBeGreaterThan(50);
    expect([...edgesOf(columns, 2, 3)]).toEqual(byStrength(there));
  });

  it("are those of its part only", () => {
    const there = all.filter((row) =>
      columns.sourceLayer[row] === 1 && columns.targetLayer[row] === 2 && columns.part[row] === 1
    );
    expect(there.length).toBeGreaterThan(50);
    const found = rowsOf(columns, edgesBetween(columns, [1, 2, 1]));
    expect([...found.overlap]).toEqual(byStrength(there).map((row) => columns.overlap[row]));
    expect(new Set(found.part)).toEqual(new Set([1]));
  });
});
