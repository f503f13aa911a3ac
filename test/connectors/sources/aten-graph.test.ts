/** What PyTorch's operators do to channels, a small exported program for each. */

import { describe, expect, it } from "vitest";
import { between, conv, DIRECT, graphOf, said, unary } from "../../support/aten-network.ts";
import { int, ints, node, value, values } from "../../support/files/pt2-file.ts";

describe("between two convolutions", () => {
  it.each(
    "relu gelu silu sigmoid tanh hardswish elu leaky_relu mish softplus exp neg abs clone contiguous dropout detach alias"
      .split(" ").map((op) => [op] as const),
  )("%s keeps channels", async (op) => {
    expect(said(await between(4, unary(`${op}.default`)))).toEqual([DIRECT]);
  });

  it.each([
    ["max_pool2d", unary("max_pool2d.default", { kernel_size: ints(2, 2) })],
    ["avg_pool2d", unary("avg_pool2d.default", { kernel_size: int(2), stride: int(2) })],
    [
      "upsample",
      unary("upsample_bilinear2d.vec", { output_size: ints(16, 16), align_corners: { as_bool: false } }),
    ],
    ["adaptive", unary("adaptive_avg_pool2d.default", { output_size: ints(4, 4) })],
    ["pad", unary("constant_pad_nd.default", { pad: ints(1, 1, 1, 1) })],
    ["roll", unary("roll.default", { shifts: ints(1, 1), dims: ints(2, 3) })],
    ["mul.Scalar", unary("mul.Scalar", { other: { as_float: 2 } })],
    ["add.Scalar", unary("add.Tensor", { other: int(3) })],
    ["clamp", unary("clamp.default", { min: int(0), max: int(6) })],
    ["softmax", unary("softmax.int", { dim: int(1) })],
    ["slice of positions", unary("slice.Tensor", { dim: int(2), start: int(1), end: int(5) })],
  ])("%s keeps channels", async (_, each) => {
    expect(said(await between(4, each))).toEqual([DIRECT]);
  });

  it("adaptive pooling to one place is global", async () => {
    const pool = unary("adaptive_avg_pool2d.default", { output_size: ints(1, 1) });
    expect(said(await between(4, pool))).toEqual(["a -> b pool 0+4>0"]);
    const mean = unary("mean.dim", { dim: ints(-1, -2), keepdim: { as_bool: true } });
    expect(said(await between(4, mean))).toEqual(["a -> b pool 0+4>0"]);
  });

  it("slices, splits, chunks, selections and concatenations move channels", async () => {
    const slice = unary("slice.Tensor", { dim: int(1), start: int(1), end: int(9223372036854775807) });
    expect(said(await between(3, slice))).toEqual(["a -> b split 1+3>0"]);
    const narrow = unary("narrow.default", { dim: int(1), start: int(2), length: int(2) });
    expect(said(await between(2, narrow))).toEqual(["a -> b split 2+2>0"]);
    const chunk = node("chunk.default", { self: value("a"), chunks: int(2), dim: int(1) }, [["c", "z"]]);
    expect(said(await between(2, chunk))).toEqual(["a -> b split 2+2>0"]);
    const split = node("split_with_sizes.default", {
      self: value("a"),
      split_sizes: ints(1, 3),
      dim: int(-3),
    }, [[
      "c",
      "z",
    ]]);
    expect(said(await between(3, split))).toEqual(["a -> b split 1+3>0"]);
    const twice = [
      node("relu.default", { self: value("a") }, ["c"]),
      node("cat.default", { tensors: values("c", "a"), dim: int(1) }, ["z"]),
    ];
    expect(said(await between(8, ...twice))).toEqual(["a -> b concat 0+4>0 0+4>4"]);
  });

  it("channels are followed through a shuffle", async () => {
    const shuffle = [
      node("view.default", { self: value("a"), size: ints(2, 2, 2, 8, 8) }, ["v"]),
      node("transpose.int", { self: value("v"), dim0: int(1), dim1: int(2) }, ["t"]),
      node("reshape.default", { self: value("t"), shape: ints(2, -1, 8, 8) }, ["z"]),
    ];
    expect(said(await between(4, ...shuffle))).toEqual(["a -> b direct 0+1>0 2+1>1 1+1>2 3+1>3"]);
  });

  it("pixels are shuffled into positions", async () => {
    const shuffled = await between(1, unary("pixel_shuffle.default", { upscale_factor: int(2) }));
    expect(said(shuffled)).toHaveLength(1);
  });

  it("residuals and gates", async () => {
    const residual = [
      node("relu.default", { self: value("a") }, ["c"]),
      node("add.Tensor", { self: value("c"), other: value("a") }, ["z"]),
    ];
    // A function of one signal, place by place: nothing is skipped.
    expect(said(await between(4, ...residual))).toEqual([DIRECT]);
    const gate = [
      node("sigmoid.default", { self: value("a") }, ["c"]),
      node("mul.Tensor", { self: value("a"), other: value("c") }, ["z"]),
    ];
    expect(said(await between(4, ...gate))).toEqual([DIRECT]);
  });

  it("in place, what is changed is read afterwards", async () => {
    const changed = node("slice.Tensor", { self: value("a"), dim: int(1), start: int(0), end: int(2) }, [
      "s",
    ]);
    const added = node("relu_.default", { self: value("a") }, ["r"]);
    const pass = node("cat.default", { tensors: values("a", "s"), dim: int(1) }, ["z"]);
    expect(said(await between(6, changed, added, pass))).toEqual(["a -> b concat 0+4>0 0+2>4"]);
  });

  it("a block under other settings is walked, its inputs by place", async () => {
    const body = {
      inputs: [value("p")],
      outputs: [value("q")],
      nodes: [node("relu.default", { self: value("p") }, ["q"])],
      tensor_values: {},
    };
    const block = node(
      "torch.ops.higher_order.wrap_with_set_grad_enabled",
      { enabled: { as_bool: false }, body: { as_graph: { name: "sub", graph: body } }, arg: value("a") },
      ["z"],
    );
    expect(said(await between(4, block))).toEqual([DIRECT]);
    const invoked = (...operands: unknown[]) =>
      node(
        "torch.ops.higher_order.invoke_subgraph",
        {
          subgraph: { as_graph: { name: "sub", graph: body } },
          identifier: { as_string: "sub_0" },
          ...Object.fromEntries(operands.map((each, at) => [`arg${at}`, each])),
        },
        ["z"],
      );
    expect(said(await between(4, invoked(value("a"))))).toEqual([DIRECT]);
    expect(said(await between(4, invoked(value("a"), value("x"))))).toEqual([
      expect.stringContaining("? -> b: higher_order.invoke_subgraph"),
    ]);
  });

  it.each([
    ["torch.ops.torchvision.roi_align.default", "torchvision.roi_align"],
    ["fft_fft2.default", "aten.fft_fft2"],
    ["torch.ops.mine.mix.default", "mine.mix"],
    ["_somewhere.else", "operator"],
  ])("%s ends the way, by its name", async (target, name) => {
    const [reason, ...others] = said(await between(4, node(target, { self: value("a") }, ["z"])));
    expect(others).toEqual([]);
    expect(reason).toContain(`? -> b: ${name}`);
    expect(reason).toContain("an operator that is not known to keep channels");
  });
});

