import { describe, expect, it } from "vitest";
import { axisNames } from "../../src/viewer/layer-names.ts";

describe("names on an axis", () => {
  it.each([
    [
      [
        "model.embed_tokens",
        "model.layers.0.mlp.up",
        "model.layers.1.mlp.up",
        "model.layers.2.mlp.up",
        "lm_head",
      ],
      ["embed_tokens", "0.mlp.up", "1.mlp.up", "2.mlp.up", "lm_head"],
      "model.layers.",
    ],
    [["module.conv1", "module.layer1.0.conv1"], ["conv1", "layer1.0.conv1"], "module."],
    [["/block/0/MatMul", "/block/1/MatMul"], ["0/MatMul", "1/MatMul"], "/block/"],
    // Numbers alone would be taken for the layers' own.
    [["features.0", "features.3", "features.6"], ["features.0", "features.3", "features.6"], ""],
    [["h.0.a", "h.0.b", "h.0.c"], ["0.a", "0.b", "0.c"], "h."],
    // Half of them is not enough: `layers.0.q` would be either's.
    [["encoder.layers.0.q", "decoder.layers.0.q"], ["encoder.layers.0.q", "decoder.layers.0.q"], ""],
    // Two layers would have one name.
    [["a.fc1", "a.fc2", "a.fc3", "fc1"], ["a.fc1", "a.fc2", "a.fc3", "fc1"], ""],
    [["fc"], ["fc"], ""],
    [["model.fc"], ["model.fc"], ""],
    [["x.y", "x.y", "x.z"], ["y", "y", "z"], "x."],
    [["...", "..", ""], ["...", "..", ""], ""],
    [[], [], ""],
  ])("%j", (whole, names, without) => {
    expect(axisNames(whole)).toEqual({ names, without });
  });
});
