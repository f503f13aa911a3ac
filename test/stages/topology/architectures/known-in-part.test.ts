import { describe, expect, it } from "vitest";
import type { LayerGraph } from "../../../../src/model/layer.ts";
import { layerGraph } from "../../../../src/stages/layers.ts";
import { tensorOf } from "../../../support/layer-fixture.ts";
import { torchvisionResnet } from "./published.ts";

describe("a network that is known in part", () => {
  const whole = torchvisionResnet([2, 2, 2, 2], null);
  const known = layerGraph({ tensors: whole });
  const named = ({ layers, connections }: LayerGraph) =>
    connections.map(({ source, target, via }) => [layers[source]!.name, layers[target]!.name, via] as const);

  it.each([
    [
      "a weight of another name",
      /layer2\.1\.conv2\.weight": found none, required a weight of this name/,
      (name: string) => name.replace("layer2.1.conv2.weight", "layer2.1.second.weight"),
    ],
    [
      "one more weight",
      /found a weight "layer2\.1\.gate\.weight", required none that its blocks do not have/,
      null,
    ],
  ])(
    "keeps every connection that does not go through a block with %s, and leaves that block alone",
    (_, says, renamed) => {
      const tensors = renamed === null
        ? [...whole, tensorOf("layer2.1.gate.weight", [128, 128])]
        : whole.map((each) => ({ ...each, name: renamed(each.name) }));
      const graph = layerGraph({ tensors });
      expect(graph.warnings).toEqual([
        expect.stringMatching(/^ResNet: known in part; of 8 blocks 1 do not fit and are not connected, .*: /),
      ]);
      expect(graph.warnings[0]).toMatch(says);
      // Whatever ends before the block or begins behind it; the stream behind the block is not known to carry what came before.
      const order = ["conv1", "layer1.", "layer2.0.", "layer2.1.", "layer3.", "layer4.", "fc"];
      const place = (name: string) => order.findIndex((each) => name.startsWith(each));
      const kept = named(known).filter(([from, to]) => place(to) < 3 || place(from) > 3);
      expect(named(graph).sort()).toEqual(kept.sort());
      expect(kept.length).toBeGreaterThan(20);
      expect(graph.connections.every(({ evidence }) => evidence === "declared")).toBe(true);
      // All weights are layers: those of the block are there, unconnected, with the reason.
      const weights = tensors.filter(({ shape }) => shape.length > 1).map(({ name }) =>
        name.replace(/\.weight$/, "")
      );
      expect(graph.layers.map(({ name }) => name).sort()).toEqual(weights.sort());
      const alone = graph.skipped.filter(({ name }) => name.startsWith("? -> layer2.1."));
      expect(alone.length).toBe(weights.filter((name) => name.startsWith("layer2.1.")).length);
      expect(alone[0]).toMatchObject({ subject: "connection", reason: "its block is not as ResNet has it" });
      const told = new Set(graph.skipped.map(({ name }) => name));
      expect(tensors.every(({ name }) => told.has(name) || weights.includes(name.replace(/\.weight$/, ""))))
        .toBe(true);
    },
  );

  it("is told when a whole block is missing", () => {
    const graph = layerGraph({ tensors: whole.filter(({ name }) => !name.startsWith("layer3.0.")) });
    expect(graph.warnings).toEqual([
      expect.stringMatching(/of 7 blocks 1 do not fit .*layer3\.0 is missing/),
    ]);
    expect(named(graph)).toContainEqual(["layer1.0.conv1", "layer1.0.conv2", "direct"]);
    expect(named(graph)).toContainEqual(["layer3.1.conv2", "layer4.0.conv1", "residual"]);
    expect(named(graph).filter(([from, to]) => from.startsWith("layer2.") && to.startsWith("layer3.")))
      .toEqual([]);
  });

  it("is guessed where half of its blocks do not fit", () => {
    const tensors = whole.map((each) => ({
      ...each,
      name: each.name.replace(/(layer[12]\.[01])\.conv2/, "$1.second"),
    }));
    const graph = layerGraph({ tensors });
    expect(graph.warnings[0]).toMatch(
      /^looks like a known architecture, but does not fit it: ResNet, "layer1\.0\.conv2/,
    );
    expect(new Set(graph.connections.map(({ evidence }) => evidence))).toEqual(new Set(["guessed"]));
  });
});
