import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseTopology } from "../../../config/load.ts";
import type { LayerGraph } from "../../../src/model/layer.ts";
import { draftLayer } from "../../../src/model/layer-draft.ts";
import { NetworkBuilder } from "../../../src/model/operators.ts";
import { knownGraph, layerGraph } from "../../../src/stages/layers.ts";
import { declarationOf } from "../../../src/stages/topology/declaration.ts";
import { unfold } from "../../../src/stages/unfold.ts";
import { tensorOf } from "../../support/layer-fixture.ts";

/** Ascending numbers, so that a weight's number is its place in the tensor. */
const ascending = (count: number) => Float64Array.from({ length: count }, (_, at) => at);

const rows = (graph: LayerGraph, layer: number, count: number) => {
  const [matrix] = unfold(graph.layers[layer]!, ascending(count), "svr");
  const { cols, data } = matrix!;
  return Array.from({ length: matrix!.rows }, (_, at) => [...data.subarray(at * cols, (at + 1) * cols)]);
};

describe("weights of three axes", () => {
  const tensors = [tensorOf("W_V", [2, 3, 4]), tensorOf("W_O", [2, 4, 3])];
  const topology = {
    layers: [
      { name: "v.0", weight: "W_V", order: "in-out", index: [0] },
      { name: "v.1", weight: "W_V", order: "in-out", index: [1] },
      { name: "o", weight: "W_O", order: "in-out", shape: [8, 3] },
    ] as const,
    connections: [0, 1].map((head) => ({
      from: `v.${head}`,
      to: "o",
      via: "attention-head" as const,
      part: head,
      channels: [{ source: 0, target: 4 * head, length: 4 }],
    })),
  };
  const graph = layerGraph({ tensors }, { topology });

  it("are one layer per head by their index, and one layer of all heads by another shape", () => {
    expect(graph.layers.map(({ outChannels, inChannels }) => [outChannels, inChannels])).toEqual([
      [4, 3],
      [4, 3],
      [3, 8],
    ]);
    // Head 1, its [in, out] = [3, 4] turned: column o of the slice that begins at 12.
    expect(rows(graph, 1, 24)).toEqual([0, 1, 2, 3].map((o) => [0, 1, 2].map((c) => 12 + 4 * c + o)));
    expect(rows(graph, 2, 24)).toEqual([0, 1, 2].map((o) => [...ascending(8)].map((c) => 3 * c + o)));
  });

  it("are written so again", () => {
    const written = declarationOf(graph, tensors);
    expect(written.connections).toEqual(
      topology.connections.map(({ part, ...each }) => part === 0 ? each : { ...each, part }),
    );
    expect(layerGraph({ tensors }, { topology: written })).toEqual(graph);
  });

  it.each([
    ["index: [2]", /layer "v"/],
    ["index: [0, 0]", /two axes or more/],
    ["shape: [5, 5]", /"v", shape: found \[5,5\], required as many numbers as \[2,3,4\] has/],
    ["out: { from: 2, length: 4 }", /found out channels 2 to 6, required within 2/],
    ["gain: missing", /"v", gain "missing": found no such tensor, required a tensor of 3/],
    ["batchNorm: { variance: W_O }", /"v", batchNorm "W_O": found 24 numbers, required a tensor of 2/],
  ])("are refused with the line where %s does not fit", (key, message) => {
    const text = `layers:\n  - { name: v, weight: W_V, ${key} }\n`;
    const declared = parseTopology("t.yaml", text);
    expect(() => layerGraph({ tensors }, { topology: declared })).toThrow(message);
    expect(() => layerGraph({ tensors }, { topology: declared })).toThrow(/^t\.yaml:2:\d+: /);
  });
});

