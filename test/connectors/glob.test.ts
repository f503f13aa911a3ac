import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import picomatch from "picomatch";
import { describe, expect, it } from "vitest";
import { globBase, globMatcher, walkGlobs } from "../../connectors/glob.ts";
import { resolveModels } from "../../connectors/sources/collection.ts";

describe("wildcards", () => {
  it.each<[string, string, string[], string[]]>([
    ["a/*.pt", "a/", ["a/x.pt", "a/.pt"], ["a/b/x.pt", "a/x_pt", "b/x.pt"]],
    ["a/**/*.pt", "a/", ["a/x.pt", "a/b/c/x.pt"], ["x.pt"]],
    ["a/**", "a/", ["a/x", "a/b/c"], ["b"]],
    ["run-?/{one,two}.pt", "", ["run-1/one.pt", "run-2/two.pt"], ["run-10/one.pt", "run-1/three.pt"]],
    ["m[0-3].pt", "", ["m2.pt"], ["m4.pt", "m/.pt"]],
    ["epoch-[567].pt", "", ["epoch-5.pt", "epoch-7.pt"], ["epoch-8.pt", "epoch-56.pt", "epoch-[5].pt"]],
    ["m[^0-3].pt", "", ["m4.pt"], ["m2.pt", "m/.pt"]],
    ["**", "", ["a", "a/b", ".a"], []],
    ["a/**/b/**/c", "a/", ["a/b/c", "a/x/b/y/z/c", "a/b/b/c"], ["a/c", "a/b", "ab/b/c"]],
    ["**/a*b/**/x", "", ["ab/x", "ac/ab/y/x", "q/azb/x"], ["a/x", "ab/y"]],
    ["{a,b{c,d}}/{e}", "", ["a/{e}", "bc/{e}", "bd/{e}"], ["a/e", "b/{e}"]],
    ["a(b|c)+$^'\"@!#.p*", "", ["a(b|c)+$^'\"@!#.pt"], ["ab.pt", "ac+$.pt"]],
    ["!a*", "", ["!ab"], ["b"]],
    ["\\*", "", ["\\x"], ["x", "*"]],
    ["x\n*", "", ["x\ny"], ["x y"]],
    ["m[!0-3]+(1).pt", "", ["m4+(1).pt"], ["m2+(1).pt", "m/+(1).pt"]],
  ])("%s", (pattern, base, match, miss) => {
    expect(globBase(pattern)).toBe(base);
    const matches = globMatcher(pattern);
    expect(match.filter((key) => !matches(key))).toEqual([]);
    expect(miss.filter(matches)).toEqual([]);
  });

  it("must end, and be of a length that can be read", () => {
    expect(() => globMatcher("a[b")).toThrow(/found \[ without its end/);
    expect(() => globMatcher("a{b")).toThrow(/found \{ without its end/);
    expect(() => globMatcher("[z-a]")).toThrow(/required ranges such as \[a-z\]/);
    expect(() => globMatcher("a".repeat(4097))).toThrow(/found 4097 characters, required at most 4096/);
  });
});

/** What picomatch itself says, all at once. */
const plainly = (glob: string) =>
  picomatch(glob, {
    dot: true,
    noextglob: true,
    nonegate: true,
    strictSlashes: true,
    literalBrackets: false,
  });

const glob = fc.array(fc.constantFrom("a", "b", "*", "?", "/", "**/", "[ab]", "{a,b*}", "*a"), {
  maxLength: 9,
})
  .map((parts) => `b/${parts.join("")}`.replaceAll(/\/{2,}/g, "/").replaceAll(/\*{2,}(?!\/)/g, "*"))
  .filter((text) => !text.endsWith("/") && !/[^/]\*\*\//.test(text));
const name = fc.array(fc.constantFrom("a", "b", "/"), { minLength: 1, maxLength: 9 })
  .map((parts) => `b/${parts.join("")}`.replaceAll(/\/{2,}/g, "/")).filter((text) => !text.endsWith("/"));

describe("a glob", () => {
  it("matches what picomatch's whole expression matches, and a walk passes all of it", () => {
    let both = 0;
    fc.assert(
      fc.property(glob, name, (pattern, text) => {
        const expected = plainly(pattern)(text);
        if (expected) both++;
        expect(globMatcher(pattern)(text), `${pattern} on ${text}`).toBe(expected);
        if (expected) expect(walkGlobs(pattern).some((each) => plainly(each)(text)), pattern).toBe(true);
      }),
      { seed: 8, numRuns: 5000 },
    );
    expect(both).toBeGreaterThan(200);
  });

  it("of any characters is one or says why not, and without wildcards is its own text only", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", maxLength: 12 }),
        fc.string({ maxLength: 12 }),
        (text, other) => {
          try {
            const matches = globMatcher(text);
            expect(matches(text)).toBe(true);
            if (!/[*?[{]/.test(text) && text !== other && !text.startsWith("./")) {
              expect(matches(other))
                .toBe(false);
            }
          } catch (failure) {
            expect(String(failure)).toMatch(/^SyntaxError: a pattern: found/);
          }
        },
      ),
      { seed: 9, numRuns: 3000 },
    );
  });

  it.each([
    { what: "stars in a part", pattern: `${"*a".repeat(500)}b`, text: "a".repeat(4000) },
    {
      what: "stars in many parts",
      pattern: `${"*a*a*a/".repeat(100)}b`,
      text: `${"aaaaaaaaa/".repeat(100)}c`,
    },
    { what: "stars for any parts", pattern: `${"**/a/".repeat(200)}b`, text: `${"a/".repeat(2000)}c` },
    { what: "both", pattern: `${"**/*a*a/".repeat(100)}b`, text: `${"aaaa/".repeat(800)}c` },
    { what: "classes and wildcards", pattern: `${"*[a-z]?[!b]".repeat(300)}b`, text: "a".repeat(4000) },
    { what: "alternatives", pattern: `${"{*a,*aa}".repeat(10)}b`, text: "a".repeat(4000) },
  ])("ends where an expression that backtracks would not: $what", ({ pattern, text }) => {
    expect(globMatcher(pattern)(text)).toBe(false);
  });

  it("selects the same names in a folder as in a list, in no time either", async () => {
    const folder = await mkdtemp(join(tmpdir(), "svr-glob-"));
    try {
      const names = ["a".repeat(200), "net-5", "net-6", "net-8", "net(1)"].map((each) => `${each}.onnx`);
      for (const each of names) await writeFile(join(folder, each), "");
      const found = async (pattern: string) =>
        (await resolveModels(pattern, folder)).map((model) => model.name).sort();
      for (
        const pattern of [
          "net-[567].onnx",
          "*(1).onnx",
          "{net-8,nothing}.onn*",
          "net-[!5]*.onnx",
          "**/net?5*",
        ]
      ) {
        expect(await found(pattern), pattern).toEqual(names.filter(globMatcher(pattern)).sort());
      }
      await expect(found(`${"*a".repeat(50)}*b.onnx`)).rejects.toThrow(/found no model/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
