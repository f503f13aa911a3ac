import { describe, expect, it } from "vitest";
import { placesOf } from "../../../src/run/collection/checkpoint-series.ts";

const one = async (name: string) => (await placesOf("auto", [name]))[0];

describe("the built-in rule for series", () => {
  it.each([
    ["vgg16s-wd/epoch-012.f16", "vgg16s-wd.f16", 12],
    ["mnist/epoch-000", "mnist", 0],
    ["vdsr/model/model_epoch_50", "vdsr/model/model", 50],
    ["run1/checkpoint-500/model", "run1/model", 500],
    ["llama/step_1000", "llama", 1000],
    ["ckpt-3.f16", "ckpt.f16", 3],
    ["net/ckpt3", "net", 3],
    ["EleutherAI/pythia-70m@step1000", "EleutherAI/pythia-70m", 1000],
    ["vgg16-epoch12-lr0.01", "vgg16-lr0.01", 12],
    // Lightning counts both: the finer one is last.
    ["lightning/epoch=3-step=1000", "lightning", 1000],
    ["gpt/global_step250/weights", "gpt/weights", 250],
    ["ft/epoch-1.5", "ft", 1.5],
    ["EPOCH_7", "EPOCH", 7],
    // Keras's own names, and numbers behind a name that says nothing.
    ["fer2013_mini_XCEPTION.102-0.66", "fer2013_mini_XCEPTION", 102],
    ["breakout-v4/model.40", "breakout-v4/model", 40],
  ])("%s is of %s at %d", async (name, series, step) => {
    expect(await one(name)).toEqual({ series, step });
  });

  it.each([
    "resnet20-12fca82f",
    "vgg16s/final",
    "timestep-5",
    "model_2",
    "version-RFB-320",
    "yolo.8",
    "epochs",
    "epoch-12abc",
    "epoch-1234567890123456",
    "CartPole-v1",
    "",
    `epoch-3${"x".repeat(600)}`,
  ])("%j is of none", async (name) => {
    expect(await one(name)).toBeNull();
  });

  it("is linear in names that are made to be slow", async () => {
    // Polynomial backtracking over the longest names that are taken, a thousand of them, would show in the test's time limit.
    const name = "epoch".repeat(60) + "_".repeat(150);
    expect(await placesOf("auto", Array.from({ length: 1000 }, () => name))).toEqual(Array(1000).fill(null));
  });
});

describe("a user's pattern", () => {
  const by = (pattern: string, ...names: string[]) => placesOf({ pattern }, names);

  it("gives series and step by its groups, or all else as the series", async () => {
    expect(await by("^(?<series>.*)/v(?<step>\\d+)$", "net/v3", "net/v10", "net/final")).toEqual([
      { series: "net", step: 3 },
      { series: "net", step: 10 },
      null,
    ]);
    expect(await by("-(?<step>\\d+)k", "gpt-50k/x")).toEqual([{ series: "gpt/x", step: 50 }]);
  });

  it("is ended where it backtracks without end", async () => {
    await expect(by("^(a+)+$(?<step>x)?", `${"a".repeat(60)}b`)).rejects.toThrow(/took longer than 2 s/);
  });

  it("must find numbers", async () => {
    await expect(by("(?<step>[a-z]+)", "abc")).rejects.toThrow(
      /found step "abc" in "abc".*required a number/,
    );
    await expect(by("(?<step>-?\\d+)", "a-1")).rejects.toThrow(/at least 0/);
  });
});

it("off means none", async () => {
  expect(await placesOf("off", ["epoch-3"])).toEqual([null]);
});
