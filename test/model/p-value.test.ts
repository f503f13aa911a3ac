import { describe, expect, it } from "vitest";
import { runConfigSchema } from "../../config/schema.ts";
import { pValueMeaning } from "../../src/model/p-value.ts";

/** Every null distribution that a run may ask for. */
const NAMES = runConfigSchema.shape.null.unwrap().options;

describe("what a p-value says", () => {
  it("is said for every null distribution that a run may ask for, of each something else", () => {
    const said = NAMES.map(pValueMeaning).flatMap(({ short, long }) => [short, long]);
    expect(NAMES).toEqual(["rotation", "beta", "chi2"]);
    expect(new Set(said).size).toBe(2 * NAMES.length);
    expect(said.filter((words) => words.includes("does not know"))).toEqual([]);
  });

  it("is, under the rotation null, about channels alone", () => {
    const { short, long } = pValueMeaning("rotation");
    for (const words of [short, long]) {
      expect(words).toContain("if the channels of the two layers had nothing to do with each other");
      expect(words).toMatch(/trained weights are not random/i);
      expect(words).not.toContain("tested together");
    }
    expect(long).toContain(
      "all else stays as it is (singular values, spatial profiles, the other vector)",
    );
  });

  it.each(["beta", "chi2"])("is, under %s, about profile and alignment together", (name) => {
    const { short, long } = pValueMeaning(name);
    expect(short).toContain("profile and alignment are tested together");
    expect(long).toMatch(
      /tests (?:profile and alignment|the profile of kernels and their alignment) together/,
    );
    expect(long).toContain("small p-values come without any alignment");
    expect(`${short}${long}`).not.toContain("nothing to do with each other");
  });

  it.each(["gamma", "", "toString", "__proto__", "<script>\0"])(
    "is not known of a null named %j, which is not repeated",
    (name) => {
      const { short, long } = pValueMeaning(name);
      expect([short, long]).toEqual([
        "p: of a null distribution that this version does not know",
        "The p-values are those of a null distribution that this version does not know.",
      ]);
    },
  );
});
