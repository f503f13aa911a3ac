import { describe, expect, it } from "vitest";
import { kernelExtents } from "../../../src/analysis/patterns/kernel-extents.ts";
import { neuronPatterns } from "../../../src/analysis/patterns/neuron-patterns.ts";
import { type Connection, type Layer, QUERIES_AND_KEYS } from "../../../src/model/layer.ts";
import type { Spectrum } from "../../../src/model/spectrum.ts";
import { layerOf, spectrumOf } from "../../support/layer-fixture.ts";

const connection = (source: number, target: number, more: Partial<Connection> = {}): Connection => ({
  source,
  target,
  part: 0,
  via: "direct",
  evidence: "declared",
  channels: [],
  ...more,
});

const graph = (layers: readonly Layer[], connections: readonly Connection[] = []) => ({
  layers,
  connections,
  skipped: [],
});

/** A spectrum whose first neuron has these vectors. */
function withVectors(layer: Layer, v: readonly number[], u: readonly number[]): Spectrum {
  const spectrum = spectrumOf(layer, "svr", 2, 1);
  spectrum.right.data.set(v);
  spectrum.left.data.set(u);
  return spectrum;
}

const weight = (shape: readonly number[], position: number): Pick<Layer, "positions" | "weight"> => ({
  positions: 15,
  weight: { tensor: "w", shape, offset: 0, strides: { group: 0, out: 0, in: 0, position } },
});

describe("the extents of a kernel", () => {
  it.each([
    ["behind the channels", [8, 4, 3, 5], 1, 3, 5],
    ["before the channels", [3, 5, 4, 8], 32, 3, 5],
    ["along time", [8, 4, 15], 1, 1, 15],
    ["of three dimensions", [8, 4, 3, 1, 5], 1, 3, 5],
    ["with an axis of one before it", [8, 4, 1, 15], 1, 1, 15],
    ["of a map that was flattened", [8, 60], 1, 1, 15],
  ])("%s", (_, shape, position, rows, columns) => {
    expect(kernelExtents(weight(shape, position))).toEqual({ rows, columns });
  });
});

describe("what a neuron looks like", () => {
  it("is a picture where a convolution reads the model's three channels, and kernels where it reads others", () => {
    const shape = { positions: 4, weight: weight([2, 3, 2, 2], 1).weight };
    const first = layerOf(0, 2, 3, shape);
    const v = [0.5, 0, 0, 0, 0, -0.5, 0, 0, 0, 0, 0, Math.SQRT1_2];
    const { input, output, choice } = neuronPatterns(
      graph([first]),
      withVectors(first, v, [0.6, -0.8]),
      0,
      null,
    );
    expect(input.shown).toEqual({ form: "image", rows: 2, columns: 2, values: v });
    expect(output.shown).toEqual({
      form: "channels",
      strongest: [{ channel: 1, value: -0.8 }, { channel: 0, value: 0.6 }],
    });
    expect(choice).toBeNull();
    const fed = layerOf(1, 2, 3, shape);
    const { shown } = neuronPatterns(
      graph([first, fed], [connection(0, 1)]),
      withVectors(fed, v, [0.6, -0.8]),
      0,
      null,
    ).input;
    expect(shown).toMatchObject({
      form: "taps",
      rows: 2,
      columns: 2,
      strongest: [{ channel: 2, values: [0, 0, 0, Math.SQRT1_2] }, { channel: 0 }, { channel: 1 }],
    });
    expect(shown.form === "taps" && shown.strongest.map(({ share }) => share)).toEqual([
      expect.closeTo(0.5),
      0.25,
      0.25,
    ]);
  });

  it("runs over the channels of the neuron's own group", () => {
    const layer = layerOf(0, 6, 4, { groups: 2 });
    const spectrum = withVectors(layer, [1, 0], [0, 0, 1]);
    spectrum.group[0] = 1;
    const { input, output } = neuronPatterns(graph([layer]), spectrum, 0, null);
    expect([input.first, input.channels, output.first, output.channels]).toEqual([2, 2, 3, 3]);
    expect(input.shown).toMatchObject({ strongest: [{ channel: 2, value: 1 }, { channel: 3 }] });
    expect(output.shown).toMatchObject({ strongest: [{ channel: 5, value: 1 }, {}, {}] });
  });

  it("says where the vectors are a choice, and which neurons there are", () => {
    const layer = layerOf(0, 2, 2);
    const spectrum = withVectors(layer, [1, 0], [0, 1]);
    spectrum.clustered[0] = 1;
    expect(neuronPatterns(graph([layer]), spectrum, 0, null).choice).toBe("cluster");
    spectrum.nullNeurons[0] = 1;
    expect(neuronPatterns(graph([layer]), spectrum, 0, null).choice).toBe("null");
    expect(() => neuronPatterns(graph([layer]), spectrum, 2, null)).toThrow(
      "layer0: found neuron 2, required one of its 2",
    );
  });
});

