/** What each rule of the walk through a Keras config does, one small model each, written as Keras writes it. */

import { describe, expect, it } from "vitest";
import { kerasOperators } from "../../../connectors/sources/keras/walk.ts";
import { layerGraph } from "../../../src/stages/layers.ts";
import {
  graph,
  type KerasLayer as Layer,
  type KerasShapes as Shapes,
  traced,
  weightsOf,
} from "../../support/keras-graph.ts";

const MAP = [null, 8, 8, 3];
const A: Layer = ["Conv2D", "a", ["in"], { data_format: "channels_last" }];
const B: Layer = ["Conv2D", "b", ["x"]];
const AB: Shapes = { "a/kernel": [3, 3, 3, 4], "b/kernel": [3, 3, 4, 5] };
const between = (className: string, config: object = {}) =>
  traced(graph(MAP, [A, [className, "x", ["a"], config], B]), AB);

describe("layers that keep channels", () => {
  it.each<[string, object?]>([
    ["Activation", { activation: "relu" }],
    ["ReLU"],
    ["PReLU"],
    ["Dropout"],
    ["SpatialDropout2D"],
    ["MaxPooling2D", { data_format: "channels_last" }],
    ["AveragePooling2D"],
    ["ZeroPadding2D"],
    ["Cropping2D"],
    ["UpSampling2D"],
    ["BatchNormalization", { axis: [3] }],
    ["LayerNormalization", { axis: -1 }],
    ["Reshape", { target_shape: [12, 3, 4] }],
    ["Permute", { dims: [2, 1, 3] }],
  ])("%s", (className, config = {}) => {
    expect(between(className, config)).toEqual(["a -> b direct 0:0:4"]);
  });

  it.each([
    ["Lambda", {}, /Lambda "x": a function of the user's/],
    ["OwnLayer", {}, /OwnLayer "x": a class that is not known/],
    ["Permute", { dims: [3, 1, 2] }, /Conv2D "b": it reads along axis 3, where axis 1 counts channels/],
    ["Reshape", { target_shape: [12, 12] }, /Reshape "x": it makes 12 x 12 of 4 channels/],
    ["Dot", {}, /Dot "x": a product of activations/],
  ])("%s %o does not, and says why", (className, config, reason) => {
    const found = between(className, config);
    expect(found.filter((each) => each.startsWith("a -> b"))).toEqual([]);
    const after = traced(
      graph(MAP, [A, [className, "x", ["a"], config], B, ["Conv2D", "c", ["b"]]]),
      { ...AB, "c/kernel": [1, 1, 5, 6] },
    );
    expect([...found, ...after].some((each) => reason.test(each))).toBe(true);
  });
});

describe("maps and vectors", () => {
  const DENSE: Layer = ["Dense", "d", ["x"]];
  const order = (config: object, shapes: Shapes) => {
    const { tensors, weights } = weightsOf(shapes);
    const made = layerGraph({ tensors, operators: kerasOperators("config", config, weights)! });
    return made.layers.find(({ name }) => name === "d")!.weight.strides;
  };

  it("flattens channels last: the channel is the inner index", () => {
    const config = graph(MAP, [A, ["Flatten", "x", ["a"]], DENSE]);
    const shapes = { "a/kernel": [3, 3, 3, 4], "d/kernel": [36 * 4, 7] };
    expect(traced(config, shapes)).toEqual(["a -> d flatten 0:0:4"]);
    expect(order(config, shapes)).toMatchObject({ out: 1, in: 7, position: 4 * 7 });
  });

  it("flattens channels first in Keras's way: turned to channels last, unless told otherwise", () => {
    const first: Layer = ["Conv2D", "a", ["in"], { data_format: "channels_first" }];
    const shapes = { "a/kernel": [3, 3, 3, 4], "d/kernel": [36 * 4, 7] };
    const config = (flatten: object) =>
      graph([null, 3, 8, 8], [first, ["Flatten", "x", ["a"], flatten], DENSE]);
    expect(order(config({ data_format: "channels_first" }), shapes)).toMatchObject({ in: 7, position: 28 });
    expect(order(config({}), shapes)).toMatchObject({ in: 36 * 7, position: 7 });
  });

  it("pools globally, and takes a vector through Reshape and back", () => {
    const tail: readonly Layer[] = [
      ["GlobalAveragePooling2D", "pool", ["a"]],
      ["Reshape", "up", ["pool"], { target_shape: [1, 1, 4] }],
      ["Conv2D", "c", ["up"]],
      ["Reshape", "x", ["c"], { target_shape: [6] }],
      DENSE,
    ];
    expect(
      traced(graph(MAP, [A, ...tail]), {
        "a/kernel": [3, 3, 3, 4],
        "c/kernel": [1, 1, 4, 6],
        "d/kernel": [6, 2],
      }),
    )
      .toEqual(["a -> c pool 0:0:4", "c -> d direct 0:0:6"]);
  });

  it("reads the last axis in Dense: channels of a map that has them last, positions of another", () => {
    const last = graph(MAP, [A, ["ReLU", "x", ["a"]], DENSE]);
    expect(traced(last, { "a/kernel": [3, 3, 3, 4], "d/kernel": [4, 7] })).toEqual(["a -> d direct 0:0:4"]);
    const first: Layer = ["Conv2D", "a", ["in"], { data_format: "channels_first" }];
    const other = graph([null, 3, 8, 8], [first, ["ReLU", "x", ["a"]], DENSE]);
    expect(traced(other, { "a/kernel": [3, 3, 3, 4], "d/kernel": [6, 7] })).toEqual([
      expect.stringMatching(/^\? -> d: Dense "d": it reads along axis 3, where axis 1 counts channels/),
    ]);
  });
});

describe("layers that join", () => {
  const BOTH: Shapes = { "a/kernel": [3, 3, 3, 4], "a2/kernel": [3, 3, 3, 4], "b/kernel": [3, 3, 4, 5] };
  const A2: Layer = ["Conv2D", "a2", ["in"]];
  const joined = (className: string, config: object, shapes: Shapes = BOTH) =>
    traced(graph(MAP, [A, A2, [className, "x", ["a", "a2"], config], B]), shapes);

  it.each(["Add", "Subtract", "Average", "Maximum"])("%s is a residual", (className) => {
    expect(joined(className, {})).toEqual(["a -> b residual 0:0:4", "a2 -> b residual 0:0:4"]);
  });

  it("Concatenate along channels has offsets, along positions has not", () => {
    const wide = { ...BOTH, "b/kernel": [3, 3, 8, 5] };
    expect(joined("Concatenate", { axis: -1 }, wide)).toEqual([
      "a -> b concat 0:0:4",
      "a2 -> b concat 0:4:4",
    ]);
    expect(joined("Concatenate", { axis: 3 }, wide)).toEqual(["a -> b concat 0:0:4", "a2 -> b concat 0:4:4"]);
    expect(joined("Concatenate", { axis: 1 }))
      .toEqual([
        "a -> b direct 0:0:4",
        "a2 -> b direct 0:0:4",
      ]);
  });

  it("Multiply ends, unless it is of one value", () => {
    expect(joined("Multiply", {})).toEqual([
      expect.stringMatching(/^\? -> b: Multiply "x": a product of activations/),
    ]);
    const gate = graph(MAP, [A, ["Activation", "s", ["a"], { activation: "sigmoid" }], ["Multiply", "x", [
      "a",
      "s",
    ]], B]);
    expect(traced(gate, AB)).toEqual(["a -> b direct 0:0:4"]);
  });

  it("Keras 1's Merge is each of them", () => {
    expect(joined("Merge", { mode: "sum" })).toHaveLength(2);
    expect(joined("Merge", { mode: "concat", concat_axis: -1 }, { ...BOTH, "b/kernel": [3, 3, 8, 5] }))
      .toContain(
        "a2 -> b concat 0:4:4",
      );
    expect(joined("Merge", { mode: "cos" })).toEqual([
      expect.stringMatching(/^\? -> b: Merge "x": it merges by cos/),
    ]);
  });
});

describe("other ways to write a model", () => {
  it("Keras 1: a list of layers, Theano's order of axes", () => {
    const config = {
      class_name: "Sequential",
      config: [
        {
          class_name: "Convolution2D",
          config: { name: "a", dim_ordering: "th", batch_input_shape: [null, 3, 8, 8] },
        },
        { class_name: "Convolution2D", config: { name: "b", dim_ordering: "th" } },
      ],
    };
    expect(traced(config, { "a/kernel": [4, 3, 3, 3], "b/kernel": [5, 4, 3, 3] })).toEqual([
      "a -> b direct 0:0:4",
    ]);
  });

  it("Keras 3: arguments as trees, operators as layers", () => {
    const tensor = (name: string) => ({
      class_name: "__keras_tensor__",
      config: { keras_history: [name, 0, 0] },
    });
    const layer = (
      class_name: string,
      name: string,
      args: readonly unknown[],
      module = "keras.layers",
      config = {},
    ) => ({
      class_name,
      name,
      module,
      config: { name, ...config },
      inbound_nodes: args.length === 0 ? [] : [{ args, kwargs: {} }],
    });
    const config = {
      class_name: "Functional",
      config: {
        name: "m",
        layers: [
          layer("InputLayer", "in", [], "keras.layers", { batch_shape: MAP }),
          layer("Conv2D", "a", [tensor("in")]),
          layer("Multiply", "m2", [tensor("a"), 2], "keras.src.ops.numpy"),
          layer("Add", "x", [[tensor("a"), tensor("m2")]]),
          layer("Conv2D", "b", [tensor("x")]),
        ],
        input_layers: ["in", 0, 0],
        output_layers: ["b", 0, 0],
      },
    };
    // Twice the value and the value: a function of one value.
    expect(traced(config, AB)).toEqual(["a -> b direct 0:0:4"]);
  });

  it("operators of TensorFlow, with references in keywords", () => {
    const config = graph(MAP, [A, ["Conv2D", "a2", ["in"]], ["TFOpLambda", "x", ["a"], {
      function: "math.add",
    }], B]) as {
      config: { layers: { name: string; inbound_nodes: unknown[] }[] };
    };
    config.config.layers.find(({ name }) => name === "x")!.inbound_nodes = [[["a", 0, 0, {
      y: ["a2", 0, 0],
    }]]];
    expect(traced(config, { ...AB, "a2/kernel": [3, 3, 3, 4] })).toEqual([
      "a -> b residual 0:0:4",
      "a2 -> b residual 0:0:4",
    ]);
  });

  it("functions of TensorFlow have their axes and shapes in the call", () => {
    const called = (name: string, keywords: object, layers: readonly Layer[]) => {
      const config = graph(MAP, layers) as {
        config: { layers: { name: string; inbound_nodes: unknown[][][] }[] };
      };
      for (const call of config.config.layers.find((each) => each.name === name)!.inbound_nodes[0]!) {
        call[3] = keywords;
      }
      return config;
    };
    const joined = called("x", { axis: 3 }, [
      A,
      ["Conv2D", "a2", ["in"]],
      ["TFOpLambda", "x", ["a", "a2"], { function: "concat" }],
      B,
    ]);
    const shapes = { ...AB, "a2/kernel": [3, 3, 3, 4], "b/kernel": [3, 3, 8, 5] };
    expect(traced(joined, shapes)).toEqual(["a -> b concat 0:0:4", "a2 -> b concat 0:4:4"]);
    const flat = called("x", { shape: [-1, 144] }, [
      A,
      ["TFOpLambda", "x", ["a"], { function: "reshape" }],
      ["Dense", "d", ["x"]],
    ]);
    expect(traced(flat, { "a/kernel": [3, 3, 3, 4], "d/kernel": [144, 7] })).toEqual([
      "a -> d flatten 0:0:4",
    ]);
  });

  it("a model of the user's own class has no dataflow", () => {
    const { weights } = weightsOf({});
    expect(kerasOperators("config", { class_name: "Own", config: { size: 3 } }, weights)).toBeNull();
  });

  it("an activation between a layer and its normalization forbids folding", () => {
    const shapes = { ...AB, "x/gamma": [4], "x/beta": [4], "x/moving_mean": [4], "x/moving_variance": [4] };
    const folded = (activation: string) => {
      const { tensors, weights } = weightsOf(shapes);
      const config = graph(MAP, [
        ["Conv2D", "a", ["in"], { activation }],
        ["BatchNormalization", "x", ["a"]],
        B,
      ]);
      const operators = kerasOperators("config", config, weights)!;
      return layerGraph({ tensors, operators }, { batchNorm: "folded" }).layers[0]!.batchNorm;
    };
    expect([folded("linear"), folded("relu")]).toEqual(["folded", "none"]);
  });

  it("values that are added to, or put beside, themselves again and again take no time", () => {
    const doubled = (className: string) => {
      const steps = Array.from({ length: 60 }, (_, i): readonly Layer[] => {
        const before = i === 0 ? "a" : `s${i - 1}`;
        return [["MaxPooling2D", `p${i}`, [before]], [className, `s${i}`, [before, `p${i}`]]];
      });
      return traced(graph(MAP, [A, ...steps.flat(), ["Conv2D", "b", ["s59"]]]), AB);
    };
    expect(doubled("Add")).toEqual(["a -> b residual 0:0:4"]);
    expect(doubled("Concatenate")).toContain("? -> b: more than 100000 ways lead here");
  });

  it("missing weights, and weights of other shapes, stop with a reason", () => {
    expect(traced(graph(MAP, [A, ["ReLU", "x", ["a"]], B, ["Conv2D", "c", ["b"]]]), {
      "a/kernel": [3, 3, 3, 4],
      "c/kernel": [3, 3, 5, 6],
    })).toEqual([expect.stringMatching(/^\? -> c: Conv2D "b": the file holds no kernel of it/)]);
  });
});
