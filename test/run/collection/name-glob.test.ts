import { matchesGlob } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nameFilter } from "../../../src/run/collection/name-glob.ts";

const matches = (glob: string, name: string) => nameFilter([glob], undefined)(name);

describe("a glob over names", () => {
  it.each([
    ["*.safetensors", "a/b/x.safetensors", true],
    ["epoch-*", "run/epoch-3.pt", true],
    ["epoch-*", "epoch-3/model.pt", false],
    ["epoch-*/**", "epoch-3/model.pt", true],
    ["**/final/*", "final/model.pt", true],
    ["**/final/*", "a/b/final/model.pt", true],
    ["**/final/*", "a/b/nofinal/model.pt", false],
    ["a/*/c", "a/b/b/c", false],
    ["a/**/c", "a/c", true],
    ["a/**/c", "a/b/b/c", true],
    ["./a/b", "a/b", true],
    ["epoch-{000,01?}*", "epoch-013.f16.pt", true],
    ["epoch-{000,01?}*", "epoch-003.pt", false],
    ["{a,b{c,d}}", "bd", true],
    ["{a/b,c}", "x/c", true],
    ["[x]", "[x]", true],
    ["a.c", "abc", false],
    ["??", "🧠x", true],
  ])("%s on %s: %s", (glob, name, expected) => {
    expect(matches(glob, name)).toBe(expected);
  });

  it("agrees with Node's on names of a few letters", () => {
    const glob = fc.array(fc.constantFrom("a", "b", "*", "?", "/", "**/"), { maxLength: 8 })
      .map((parts) => `b/${parts.join("")}`.replaceAll(/\/{2,}/g, "/").replaceAll(/\*{2,}(?!\/)/g, "*"))
      .filter((text) => !text.endsWith("/") && !/[^/]\*\*\//.test(text));
    const name = fc.array(fc.constantFrom("a", "b", "/"), { minLength: 1, maxLength: 8 })
      .map((parts) => `b/${parts.join("")}`.replaceAll(/\/{2,}/g, "/")).filter((text) => !text.endsWith("/"));
    let both = 0;
    fc.assert(
      fc.property(glob, name, (pattern, text) => {
        const expected = matchesGlob(text, pattern);
        if (expected) both++;
        expect(matches(pattern, text), `${pattern} on ${text}`).toBe(expected);
      }),
      { seed: 6, numRuns: 3000 },
    );
    expect(both).toBeGreaterThan(100);
  });

  it("takes no longer for a pattern that would make others backtrack", () => {
    // An engine that backtracks tries about 2^50 ways here; the test would not end.
    expect(matches(`${"*a".repeat(100)}b`, "a".repeat(5000))).toBe(false);
  });

  it("refuses braces that multiply without end", () => {
    expect(() => matches("{a,b}".repeat(30), "a")).toThrow(/at most 1024 globs/);
  });

  it("excludes from what is included", () => {
    const keep = nameFilter(["*.pt", "*.onnx"], ["old/**"]);
    expect(["a.pt", "x/b.onnx", "old/c.pt", "d.h5"].filter(keep)).toEqual(["a.pt", "x/b.onnx"]);
  });
});
