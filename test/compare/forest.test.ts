import { expect, it } from "vitest";
import { forestOf } from "../../src/compare/forest.ts";

it("joins every model to its nearest kin, and no stranger", () => {
  // Places on a line: two families, and one model alone.
  const places = [0, 10, 3, 4.5, 11, 100];
  const families = [0, 1, 0, 0, 1, 2];
  const kin = places.flatMap((x, base) =>
    places.flatMap((y, other) =>
      base < other && families[base] === families[other] ? [{ base, other, distance: Math.abs(x - y) }] : []
    )
  );
  expect(forestOf(places.length, kin)).toEqual([
    { base: 1, other: 4, distance: 1 },
    { base: 2, other: 3, distance: 1.5 },
    { base: 0, other: 2, distance: 3 },
  ]);
  expect(forestOf(3, [])).toEqual([]);
});
