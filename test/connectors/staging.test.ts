import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeModelId } from "../../connectors/sinks/staging.ts";

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

  it("cuts what no folder could be called, and tells the cut ones apart", () => {
    const [a, b] = [`${"é".repeat(5000)}1`, `${"é".repeat(5000)}2`].map(encodeModelId);
    expect(a).toMatch(/^(?:%C3%A9){26}(?:%C3)?~[0-9a-f]{32}$/);
    expect(a).not.toBe(b);
    expect(encodeModelId("x".repeat(200))).toBe("x".repeat(200));
    expect(encodeModelId("x".repeat(201))).toMatch(/^x{160}~[0-9a-f]{32}$/);
    // A name of that form is another id's.
    expect(encodeModelId(encodeModelId("x".repeat(201)))).toBe(
      encodeModelId("x".repeat(201)).replace("~", "%7E"),
    );
  });

  it("refuses what has no name, and what no graph server can look up", () => {
    expect(() => encodeModelId("")).toThrow(RangeError);
    expect(() => encodeModelId("x".repeat(10_901))).toThrow(/found 10901 characters, required 1 to 10900/);
  });
});
