/**
 * The method against its reference program. Models too large for the repository are in `svr-large.test.ts`.
 */

import { describe, expect, it } from "vitest";
import { describeCase } from "./agreement.ts";
import { CASES, LARGE, modelOf } from "./cases.ts";

describe("the golden cases", () => {
  const names = (cases: Iterable<{ readonly name: string }>) => Array.from(cases, ({ name }) => name);

  it("are all here", () => {
    expect(names(CASES.values())).toEqual([
      "mnist-mlp",
      "random-conv",
      "random-conv-cosvr",
      "random-fc",
      "resnet20-as-chain",
      "vgg16s",
      "vgg16s-bn",
      "vgg16s-bn-wd",
      "vgg16s-cosvr",
      "vgg16s-wd",
      "waifu2x-vgg7",
    ]);
    expect(names(LARGE)).toEqual(["vgg16s", "vgg16s-bn", "vgg16s-cosvr"]);
  });

  it("run without shared models where these are small", () => {
    for (const golden of [...CASES.values()].filter(({ name }) => name.startsWith("random-"))) {
      expect(modelOf(golden).own, golden.model).toBe(true);
    }
  });
});

for (const golden of CASES.values()) if (!LARGE.includes(golden)) describeCase(golden);
