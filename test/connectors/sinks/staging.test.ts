import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeModelId } from "../../../connectors/sinks/staging.ts";

describe("a model id as a folder's name", () => {
  it("is a plain name that comes back by percent-decoding, for every id", () => {
    const ids = fc.string({ unit: "binary", minLength: 1, maxLength: 16 }).filter((id) => id.isWellFormed());
    fc.assert(
      fc.property(ids, (id) => {
        const name = encodeModelId(id);
        expect(name).toMatch(/^[A-Za-z0-9_%-][A-Za-z0-9._%-]*$/);
        expect(decodeURIComponent(name)).toBe(id);
        expect(name.length).toBeLessThanOrEqual(200);
      }),
      { seed: 3, numRuns: 2000 },
    );
  });

  it.each([
    ["..", "%2E%2E"],
    ["../x", "%2E%2E%2Fx"],
    ["a/b", "a%2Fb"],
    ["null", "%6Eull"],
    ["NULL", "%4EULL"],
    ["__HIVE_DEFAULT_PARTITION__", "%5F_HIVE_DEFAULT_PARTITION__"],
    ["epoch-012.f16", "epoch-012.f16"],
  ])("%s is %s", (id, name) => expect(encodeModelId(id)).toBe(name));

  it("is cut where it would be too long, and still tells ids apart", () => {
    const long = ["x".repeat(201), "x".repeat(202), "é".repeat(40), "é".repeat(41), '🧠`}"\n'.repeat(1200)];
    const names = long.map(encodeModelId);
    for (const [at, id] of long.entries()) {
      expect(names[at]).toMatch(/^[A-Za-z0-9._%-]+~[0-9a-f]{64}$/);
      expect(names[at]?.length).toBeLessThanOrEqual(200);
      expect(names[at]?.length).toBeGreaterThan(180);
      const beginning = decodeURIComponent(names[at]?.slice(0, -65) ?? "");
      expect(id.startsWith(beginning) && beginning.isWellFormed()).toBe(true);
    }
    expect(new Set(names).size).toBe(long.length);
    // What a cut id is named is no other id's name.
    expect(encodeModelId(names[0] ?? "")).not.toBe(names[0]);
    expect(encodeModelId("x".repeat(200))).toBe("x".repeat(200));
  });

  it("refuses an empty id, one of more than 16 KiB, and one that no UTF-8 can say", () => {
    expect(() => encodeModelId("")).toThrow(RangeError);
    expect(() => encodeModelId("x".repeat(16_385))).toThrow(/found 16385 bytes, required 1 to 16384/);
    expect(() => encodeModelId("a\ud800")).toThrow(/half a surrogate pair/);
  });
});
