/** What PyTorch's operators do to channels where they are easily taken for something else. */

import { describe, expect, it } from "vitest";
import { AtenNetwork } from "../../../connectors/sources/aten/network.ts";
import { OPERATORS } from "../../../connectors/sources/aten/operators.ts";
import { between, conv, DIRECT, graphOf, pair, said, unary } from "../../support/aten-network.ts";
import { int, ints, node, value } from "../../support/files/pt2-file.ts";

describe("between two convolutions", () => {
  it.each(["max.other", "min.other", "maximum.default"])(
    "%s of two tensors is one or the other",
    async (op) => {
      const mapped = conv("a", "c.weight", "c");
      const graph = await graphOf({
        "a.weight": [4, 3, 1, 1],
        "c.weight": [4, 4, 1, 1],
        "b.weight": [5, 4, 1, 1],
      }, {
        inputs: { x: [2, 3, 8, 8] },
        nodes: [
          conv("x", "a.weight", "a"),
          mapped,
          node(op, pair("a", "c"), ["z"]),
          conv("z", "b.weight", "b"),
        ],
      });
      expect(said(graph)).toEqual(["a -> c direct 0+4>0", "a -> b direct 0+4>0", "c -> b direct 0+4>0"]);
    },
  );

  it("lerp by a signal is a product of signals, by a number none", async () => {
    const shapes = { "a.weight": [4, 3, 1, 1], "g.weight": [4, 3, 1, 1], "b.weight": [5, 4, 1, 1] };
    const lerp = (weight: Record<string, unknown>) =>
      graphOf(shapes, {
        inputs: { x: [2, 3, 8, 8] },
        nodes: [
          conv("x", "a.weight", "a"),
          conv("x", "g.weight", "g"),
          node("relu.default", { self: value("a") }, ["r"]),
          node("lerp.Tensor", { self: value("a"), end: value("r"), ...weight }, ["z"]),
          conv("z", "b.weight", "b"),
        ],
      });
    expect(said(await lerp({ weight: value("g") }))).toEqual([
      "a -> b residual 0+4>0",
      expect.stringContaining("a product of activations"),
    ]);
    expect(said(await lerp({ weight: { as_float: 0.5 } }))).toEqual([DIRECT]);
  });

  it.each(["same", "valid"])("a convolution whose padding is %s is a layer", async (padding) => {
    const graph = await graphOf({ "a.weight": [4, 3, 1, 1], "b.weight": [5, 4, 1, 1] }, {
      inputs: { x: [2, 3, 8, 8] },
      nodes: [
        conv("x", "a.weight", "a"),
        node("torch.ops.aten._convolution_mode.default", {
          input: value("a"),
          weight: value("b.weight"),
          bias: { as_none: true },
          stride: ints(1, 1),
          padding: { as_string: padding },
          dilation: ints(1, 1),
          groups: int(1),
        }, ["b"]),
      ],
    });
    expect(said(graph)).toEqual([DIRECT]);
  });

  it("a layer that reads nothing is said", async () => {
    const nothing = node("conv2d.default", { input: { as_none: true }, weight: value("c.weight") }, ["z"]);
    const graph = await graphOf({ "c.weight": [4, 3, 1, 1], "b.weight": [5, 4, 1, 1] }, {
      inputs: { x: [2, 3, 8, 8] },
      nodes: [nothing, conv("z", "b.weight", "b")],
    });
    expect(said(graph)).toEqual([expect.stringContaining("reads no tensors")]);
  });

  it.each(["topk", "sort"])("values of %s are in no order that is known", async (op) => {
    const call = node(`${op}.default`, { self: value("a"), k: int(4), dim: int(1) }, ["z", "i"]);
    expect(said(await between(4, call))).toEqual([
      expect.stringContaining("values in an order that depends on the input"),
    ]);
  });

  it("a channel whose index is not known is no channel, a position is one of many", async () => {
    const index = node("item.default", { self: value("x") }, ["i"]);
    const select = (dim: number) =>
      [
        index,
        node("select.int", { self: value("a"), dim: int(dim), index: value("i") }, ["s"]),
        node("unsqueeze.default", { self: value("s"), dim: int(dim) }, ["z"]),
      ] as const;
    expect(said(await between(1, ...select(1)))).toEqual([expect.stringContaining("some of the channels")]);
    expect(said(await between(4, ...select(2)))).toEqual([DIRECT]);
  });

  it("a roll without axes goes over channels", async () => {
    const roll = unary("roll.default", { shifts: ints(1), dims: ints() });
    expect(said(await between(4, roll))).toEqual([expect.stringContaining("all axes are rolled as one")]);
  });

  it("numbers are read where what they are not is said too", async () => {
    const sizes = [2, 4, 8, 8].map((each) => ({ as_name: null, as_int: each }));
    expect(said(await between(4, unary("view.default", { size: { as_sym_ints: sizes } })))).toEqual([DIRECT]);
  });

  it("numpy_T turns all axes", async () => {
    const back = node("permute.default", { self: value("t"), dims: ints(3, 2, 1, 0) }, ["z"]);
    const turned = node("numpy_T.default", { self: value("a") }, ["t"]);
    expect(said(await between(4, turned, back))).toEqual([DIRECT]);
  });

  it("a quotient is rounded as it says", async () => {
    const half = node("div.Tensor_mode", {
      self: int(5),
      other: int(2),
      rounding_mode: { as_string: "floor" },
    }, [
      "n",
    ]);
    const cut = node("slice.Tensor", { self: value("a"), dim: int(1), start: value("n"), end: int(4) }, [
      "z",
    ]);
    expect(said(await between(2, half, cut))).toEqual(["a -> b split 2+2>0"]);
  });

  it("a write to a part of a tensor is said, and functions in place stay followed", async () => {
    const part = node("slice.Tensor", { self: value("a"), dim: int(1), start: int(0), end: int(2) }, ["s"]);
    const other = node("slice.Tensor", { self: value("a"), dim: int(1), start: int(2), end: int(4) }, ["o"]);
    const whole = node("alias.default", { self: value("a") }, ["z"]);
    const written = await between(4, part, other, node("add_.Tensor", pair("s", "o"), ["w"]), whole);
    expect(said(written)).toEqual([expect.stringContaining("a part of it is written to")]);
    const copied = await between(4, part, other, node("copy_.default", pair("s", "o"), ["w"]), whole);
    expect(said(copied)).toEqual([expect.stringContaining("a part of it is written to")]);
    const relu = node("relu_.default", { self: value("s") }, ["w"]);
    expect(said(await between(4, part, relu, whole))).toEqual([DIRECT]);
    const copy = node("clone.default", { self: value("a") }, ["c"]);
    const apart = node("copy_.default", pair("c", "a"), ["w"]);
    expect(said(await between(4, copy, apart, whole))).toEqual([DIRECT]);
    const alias = node("detach.default", { self: value("a") }, ["d"]);
    const summed = node("copy_.default", pair("d", "x"), ["w"]);
    expect(said(await between(4, alias, summed, whole))).toEqual([
      expect.stringContaining("an operator that is not known"),
    ]);
  });
});

it("a dataflow that grows without end is refused, by the operator", () => {
  const network = new AtenNetwork(OPERATORS);
  const call = { namespace: "aten", op: "relu", overload: "", name: "y", positional: [], named: new Map() };
  for (let i = 0; i <= 2 ** 20; i++) network.input(null);
  expect(() => network.run(call)).toThrow(/^aten\.relu "y": found over 1048576 operators before it/);
});
