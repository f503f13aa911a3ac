import { describe, expect, it } from "vitest";
import { random } from "../../src/model/random.ts";

const one = (count: number, next: () => number) => Array.from({ length: count }, next);

describe("seeded random numbers", () => {
  it.each([[0], [1], [2], [7], [1000]])("fill an array of %i as they come one by one", (count) => {
    for (const before of [0, 1, 2, 3]) {
      const [a, b] = [random(5, "x"), random(5, "x")];
      one(before, () => a.normal());
      one(before, () => b.normal());
      const values = new Float64Array(count);
      a.normals(values);
      expect([...values]).toEqual(one(count, () => b.normal()));
      // And so do those that follow.
      expect([a.normal(), a.normal(), a.uniform()]).toEqual([b.normal(), b.normal(), b.uniform()]);
    }
  });

  it("are standard normal: the first four moments are those of a million", () => {
    const values = new Float64Array(1e6);
    random(1, "moments").normals(values);
    const moment = (power: number) => values.reduce((sum, x) => sum + x ** power, 0) / values.length;
    // Within five standard errors: sqrt((E x^2k - (E x^k)^2) / n).
    [[1, 0, 1], [2, 1, 2], [3, 0, 15], [4, 3, 96]].forEach(([power, mean, variance]) => {
      expect(Math.abs(moment(power!) - mean!)).toBeLessThan(5 * Math.sqrt(variance! / values.length));
    });
  });

  it("differ between names and seeds", () => {
    const first = (seed: number, name: string) => random(seed, name).normal();
    expect(new Set([first(1, "a"), first(2, "a"), first(1, "b"), first(2, "b")]).size).toBe(4);
  });
});
