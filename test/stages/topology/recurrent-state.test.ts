import { describe, expect, it } from "vitest";
import { layerGraph } from "../../../src/stages/layers.ts";
import { tensorOf } from "../../support/layer-fixture.ts";

type Entry = readonly [name: string, ...shape: readonly number[]];

function read(...entries: readonly Entry[]) {
  const { layers, connections } = layerGraph({
    tensors: entries.map(([name, ...shape]) => tensorOf(name, shape)),
    moduleOrder: true,
  });
  return {
    kinds: Object.fromEntries(layers.map(({ name, kind }) => [name, kind])),
    ways: connections.map(({ source, target, via, channels: [range] }) =>
      `${layers[source]!.name} -> ${layers[target]!.name}: ${via} ${range!.source} + ${range!.length}`
    ),
  };
}

const cell = (module: string, gates: number, inputs: number, state: number, level = "_l0"): Entry[] => [
  [`${module}.weight_ih${level}`, gates * state, inputs],
  [`${module}.weight_hh${level}`, gates * state, state],
];

describe("a recurrent layer in a state dict", () => {
  it.each([
    ["an LSTM", 4, 2 * 24],
    ["a GRU", 3, 2 * 24],
    ["a plain one", 1, 0],
  ])("gives its candidate: %s", (_, gates, from) => {
    const { kinds, ways } = read(...cell("rnn", gates, 16, 24), ...cell("rnn", gates, 24, 24, "_l1"), [
      "fc.weight",
      10,
      24,
    ]);
    expect(kinds).toMatchObject({
      "rnn.weight_ih_l0": "recurrent",
      "rnn.weight_hh_l1": "recurrent",
      fc: "linear",
    });
    expect(ways).toEqual([
      `rnn.weight_ih_l0 -> rnn.weight_hh_l0: recurrent ${from} + 24`,
      `rnn.weight_hh_l0 -> rnn.weight_ih_l1: recurrent ${from} + 24`,
      `rnn.weight_ih_l1 -> rnn.weight_hh_l1: recurrent ${from} + 24`,
      `rnn.weight_hh_l1 -> fc: recurrent ${from} + 24`,
    ]);
  });

  it("does not feed its other direction", () => {
    const { ways } = read(...cell("rnn", 3, 24, 24), ...cell("rnn", 3, 24, 24, "_l0_reverse"), [
      "fc.weight",
      10,
      48,
    ]);
    expect(ways).toEqual([
      "rnn.weight_ih_l0 -> rnn.weight_hh_l0: recurrent 48 + 24",
      "rnn.weight_ih_l0_reverse -> rnn.weight_hh_l0_reverse: recurrent 48 + 24",
    ]);
  });

  it("is Keras's where a recurrent kernel lies beside a kernel", () => {
    const { kinds, ways } = read(["lstm/kernel", 16, 96], ["lstm/recurrent_kernel", 24, 96], [
      "dense/kernel",
      24,
      10,
    ]);
    expect(kinds).toEqual({
      "lstm/kernel": "recurrent",
      "lstm/recurrent_kernel": "recurrent",
      "dense/kernel": "linear",
    });
    expect(ways).toEqual([
      "lstm/kernel -> lstm/recurrent_kernel: recurrent 48 + 24",
      "lstm/recurrent_kernel -> dense/kernel: recurrent 48 + 24",
    ]);
  });

  it("is none where gates are not 1, 3 or 4, or the matrices do not fit", () => {
    expect(read(...cell("rnn", 2, 16, 24)).kinds["rnn.weight_hh_l0"]).toBe("linear");
    expect(read(["rnn.weight_ih_l0", 72, 16], ["rnn.weight_hh_l0", 96, 24]).kinds["rnn.weight_ih_l0"]).toBe(
      "linear",
    );
  });
});

describe("a convolution of one in channel behind a gated linear unit", () => {
  it("is depthwise, where both are numbers of one list", () => {
    const { layers } = layerGraph({
      tensors: [["0.weight", 64, 32, 1], ["2.weight", 32, 1, 31], ["5.weight", 32, 32, 1]].map((
        [name, ...shape],
      ) => tensorOf(name as string, shape as number[])),
      moduleOrder: true,
    });
    expect(layers.find(({ name }) => name === "2")!.groups).toBe(32);
  });
});
