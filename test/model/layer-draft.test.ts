import { describe, expect, it } from "vitest";
import type { Layer } from "../../src/model/layer.ts";
import {
  draftLayer,
  type DraftOptions,
  finishLayer,
  type FlattenOrder,
} from "../../src/model/layer-draft.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { tensorOf } from "../support/layer-fixture.ts";

/** Index of element `[i, j, …]` of a row-major tensor. */
function at(shape: readonly number[], ...indices: readonly number[]): number {
  return indices.reduce((sum, index, axis) => sum * shape[axis]! + index, 0);
}

interface Case extends DraftOptions {
  readonly name: string;
  readonly shape: readonly number[];
  readonly flattened?: FlattenOrder;
  readonly place?: number;
  /** Out, in, positions, groups that the layer must have. */
  readonly sizes: readonly [number, number, number, number];
  /** Where the weight of out channel `o` and in channel `c` of group `g` at position `k` lies, from the layout's definition. */
  readonly element: (g: number, o: number, c: number, k: number) => number;
}

const CASES: readonly Case[] = [
  {
    name: "PyTorch grouped convolution [m, n/g, kh, kw]",
    shape: [6, 2, 3, 5],
    groups: 3,
    sizes: [6, 6, 15, 3],
    element: (g, o, c, k) => at([6, 2, 15], g * 2 + o, c, k),
  },
  {
    name: "PyTorch transposed convolution [n, m/g, kh, kw]",
    shape: [6, 2, 3, 5],
    layout: "in-out",
    groups: 3,
    kind: "conv-transpose",
    sizes: [6, 6, 15, 3],
    element: (g, o, c, k) => at([6, 2, 15], g * 2 + c, o, k),
  },
  {
    name: "transposed convolution with a 1 x 1 kernel",
    shape: [4, 3, 1, 1],
    layout: "in-out",
    sizes: [3, 4, 1, 1],
    element: (_g, o, c) => at([4, 3], c, o),
  },
  {
    name: "Dense [n, m]",
    shape: [5, 7],
    layout: "in-out",
    sizes: [7, 5, 1, 1],
    element: (_g, o, c) => at([5, 7], c, o),
  },
  {
    name: "Dense behind Flatten, channels last",
    shape: [12, 7],
    layout: "in-out",
    place: 4,
    flattened: "channels-last",
    sizes: [7, 3, 4, 1],
    element: (_g, o, c, k) => at([12, 7], k * 3 + c, o),
  },
  {
    name: "Linear behind a flattened map, channels first",
    shape: [7, 12],
    place: 4,
    sizes: [7, 3, 4, 1],
    element: (_g, o, c, k) => at([7, 12], o, c * 4 + k),
  },
  {
    name: "Linear behind a flattened map, channels last",
    shape: [7, 12],
    place: 4,
    flattened: "channels-last",
    sizes: [7, 3, 4, 1],
    element: (_g, o, c, k) => at([7, 12], o, k * 3 + c),
  },
  {
    name: "Keras grouped convolution [kh, kw, n/g, m]",
    shape: [2, 3, 4, 6],
    layout: "kernel-in-out",
    groups: 2,
    sizes: [6, 8, 6, 2],
    element: (g, o, c, k) => at([6, 4, 6], k, c, g * 3 + o),
  },
  {
    name: "Keras transposed convolution [kh, kw, m, n]",
    shape: [2, 3, 4, 6],
    layout: "kernel-out-in",
    kind: "conv-transpose",
    sizes: [4, 6, 6, 1],
    element: (_g, o, c, k) => at([6, 4, 6], k, o, c),
  },
  {
    name: "Keras depthwise convolution [kh, kw, n, q]",
    shape: [2, 3, 4, 5],
    layout: "depthwise",
    sizes: [20, 4, 6, 4],
    element: (g, o, _c, k) => at([6, 4, 5], k, g, o),
  },
  {
    name: "a third of a fused weight [3m, n]",
    shape: [12, 5],
    out: { from: 4, length: 4 },
    sizes: [4, 5, 1, 1],
    element: (_g, o, c) => at([12, 5], 4 + o, c),
  },
  {
    name: "a third of GPT-2's fused weight [n, 3m]",
    shape: [5, 12],
    layout: "in-out",
    out: { from: 8, length: 4 },
    sizes: [4, 5, 1, 1],
    element: (_g, o, c) => at([5, 12], c, 8 + o),
  },
  {
    name: "the second direction of ONNX's recurrent weight [2, 4m, n]",
    shape: [2, 8, 3],
    leading: [1],
    sizes: [8, 3, 1, 1],
    element: (_g, o, c) => at([2, 8, 3], 1, o, c),
  },
];

function layerOfCase({ shape, flattened, place, ...options }: Case): Layer {
  const draft = draftLayer("layer", tensorOf("w", shape), options);
  return finishLayer(draft, {
    index: 0,
    positions: place ?? null,
    ...flattened === undefined ? {} : { flattened },
  });
}

describe("weight layouts", () => {
  it.each(CASES)("$name: every weight from its place, in both unfoldings", (each) => {
    const layer = layerOfCase(each);
    const { outChannels, inChannels, positions: z, groups } = layer;
    expect([outChannels, inChannels, z, groups]).toEqual(each.sizes);
    const [m, n] = [outChannels / groups, inChannels / groups];
    const weight = Float64Array.from(
      { length: each.shape.reduce((product, e) => product * e, 1) },
      (_, i) => i,
    );
    const [svr, cosvr] = [unfold(layer, weight.slice(), "svr"), unfold(layer, weight.slice(), "cosvr")];
    for (let g = 0; g < groups; g++) {
      for (let o = 0; o < m; o++) {
        for (let c = 0; c < n; c++) {
          for (let k = 0; k < z; k++) {
            const w = each.element(g, o, c, k);
            expect(svr[g]!.data[o * n * z + c * z + k]).toBe(w);
            expect(cosvr[g]!.data[(o * z + k) * n + c]).toBe(w);
          }
        }
      }
    }
  });

  it.each([
    ["one axis", [5], {}, /two axes or more/],
    ["groups that divide nothing", [6, 2, 3, 3], { groups: 4 }, /groups: found 4, required a divisor of 6/],
    ["out channels beyond the weight", [6, 2], { out: { from: 4, length: 3 } }, /4 to 7, required within 6/],
    ["a direction that is not there", [2, 8, 3], { leading: [2] }, /two axes or more after \[2\]/],
  ])("refuse %s", (_, shape, options, message) => {
    expect(() => draftLayer("layer", tensorOf("w", shape), options)).toThrow(message);
  });

  it("refuse positions that do not divide the inputs", () => {
    const draft = draftLayer("layer", tensorOf("w", [6, 10]), { positions: 3 });
    expect(() => finishLayer(draft, { index: 0 })).toThrow(/positions: found 3, required a divisor of 10/);
  });
});
