/**
 * The method against its reference program. Models too large for the repository are in `svr-large.test.ts`.
 */

import { describe, expect, it } from "vitest";
import { describeCase } from "./agreement.ts";
import { CASES, LARGE, modelOf, READABLE } from "./cases.ts";

describe("the golden cases", () => {
  const names = (cases: Iterable<{ readonly name: string }>) => Array.from(cases, ({ name }) => name);

  it("are all here: none is left out but the formats that cannot be read yet", () => {
    expect(names(READABLE)).toEqual([
      "mnist-mlp",
      "random-conv",
      "random-conv-cosvr",
      "random-fc",
      "vgg16s",
      "vgg16s-bn",
      "vgg16s-bn-wd",
      "vgg16s-cosvr",
      "vgg16s-wd",
    ]);
    expect(names(LARGE)).toEqual(["vgg16s", "vgg16s-bn", "vgg16s-cosvr"]);
    const others = [...CASES.values()].filter((golden) => !READABLE.includes(golden));
    expect(names(others)).toEqual(["resnet20-as-chain", "waifu2x-vgg7"]);
  });

  it("run without shared models where these are small", () => {
    for (const golden of READABLE.filter(({ name }) => name.startsWith("random-"))) {
      expect(modelOf(golden).own, golden.model).toBe(true);
    }
  });
});

for (const golden of READABLE) if (!LARGE.includes(golden)) describeCase(golden);
