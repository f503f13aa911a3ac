import { describe, expect, it } from "vitest";
import { draftLayer } from "../../../src/model/layer-draft.ts";
import type { LayerGraph } from "../../../src/model/layer.ts";
import { NetworkBuilder, type Signal } from "../../../src/model/operators.ts";
import { trace } from "../../../src/stages/topology/trace.ts";
import { tensorOf } from "../../support/layer-fixture.ts";

/** A network of square-kernel convolutions and matrices, by name. */
class Net extends NetworkBuilder {
  conv(name: string, out: number, input: number, from: Signal, groups = 1): Signal {
    const tensor = tensorOf(`${name}.weight`, [out, input / groups, 3, 3]);
    return this.layer(draftLayer(name, tensor, { groups }), from);
  }
  linear(name: string, out: number, input: number, from: Signal): Signal {
    return this.layer(draftLayer(name, tensorOf(`${name}.weight`, [out, input])), from);
  }
  keep(input: Signal): Signal {
    return this.add({ op: "keep", input });
  }
  traced(): LayerGraph {
    return trace(this.finish("graph"));
  }
}

/** `source -> target via: ranges`, one line each. */
function said({ layers, connections }: LayerGraph): string[] {
  return connections.map(({ source, target, part, via, channels }) =>
    `${layers[source]!.name} -> ${layers[target]!.name}${part > 0 ? `#${part}` : ""} ${via}: ` +
    channels.map((range) => `${range.source}>${range.target}x${range.length}`).join(" ")
  );
}

describe("tracing", () => {
  it("walks through what keeps channels", () => {
    const net = new Net();
    const a = net.conv("a", 4, 3, net.add({ op: "input", channels: 3 }));
    net.conv("b", 5, 4, net.keep(net.keep(a)));
    expect(said(net.traced())).toEqual(["a -> b direct: 0>0x4"]);
    expect(net.traced().skipped).toEqual([]);
  });

  it("forks at an addition: everything that is added feeds whoever reads the sum", () => {
    const net = new Net();
    const a = net.conv("a", 4, 3, net.add({ op: "input" }));
    const b = net.conv("b", 4, 4, net.keep(a));
    const sum = net.add({ op: "add", inputs: [b, a] });
    net.conv("c", 6, 4, net.keep(sum));
    expect(said(net.traced())).toEqual([
      "a -> b direct: 0>0x4",
      "a -> c residual: 0>0x4",
      "b -> c residual: 0>0x4",
    ]);
  });

  it("gives concatenated and sliced channels their places, also one within the other", () => {
    const net = new Net();
    const input = net.add({ op: "input" });
    const [a, b] = [net.conv("a", 4, 3, input), net.conv("b", 6, 3, input)];
    const both = net.add({ op: "concat", inputs: [a, b] });
    net.conv("whole", 2, 10, both);
    const channels = [{ source: 2, target: 0, length: 5 }];
    net.conv("slice", 2, 5, net.add({ op: "map", input: both, channels, width: 5, via: "split" }));
    expect(said(net.traced())).toEqual([
      "a -> whole concat: 0>0x4",
      "b -> whole concat: 0>4x6",
      "a -> slice concat: 2>0x2",
      "b -> slice concat: 0>2x3",
    ]);
  });

  it("pads a shortcut's channels: an offset", () => {
    const net = new Net();
    const a = net.conv("a", 4, 3, net.add({ op: "input" }));
    const b = net.conv("b", 8, 4, a);
    const channels = [{ source: 0, target: 2, length: 4 }];
    const padded = net.add({ op: "map", input: a, channels, width: 8 });
    net.conv("c", 8, 8, net.add({ op: "add", inputs: [b, padded] }));
    expect(said(net.traced())).toContain("a -> c residual: 0>2x4");
  });

  it("finds z of a flattened map, and lays the weight out in the map's own order", () => {
    for (const order of ["channels-first", "channels-last"] as const) {
      const net = new Net();
      const a = net.conv("a", 4, 3, net.add({ op: "input" }));
      net.linear("b", 7, 36, net.add({ op: "flatten", input: net.keep(a), order }));
      const graph = net.traced();
      expect(said(graph)).toEqual(["a -> b flatten: 0>0x4"]);
      expect(graph.layers[1]).toMatchObject({ inChannels: 4, positions: 9 });
      const { strides } = graph.layers[1]!.weight;
      expect([strides.in, strides.position]).toEqual(order === "channels-first" ? [9, 1] : [1, 4]);
    }
  });

  it("has one position behind global pooling", () => {
    const net = new Net();
    const a = net.conv("a", 4, 3, net.add({ op: "input" }));
    const flat = net.add({
      op: "flatten",
      input: net.add({ op: "global-pool", input: a }),
      order: "channels-first",
    });
    net.linear("b", 7, 4, flat);
    const graph = net.traced();
    expect(said(graph)).toEqual(["a -> b pool: 0>0x4"]);
    expect(graph.layers[1]!.positions).toBe(1);
  });

  it("stops with the reason, and keeps what it knows of a sum", () => {
    const net = new Net();
    const a = net.conv("a", 4, 3, net.add({ op: "input" }));
    const stop = net.add({ op: "stop", inputs: [a], reason: "Mul_3 multiplies two activations" });
    net.conv("b", 4, 4, stop);
    net.conv("c", 4, 4, net.add({ op: "add", inputs: [a, stop] }));
    const graph = net.traced();
    expect(said(graph)).toEqual(["a -> c residual: 0>0x4"]);
    expect(graph.skipped).toEqual([
      { subject: "connection", name: "? -> b", reason: "Mul_3 multiplies two activations" },
      { subject: "connection", name: "? -> c", reason: "Mul_3 multiplies two activations" },
    ]);
  });

  it("says so where channels do not fit", () => {
    const net = new Net();
    const a = net.conv("a", 4, 3, net.add({ op: "input" }));
    net.conv("b", 4, 5, a);
    const { connections, skipped } = net.traced();
    expect(connections).toEqual([]);
    expect(skipped[0]).toMatchObject({
      name: "a -> b",
      reason: "4 channels arrive where the layer reads 5, 9 positions each",
    });
  });

  it("makes one connection of several ways to different channels, and one of the same way twice", () => {
    const net = new Net();
    const a = net.conv("a", 4, 3, net.add({ op: "input" }));
    net.conv("b", 2, 8, net.add({ op: "concat", inputs: [a, net.keep(a)] }));
    net.conv("c", 2, 4, net.add({ op: "add", inputs: [a, net.keep(a)] }));
    const turned = net.add({
      op: "map",
      input: a,
      channels: [{ source: 2, target: 0, length: 2 }, { source: 0, target: 2, length: 2 }],
      width: 4,
    });
    net.conv("d", 2, 4, net.add({ op: "add", inputs: [a, turned] }));
    const graph = net.traced();
    expect(said(graph)).toEqual([
      "a -> b concat: 0>0x4 0>4x4",
      "a -> c residual: 0>0x4",
      "a -> d residual: 0>0x4",
    ]);
    expect(graph.skipped.map(({ reason }) => reason)).toEqual(["two ways meet in the same channels"]);
  });

  it("keeps heads apart, each a part, and lets them share channels", () => {
    const net = new Net();
    const v = net.linear("v", 4, 8, net.add({ op: "input" }));
    const parts = [0, 1, 2, 3].map((head) => [{ source: 2 * (head >> 1), target: 2 * head, length: 2 }]);
    net.linear("o", 8, 8, net.add({ op: "heads", input: v, parts, width: 8 }));
    expect(said(net.traced())).toEqual([
      "v -> o attention-head: 0>0x2",
      "v -> o#1 attention-head: 0>2x2",
      "v -> o#2 attention-head: 2>4x2",
      "v -> o#3 attention-head: 2>6x2",
    ]);
  });

  it("feeds a recurrent state back: the candidate rows of both matrices", () => {
    const net = new Net();
    const a = net.linear("a", 5, 3, net.add({ op: "input" }));
    const inputLayer = net.draft(draftLayer("ih", tensorOf("ih", [12, 5]), { kind: "recurrent" }));
    const hiddenLayer = net.draft(draftLayer("hh", tensorOf("hh", [12, 3]), { kind: "recurrent" }));
    const candidate = { from: 6, length: 3 };
    const state = net.add({ op: "cell", input: a, inputLayer, hiddenLayer, candidate });
    net.linear("out", 2, 3, state);
    expect(said(net.traced())).toEqual([
      "a -> ih direct: 0>0x5",
      "ih -> hh recurrent: 6>0x3",
      "hh -> hh recurrent: 6>0x3",
      "ih -> out recurrent: 6>0x3",
      "hh -> out recurrent: 6>0x3",
    ]);
  });

  it("refuses a layer that feeds itself without being recurrent", () => {
    const net = new Net();
    const layer = net.draft(draftLayer("a", tensorOf("a", [4, 4])));
    const once = net.add({ op: "layer", layer, input: net.add({ op: "input" }) });
    net.add({ op: "layer", layer, input: net.keep(once) });
    const { connections, skipped } = net.traced();
    expect(connections).toEqual([]);
    expect(skipped[0]!.reason).toMatch(/feeds itself/);
  });
});

