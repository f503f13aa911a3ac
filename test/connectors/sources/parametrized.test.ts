import { describe, expect, it } from "vitest";
import { plainWeights } from "../../../connectors/sources/parametrized.ts";
import type { Model } from "../../../src/model/ports.ts";
import { layerGraph } from "../../../src/stages/layers.ts";
import { gaussian, tensorOf } from "../../support/layer-fixture.ts";

type Held = readonly [name: string, shape: readonly number[], values: ArrayLike<number>];

/** A model that holds these tensors, and notes which of them it is asked to digest. */
function modelOf(...held: readonly Held[]): Model & { readonly digested: string[] } {
  const digested: string[] = [];
  return {
    id: "m",
    uri: "m.pt",
    format: "pytorch",
    tensors: held.map(([name, shape]) => tensorOf(name, shape)),
    metadata: new Map(),
    digested,
    read: (name) => {
      const found = held.find(([each]) => each === name);
      return found === undefined
        ? Promise.reject(new RangeError(`no ${name}`))
        : Promise.resolve(Float64Array.from(found[2]));
    },
    inputs: (_, tensors) => {
      digested.push(...tensors ?? []);
      return Promise.resolve([]);
    },
    close: () => Promise.resolve(),
  };
}

const normal = (count: number, seed = 1) => {
  const next = gaussian(seed);
  return Array.from({ length: count }, next);
};

const normOf = (values: readonly number[]) =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

