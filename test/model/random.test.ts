import { describe, expect, it } from "vitest";
import { random, shuffle } from "../../src/model/random.ts";

/** sfc32 in whole numbers of any size, and Box and Muller number by number. */
function reference(seed: number, name: string) {
  const word = (value: bigint) => BigInt.asUintN(32, value);
  const hash = (text: string) => {
    let value = 0x811c9dc5n;
    for (let i = 0; i < text.length; i++) {
      value = word((value ^ BigInt(text.charCodeAt(i))) * 0x01000193n);
    }
    return value;
  };
  let [a, b, c, counter] = [hash(`${seed}/${name}`), hash(`${name}/${seed}`), word(BigInt(seed)), 1n];
  const uniform = () => {
    const sum = word(a + b + counter);
    a = b ^ (b >> 9n);
    b = word(c + (c << 3n));
    c = word(((c << 21n) | (c >> 11n)) + sum);
    counter++;
    return (Number(sum) + 0.5) / 2 ** 32;
  };
  for (let i = 0; i < 20; i++) uniform();
  const normals = (count: number) => {
    const found: number[] = [];
    while (found.length < count) {
      const [u, v] = [uniform(), uniform()];
      const radius = Math.sqrt(-2 * Math.log(u));
      found.push(radius * Math.cos(2 * Math.PI * v), radius * Math.sin(2 * Math.PI * v));
    }
    return found.slice(0, count);
  };
  return { uniform, normals };
}

describe("seeded random numbers", () => {
  it.each([[0], [1], [2], [7], [1000]])("are those of the definition: %i normals", (count) => {
    for (const [seed, name] of [[5, "x"], [0, ""], [4_294_967_295, "layer/é"]] as const) {
      const [found, wanted] = [random(seed, name), reference(seed, name)];
      expect(found.uniform()).toBe(wanted.uniform());
      const values = new Float64Array(count);
      found.normals(values);
      expect([...values]).toEqual(wanted.normals(count));
      expect(found.uniform()).toBe(wanted.uniform());
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
    const first = (seed: number, name: string) => random(seed, name).uniform();
    expect(new Set([first(1, "a"), first(2, "a"), first(1, "b"), first(2, "b")]).size).toBe(4);
  });

  it("shuffle a part of an array into each of its orders equally often, and leave the rest", () => {
    const source = random(1, "orders");
    const draws = 24_000;
    const counts = new Map<string, number>();
    for (let draw = 0; draw < draws; draw++) {
      const order = Int32Array.of(9, 0, 1, 2, 3, 8);
      shuffle(order, 1, 5, source);
      counts.set(order.join(), (counts.get(order.join()) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    expect([...counts.keys()].every((each) => /^9,[0-3,]{7},8$/.test(each))).toBe(true);
    // chi-squared with 23 degrees of freedom: more than 55 once in 5,000.
    const expected = draws / 24;
    const distance = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(distance).toBeLessThan(55);
  });
});