describe("normalizations", () => {
  const scale = { gamma: "bn.weight", variance: "bn.running_var", epsilon: 1e-3 };

  it("can be taken into the layer right before, where nobody else reads it", () => {
    const net = new Net();
    const a = net.conv("a", 4, 3, net.add({ op: "input" }));
    const b = net.conv("b", 4, 4, net.add({ op: "batch-norm", input: a, scale }));
    net.add({ op: "batch-norm", input: net.keep(b), scale });
    const c = net.conv("c", 4, 4, b);
    net.add({ op: "batch-norm", input: c, scale });
    net.add({ op: "keep", input: c });
    const { layers } = net.traced();
    expect(layers.map(({ batchNorm, folding }) => [batchNorm, folding?.batchNorm])).toEqual([
      ["raw", scale],
      ["none", undefined],
      ["raw", undefined],
    ]);
  });

  it("give their gain to every layer right behind, unless it also reads something else", () => {
    const net = new Net();
    const input = net.linear("in", 4, 3, net.add({ op: "input" }));
    const normed = net.add({ op: "gain", input, gain: "norm.weight" });
    net.linear("q", 4, 4, normed);
    net.linear("later", 4, 4, net.keep(normed));
    const shared = net.draft(draftLayer("shared", tensorOf("shared", [4, 4])));
    net.add({ op: "layer", layer: shared, input: normed });
    net.add({ op: "layer", layer: shared, input });
    expect(net.traced().layers.map(({ normGain, folding }) => [normGain, folding?.gain])).toEqual([
      ["none", undefined],
      ["raw", "norm.weight"],
      ["none", undefined],
      ["none", undefined],
    ]);
  });
});
