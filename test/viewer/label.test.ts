import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { count, counted, label, probability, short, textWidth } from "../../src/viewer/label.ts";

describe("a label", () => {
  it("is the text where it fits", () => {
    expect(label("layer1.0.conv1", 10, 200)).toBe("layer1.0.conv1");
    expect(label("", 10, 0)).toBe("");
  });

  it("leaves out the middle or the start", () => {
    expect(label("abcdefghijklmnopqrstuvwxyz", 10, 60)).toMatch(/^abc.*….*xyz$/);
    expect(label("model.layers.11.self_attn.q_proj", 10, 110, "start")).toMatch(/^….*attn\.q_proj$/);
  });

  it("says what cannot be printed", () => {
    expect(label("a\u0000b\nc\u202ed\ufffe\ud800", 10, 900)).toBe(
      "a\\u{0}b\\u{a}c\\u{202e}d\\u{fffe}\\u{d800}",
    );
  });

  it("has at most two marks on a letter", () => {
    expect(label(`a${"\u0301".repeat(9)}b`, 10, 900)).toBe("a\u0301\u0301b");
  });

  it("is never wider than its room, whole characters, and printable", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 300 }),
      fc.string({ unit: "grapheme", maxLength: 80 }),
    );
    fc.assert(
      fc.property(
        text,
        fc.integer({ min: 20, max: 300 }),
        fc.constantFrom("middle", "start"),
        (name, room, without) => {
          const short = label(name, 10, room, without);
          expect(textWidth(short, 10)).toBeLessThanOrEqual(room);
          expect(short.isWellFormed()).toBe(true);
          expect(short).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
        },
      ),
      { seed: 2, numRuns: 500 },
    );
  });

  it("of a very long text takes no longer than of a long one", () => {
    expect(label(`${"x".repeat(2 ** 24)}end`, 10, 100)).toMatch(/^x+…x+$/);
  });
});

describe("numbers", () => {
  it.each([[0, "0"], [999, "999"], [1000, "1,000"], [1234567, "1,234,567"]])(
    "of things: %d is %s",
    (value, text) => {
      expect(count(value)).toBe(text);
    },
  );

  it("agree with what they count", () => {
    expect([counted(1, "edge"), counted(2, "edge"), counted(0, "edge")]).toEqual([
      "1 edge",
      "2 edges",
      "0 edges",
    ]);
  });

  it.each([[0.00135, "0.00135"], [3, "3"], [0.6138342, "0.614"], [1.0000001, "1"], [7.5412e-6, "7.54e-6"], [
    1e-4,
    "1e-4",
  ], [0, "0"]])(
    "are short: %d is %s",
    (value, text) => expect(short(value)).toBe(text),
  );

  it.each([[0.5, "0.5"], [0.00121, "0.0012"], [1e-50, "1e-50"], [3.14e-300, "3.1e-300"]])(
    "that are probabilities are known by their logarithms: %d is %s",
    (p, text) => expect(probability(Math.log(p))).toBe(text),
  );

  it("go below the smallest float64", () => {
    expect(probability(-5000 * Math.LN10)).toMatch(/^(?:1e-5000|9\.9e-5001)$/);
    expect(probability(-2234.5 * Math.LN10)).toBe("3.2e-2235");
  });
});