describe("layers", () => {
  it("transposed and depthwise convolutions have their groups and axes", async () => {
    const { layers, connections } = await graphOf({ "a.weight": [6, 1, 3, 3], "b.weight": [6, 4, 2, 2] }, {
      inputs: { x: [1, 6, 8, 8] },
      nodes: [
        node("convolution.default", {
          input: value("x"),
          weight: value("a.weight"),
          bias: { as_none: true },
          stride: ints(1, 1),
          padding: ints(1, 1),
          dilation: ints(1, 1),
          transposed: { as_bool: false },
          output_padding: ints(0, 0),
          groups: int(6),
        }, ["a"]),
        node("conv_transpose2d.input", { input: value("a"), weight: value("b.weight"), stride: ints(2, 2) }, [
          "b",
        ]),
      ],
    });
    expect(layers.map(({ kind, groups, outChannels, inChannels }) => [kind, groups, outChannels, inChannels]))
      .toEqual([
        ["conv", 6, 6, 6],
        ["conv-transpose", 1, 4, 6],
      ]);
    expect(connections).toHaveLength(1);
  });

  it("matrices, whichever way they are written", async () => {
    const graph = await graphOf({ "a.weight": [4, 3], "b.weight": [5, 4], "c.weight": [5, 6], bias: [5] }, {
      inputs: { x: [2, 3] },
      nodes: [
        node("linear.default", { input: value("x"), weight: value("a.weight") }, ["a"]),
        node("t.default", { self: value("b.weight") }, ["bt"]),
        node("addmm.default", { self: value("bias"), mat1: value("a"), mat2: value("bt") }, ["b"]),
        node("matmul.default", { self: value("b"), other: value("c.weight") }, ["c"]),
      ],
    });
    expect(graph.layers.map(({ outChannels, inChannels }) => [outChannels, inChannels])).toEqual([[4, 3], [
      5,
      4,
    ], [6, 5]]);
    expect(said(graph)).toEqual(["a -> b direct 0+4>0", "b -> c direct 0+5>0"]);
  });

  it("a flattened map is read channel by channel", async () => {
    const graph = await graphOf({ "a.weight": [4, 1, 1, 1], "b.weight": [5, 16] }, {
      inputs: { x: [2, 1, 2, 2] },
      nodes: [
        conv("x", "a.weight", "a"),
        node("flatten.using_ints", { self: value("a"), start_dim: int(1) }, ["f"]),
        node("linear.default", { input: value("f"), weight: value("b.weight") }, ["b"]),
      ],
    });
    expect(graph.layers[1]!.positions).toBe(4);
    expect(said(graph)).toEqual(["a -> b flatten 0+4>0"]);
  });

  it("normalizations fold in where their tensors are stored", async () => {
    const graph = await graphOf(
      { "a.weight": [4, 3, 1, 1], g: [4], m: [4], v: [4], "b.weight": [4, 4, 1, 1], n: [4] },
      {
        inputs: { x: [2, 3, 8, 8] },
        nodes: [
          conv("x", "a.weight", "a"),
          node("batch_norm.default", {
            input: value("a"),
            weight: value("g"),
            bias: { as_none: true },
            running_mean: value("m"),
            running_var: value("v"),
            training: { as_bool: false },
            momentum: { as_float: 0.1 },
            eps: { as_float: 0.25 },
          }, ["c"]),
          node("group_norm.default", { input: value("c"), num_groups: int(2), weight: value("n") }, ["d"]),
          conv("d", "b.weight", "b"),
        ],
      },
    );
    expect(graph.layers.map(({ folding }) => folding)).toEqual([
      { batchNorm: { gamma: "g", variance: "v", epsilon: 0.25 } },
      { gain: "n" },
    ]);
  });

  it("attention of several heads, and of one", async () => {
    const attention = (heads: boolean) =>
      graphOf({ "v.weight": [6, 6], "o.weight": [6, 6] }, {
        inputs: { x: [2, 5, 6], q: [2, 4, 5, 3] },
        nodes: [
          node("linear.default", { input: value("x"), weight: value("v.weight") }, ["v"]),
          ...heads
            ? [
              node("view.default", { self: value("v"), size: ints(2, 5, 2, 3) }, ["s"]),
              node("permute.default", { self: value("s"), dims: ints(0, 2, 1, 3) }, ["h"]),
            ]
            : [node("alias.default", { self: value("v") }, ["h"])],
          node("scaled_dot_product_attention.default", {
            query: value(heads ? "q" : "x"),
            key: value("x"),
            value: value("h"),
          }, ["m"]),
          ...heads
            ? [
              node("transpose.int", { self: value("m"), dim0: int(1), dim1: int(2) }, ["t"]),
              node("reshape.default", { self: value("t"), shape: ints(2, 5, 6) }, ["y"]),
            ]
            : [node("alias.default", { self: value("m") }, ["y"])],
          node("linear.default", { input: value("y"), weight: value("o.weight") }, ["o"]),
        ],
      });
    expect(said(await attention(false))).toEqual(["v -> o attention-head 0+6>0"]);
    const [first] = said(await attention(true));
    // The queries have another number of heads than the values: that is said, not guessed.
    expect(first).toMatch(
      /o: aten\.scaled_dot_product_attention "m": attention of several queries to each value/,
    );
  });
});