describe("a written topology", () => {
  it("says splits, concatenations, heads of grouped queries, normalizations that are none of a layer's, and the flattening", () => {
    const net = new NetworkBuilder();
    const shapes: [string, number[]][] = [["a", [4, 3]], ["b", [2, 2]], ["c", [6, 6]], ["d", [5, 12]], [
      "bn.running_var",
      [4],
    ], ["g", [6]]];
    const tensors = shapes.map(([name, shape]) => tensorOf(name, shape));
    const of = (name: string, more = {}) =>
      draftLayer(name, tensors.find((each) => each.name === name)!, more);
    const a = net.layer(of("a"), net.add({ op: "input" }));
    const half = net.add({
      op: "map",
      input: a,
      channels: [{ source: 2, target: 0, length: 2 }],
      width: 2,
      via: "split",
    });
    const b = net.layer(of("b"), half);
    const both = net.add({ op: "concat", inputs: [a, b] });
    const gained = net.add({ op: "gain", input: both, gain: "g", offset: 1 });
    const c = net.layer(of("c"), gained);
    const heads = net.add({
      op: "heads",
      input: c,
      width: 6,
      parts: [0, 1, 2].map((head) => [{ source: 0, target: 2 * head, length: 2 }]),
    });
    net.layer(of("d"), net.add({ op: "flatten", input: heads, order: "channels-last" }));
    const model = { tensors, operators: net.finish("graph") };
    const graph = layerGraph(model, { normGain: "folded" });
    const written = declarationOf(knownGraph(model, {}), tensors);
    expect(new Set(written.connections.map(({ via }) => via))).toEqual(
      new Set(["split", "concat", "attention-head"]),
    );
    const again = layerGraph({ tensors }, { topology: written, normGain: "folded" });
    expect(again.layers).toEqual(graph.layers);
    expect(again.connections).toEqual(graph.connections.map((each) => ({ ...each, evidence: "declared" })));
    expect(written.layers.find(({ name }) => name === "d")).toMatchObject({
      positions: 2,
      flatten: "channels-last",
    });
  });

  it("keeps a guess a guess, and warns of it", () => {
    const tensors = [tensorOf("a.weight", [4, 3]), tensorOf("b.weight", [5, 4])];
    const written = declarationOf(layerGraph({ tensors }), tensors);
    expect(written).toEqual({
      layers: [{ name: "a" }, { name: "b" }],
      connections: [{ from: "a", to: "b", evidence: "guessed" }],
    });
    const again = layerGraph({ tensors }, { topology: written });
    expect(again.connections[0]).toMatchObject({ evidence: "guessed" });
    expect(again.evidence).toBe("guessed");
    expect(again.warnings).toEqual([expect.stringMatching(/^topology guessed: .* 1 of 1 connections/)]);
    const [connection] = written.connections;
    const sure = { ...written, connections: [{ ...connection!, evidence: "declared" as const }] };
    expect(layerGraph({ tensors }, { topology: sure }).warnings).toEqual([]);
  });
});

describe("the examples of the documentation", () => {
  const page = readFileSync(new URL("../../../docs/sources-and-topology.md", import.meta.url), "utf8");
  const [chain = "", residual = "", heads = ""] = [...page.matchAll(/```yaml topology\n([^]*?)```/g)].map((
    [, text],
  ) => text);
  const graphOf = (text: string, ...shapes: readonly (readonly [string, readonly number[]])[]) => {
    const tensors = shapes.map(([name, shape]) => tensorOf(name, shape));
    const { layers, connections } = layerGraph({ tensors }, {
      topology: parseTopology("docs", text),
      batchNorm: "folded",
    });
    return {
      layers,
      said: connections.map(({ source, target, via }) =>
        `${layers[source]!.name} -> ${layers[target]!.name} ${via}`
      ),
    };
  };

  it("fit networks of their kind", () => {
    expect(
      graphOf(chain, ["features.0.weight", [8, 3, 3, 3]], ["features.3.weight", [16, 8, 3, 3]], [
        "classifier.0.weight",
        [10, 784],
      ]).said,
    )
      .toEqual(["features.0 -> features.3 direct", "features.3 -> classifier.0 flatten"]);
    const block = graphOf(
      residual,
      ...["stem", "conv1", "conv2", "head"].map((name) => [`${name}.weight`, [8, 8, 3, 3]] as const),
      ["bn1.weight", [8]],
      ["bn1.running_var", [8]],
    );
    expect(block.said).toEqual([
      "stem -> conv1 direct",
      "conv1 -> conv2 direct",
      "stem -> head residual",
      "conv2 -> head residual",
    ]);
    expect(block.layers.map(({ name, batchNorm }) => [name, batchNorm])).toContainEqual(["conv1", "folded"]);
    expect(graphOf(heads, ["embed.weight", [512, 100]], ["W_V", [2, 512, 64]], ["W_O", [2, 64, 512]]).said)
      .toEqual([
        "embed -> v.0 residual",
        "embed -> v.1 residual",
        "v.0 -> o attention-head",
        "v.1 -> o attention-head",
      ]);
  });
});