describe("tokens", () => {
  const tokens = new Map([[0, "a"], [1, "<b>"], [2, "c"]]);
  const words = layerOf(0, 2, 4, { kind: "embedding" });
  const positions = layerOf(1, 2, 9, { kind: "embedding" });
  const last = layerOf(2, 4, 2);
  const v = [0.1, -0.9, 0.2, 0.3];

  it("are the entries of the table that has room for all of them, and of what it is read by", () => {
    const all = graph([words, positions, last], [connection(0, 2)]);
    expect(neuronPatterns(all, withVectors(words, v, [1, 0]), 0, tokens).input.shown).toEqual({
      form: "tokens",
      largest: [
        { channel: 3, value: 0.3, token: null },
        { channel: 2, value: 0.2, token: "c" },
        { channel: 0, value: 0.1, token: "a" },
      ],
      least: [{ channel: 1, value: -0.9, token: "<b>" }],
    });
    expect(neuronPatterns(all, withVectors(last, [1, 0], v), 0, tokens).output.shown.form).toBe("tokens");
    const place = withVectors(positions, [...v, 0, 0, 0, 0, 0], [1, 0]);
    expect(neuronPatterns(all, place, 0, tokens).input.shown.form).toBe("channels");
  });

  it("are nobody's where two tables could be theirs, and where the layer goes on", () => {
    const other = layerOf(1, 2, 4, { kind: "embedding" });
    expect(neuronPatterns(graph([words, other]), withVectors(words, v, [1, 0]), 0, tokens).input.shown.form)
      .toBe("channels");
    const all = graph([words, last, layerOf(2, 2, 4)].map((layer, index) => ({ ...layer, index })), [
      connection(1, 2),
    ]);
    expect(neuronPatterns(all, withVectors({ ...last, index: 1 }, [1, 0], v), 0, tokens).output.shown.form)
      .toBe("channels");
  });
});

describe("attention heads", () => {
  it("have their shares of what is written and read, queries and keys too", () => {
    const [values, queries, keys, output] = [
      layerOf(0, 2, 3),
      layerOf(1, 4, 3),
      layerOf(2, 2, 3),
      layerOf(3, 3, 4),
    ];
    // Four heads of one channel; two of them share each value.
    const heads = [0, 1, 2, 3].map((part) =>
      connection(0, 3, {
        part,
        via: "attention-head",
        channels: [{ source: Math.floor(part / 2), target: part, length: 1 }],
      })
    );
    const all = {
      layers: [values, queries, keys, output],
      connections: heads,
      skipped: [queries, keys].map(({ name }) => ({
        subject: "connection" as const,
        name: `${name} -> ${output.name}`,
        reason: QUERIES_AND_KEYS,
      })),
    };
    const shares = (layer: Layer, v: readonly number[], u: readonly number[]) => {
      const { input, output } = neuronPatterns(all, withVectors(layer, v, u), 0, null);
      return [input.heads, output.heads].map((side) =>
        side.map(({ heads, share }) => [heads, share.toFixed(2)])
      );
    };
    expect(shares(values, [1, 0, 0], [0.6, 0.8])).toEqual([[], [[[0, 1], "0.36"], [[2, 3], "0.64"]]]);
    expect(shares(output, [0.6, 0, 0.8, 0], [1, 0, 0])[0]).toEqual(
      [[[0], "0.36"], [[1], "0.00"], [[2], "0.64"], [[3], "0.00"]],
    );
    expect(shares(queries, [1, 0, 0], [0, 0.6, 0, 0.8])[1]).toEqual(
      [[[0], "0.00"], [[1], "0.36"], [[2], "0.00"], [[3], "0.64"]],
    );
    expect(shares(keys, [1, 0, 0], [0, 1])[1]).toEqual([[[0, 1], "0.00"], [[2, 3], "1.00"]]);
  });
});
