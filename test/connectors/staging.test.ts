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

  it("refuses what no file system could hold", () => {
    expect(() => encodeModelId("")).toThrow(RangeError);
    expect(() => encodeModelId("x".repeat(201))).toThrow(/found 201 bytes when encoded, required 1 to 200/);
    expect(() => encodeModelId("é".repeat(40))).toThrow(RangeError);
  });
});