describe("a weight that a file holds in parts", () => {
  const shape = [3, 2, 2];
  const v = normal(12);
  const rowOf = (i: number) => v.slice(4 * i, 4 * i + 4);

  it.each([
    ["weight norm, old names", "conv.weight_g", "conv.weight_v"],
    [
      "weight norm, new names",
      "conv.parametrizations.weight.original0",
      "conv.parametrizations.weight.original1",
    ],
    ["weight norm of a wrapped module", "conv._orig_mod.weight_g", "conv._orig_mod.weight_v"],
  ])("is one layer: %s", async (_, magnitude, direction) => {
    const inner = modelOf([magnitude, [3, 1, 1], [2, 3, 4]], [direction, shape, v], ["conv.bias", [3], [
      0,
      0,
      0,
    ]]);
    const model = plainWeights(inner);
    expect(model.tensors.map(({ name }) => name)).toEqual(["conv.weight", "conv.bias"]);
    expect(layerGraph(model).layers.map(({ name, outChannels, positions }) => [name, outChannels, positions]))
      .toEqual([["conv", 3, 2]]);
    const weight = [...await model.read("conv.weight")];
    [2, 3, 4].forEach((g, i) => {
      rowOf(i).forEach((value, j) => expect(weight[4 * i + j]).toBeCloseTo(g * value / normOf(rowOf(i)), 12));
    });
    await model.inputs(undefined, new Set(["conv.weight"]));
    expect(inner.digested.sort()).toEqual([magnitude, direction].sort());
  });

  it("has its magnitudes along any axis, or one for all", async () => {
    const along = plainWeights(modelOf(["w.weight_g", [1, 1, 2], [5, 7]], ["w.weight_v", shape, v]));
    const weight = [...await along.read("w.weight")];
    for (const k of [0, 1]) {
      expect(normOf(weight.filter((_, i) => i % 2 === k))).toBeCloseTo(k === 0 ? 5 : 7, 12);
    }
    const all = plainWeights(modelOf(["w.weight_g", [], [5]], ["w.weight_v", shape, v]));
    expect(normOf([...await all.read("w.weight")])).toBeCloseTo(5, 12);
  });

  it.each([
    ["old names", "fc.weight_orig", "fc.weight_u", "fc.weight_v"],
    [
      "new names",
      "fc.parametrizations.weight.original",
      "fc.parametrizations.weight.0._u",
      "fc.parametrizations.weight.0._v",
    ],
  ])("is divided by its largest singular value: spectral norm, %s", async (_, original, u, v) => {
    // Two orthogonal rows: the longer one is the largest singular value.
    const model = plainWeights(modelOf(
      [original, [2, 4], [0, 6, 0, 0, 0, 0, 3, 0]],
      [u, [2], [1, 0]],
      [v, [4], [0, 1, 0, 0]],
    ));
    expect(model.tensors.map(({ name }) => name)).toEqual(["fc.weight"]);
    expect([...await model.read("fc.weight")]).toEqual([0, 1, 0, 0, 0, 0, 0.5, 0]);
  });

  it("is divided so along its second axis where that is how long u is: a transposed convolution", async () => {
    const model = plainWeights(modelOf(
      ["up.weight_orig", [2, 3], [0, 4, 0, 2, 0, 0]],
      ["up.weight_u", [3], [0, 1, 0]],
      ["up.weight_v", [2], [1, 0]],
    ));
    expect([...await model.read("up.weight")]).toEqual([0, 1, 0, 0.5, 0, 0]);
  });

  it("is divided so along the axis that power iteration went along, where both are as long: a transposed convolution", async () => {
    const [u, v] = [[0.6, 0.8], [0.1, 0.5, 0.7, 0.5]];
    // W[i, j, k] = 5 u[j] v[i, k]
    const plain = [0, 1].flatMap((i) => u.flatMap((each) => [0, 1].map((k) => each * v[2 * i + k]!)));
    const model = plainWeights(modelOf(
      ["up.weight_orig", [2, 2, 2], plain.map((value) => 5 * value)],
      ["up.weight_u", [2], u],
      ["up.weight_v", [4], v],
    ));
    const read = [...await model.read("up.weight")];
    plain.forEach((value, i) => expect(read[i]).toBeCloseTo(value, 12));
  });

  it("is divided so where a wrapper calls it `weight_bar`", async () => {
    const model = plainWeights(modelOf(
      ["l.module.weight_bar", [2, 3], [0, 6, 0, 0, 0, 3]],
      ["l.module.weight_u", [2], [1, 0]],
      ["l.module.weight_v", [3], [0, 1, 0]],
    ));
    expect(model.tensors.map(({ name }) => name)).toEqual(["l.module.weight"]);
    expect([...await model.read("l.module.weight")]).toEqual([0, 1, 0, 0, 0, 0.5]);
  });

  it("is masked where it was pruned", async () => {
    const model = plainWeights(
      modelOf(["fc.weight_orig", [1, 3], [1, 2, 3]], ["fc.weight_mask", [1, 3], [1, 0, 1]]),
    );
    expect([...await model.read("fc.weight")]).toEqual([1, 0, 3]);
  });

  it("is no weight where nobody knows what the parametrization computes", () => {
    const name = "fc.parametrizations.weight.original";
    const base = "fc.parametrizations.weight.0.base";
    const { layers, skipped } = layerGraph(
      plainWeights(modelOf([name, [2, 2], [1, 2, 3, 4]], [base, [2, 2], [1, 0, 0, 1]])),
    );
    expect(layers).toEqual([]);
    expect(skipped).toEqual([name, base].map((each) => ({
      subject: "tensor",
      name: each,
      reason: expect.stringMatching(/^of a parametrization/) as string,
    })));
  });

  it("stays as it is where parts do not fit, or the weight is there already", () => {
    for (
      const held of [
        [["w.weight_g", [5], [1, 1, 1, 1, 1]], ["w.weight_v", shape, v]],
        [["w.weight_g", [3, 1, 1], [1, 1, 1]], ["w.weight_v", shape, v], ["w.weight", shape, v]],
        [["w.weight_orig", [2, 2], [1, 2, 3, 4]], ["w.weight_u", [3], [1, 0, 0]], ["w.weight_v", [2], [
          1,
          0,
        ]]],
      ] as readonly (readonly Held[])[]
    ) {
      expect(plainWeights(modelOf(...held)).tensors.map(({ name }) => name)).toEqual(
        held.map(([name]) => name),
      );
    }
  });
});

describe("names", () => {
  it("are read in a time that grows with their length", () => {
    const model = modelOf([`${"weight".repeat(50_000)}-`, [1, 1], [1]]);
    expect(plainWeights(model)).toBe(model);
  });

  it.each(["_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module._fsdp_wrapped_module."])(
    "lose %s wherever it stands, and are read as before",
    async (wrapper) => {
      const inner = modelOf([`${wrapper}layers.0.${wrapper}fc.weight`, [1, 2], [1, 2]], ["head.weight", [
        1,
        1,
      ], [3]]);
      const model = plainWeights(inner);
      expect(model.tensors.map(({ name }) => name)).toEqual(["layers.0.fc.weight", "head.weight"]);
      expect([...await model.read("layers.0.fc.weight")]).toEqual([1, 2]);
      await model.inputs(undefined, new Set(["layers.0.fc.weight"]));
      expect(inner.digested).toEqual([`${wrapper}layers.0.${wrapper}fc.weight`]);
    },
  );

  it("stay as they are where two would become one", () => {
    const model = modelOf(["a._orig_mod.weight", [1, 1], [1]], ["a.weight", [1, 1], [1]]);
    expect(plainWeights(model)).toBe(model);
  });
});
