import { describe, expect, it } from "vitest";
import { LruCache } from "../../src/base/lru-cache.ts";

describe("an LRU cache", () => {
  it("lets go what was not asked for longest", () => {
    const cache = new LruCache<string, number>(2);
    cache.set("a", 1);
    cache.set("b", 2);
    expect(cache.get("a")).toBe(1);
    cache.set("c", 3);
    expect(["a", "b", "c"].map((key) => cache.get(key))).toEqual([1, undefined, 3]);
    cache.set("a", 4);
    cache.set("d", 5);
    expect(["a", "c", "d"].map((key) => cache.get(key))).toEqual([4, undefined, 5]);
  });

  it("counts in sizes where it is told them, and keeps the newest whatever it takes", () => {
    const cache = new LruCache<number, string>(10, ({ length }) => length);
    cache.set(1, "four");
    cache.set(2, "five5");
    cache.set(1, "1");
    cache.set(3, "four");
    expect([1, 2, 3].map((key) => cache.get(key))).toEqual(["1", "five5", "four"]);
    cache.set(4, "far too much for it");
    expect([1, 2, 3, 4].map((key) => cache.get(key) !== undefined)).toEqual([false, false, false, true]);
    cache.set(5, "x");
    expect([cache.get(4), cache.get(5)]).toEqual([undefined, "x"]);
  });
});
