/** What the tests of a pair of ports, or of spaces, do not depend on: other ports and spaces that are looked at besides. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Kernel } from "../../../../src/kernels/kernel.ts";
import type { LayerGraph } from "../../../../src/model/layer.ts";
import { type Inference, inferred } from "../../../../src/stages/topology/inference/inferred.ts";
import type { Space } from "../../../../src/stages/topology/inference/joined-spaces.ts";
import { layerReader } from "../../../../src/stages/topology/inference/layer-reader.ts";
import { pairTests } from "../../../../src/stages/topology/inference/pair-tests.ts";
import type { Port } from "../../../../src/stages/topology/inference/ports.ts";
import { sliceTests } from "../../../../src/stages/topology/inference/slices.ts";
import { KERNELS } from "../../../support/kernels.ts";
import { planted } from "./planted.ts";

let kernel: Kernel;
beforeAll(async () => {
  kernel = await KERNELS.get("wasm")!();
});
afterAll(() => kernel.dispose());

/** The number of a layer's port. */
const portOf = ({ ports, graph }: Inference, name: string, side: Port["side"]) =>
  ports.findIndex((port) => graph.layers[port.layer]!.name === name && port.side === side);

describe("a pair of ports", () => {
  const chain = () =>
    planted({ input: 12, a: 40, b: 40, end: 10 }, [
      { name: "one", from: ["input"], to: "a", kernel: [] },
      { name: "two", from: ["a"], to: "b", kernel: [] },
      { name: "gate", from: ["a"], to: "b", kernel: [] },
      { name: "three", from: ["b"], to: "end", kernel: [] },
    ]);

  it.each<[string, (port: Port) => Port[]]>([
    ["a form of a matrix", (port) => [{ ...port, flattening: { positions: 1, order: "channels-first" } }]],
    ["the other form of a matrix of two", (port) => [
      port,
      { ...port, flattening: { positions: 1, order: "channels-first" } },
    ]],
    ["a part of what is read", (port) => [
      { ...port, part: { side: "in", from: 0, width: 40, at: 0, of: 3 } },
    ]],
  ])("is checked though %s joins it, which may be left out afterwards", async (_, left) => {
    const inference = await inferred(chain(), kernel);
    const [writer, other, reader] = ([["one", "out"], ["gate", "in"], ["two", "in"]] as const)
      .map(([name, side]) => inference.ports[portOf(inference, name, side)]!);
    const between = left(other!);
    // All in a number of pairs that does not count here.
    const formsOf = () => 1;
    const { tests } = await pairTests([...between, writer!, reader!], () => true, kernel, {}, formsOf);
    const alone = await pairTests([writer!, reader!], () => true, kernel, {}, formsOf);
    const n = between.length;
    expect(tests.find(({ first, second }) => first === n && second === n + 1)!.logP)
      .toBe(alone.tests[0]!.logP);
    expect(alone.tests[0]!.logP).toBeLessThan(-20);
  });
});

describe("a narrower space within a wider one", () => {
  it("has the p that it has where other spaces of its width are looked at, too", async () => {
    const model = planted(
      { input: 3, narrow: 32, wide: 64, a: 64, b: 64, end: 16, x: 32, y: 32, z: 32 },
      [
        { name: "stem", from: ["input"], to: "narrow" },
        { name: "left", from: ["input"], to: "x" },
        { name: "mid", from: ["x"], to: "y" },
        { name: "right", from: ["y"], to: "z" },
        { name: "down.up", from: ["narrow"], to: "a" },
        { name: "down.down", from: ["a"], to: "wide" },
        { name: "block.up", from: ["wide"], to: "b" },
        { name: "block.down", from: ["b"], to: "wide" },
        { name: "head", from: ["wide"], to: "end" },
      ],
      3,
      { wide: "narrow" },
    );
    const inference = await inferred(model, kernel);
    const spaceOf = (width: number, ...members: readonly (readonly [string, Port["side"]])[]): Space => {
      const numbers = members.map(([name, side]) => portOf(inference, name, side));
      return { id: numbers[0]!, width, members: numbers };
    };
    const narrow = spaceOf(32, ["stem", "out"], ["down.up", "in"]);
    const wide = spaceOf(64, ["down.down", "out"], ["block.up", "in"], ["block.down", "out"], ["head", "in"]);
    const others = [
      spaceOf(32, ["left", "out"], ["mid", "in"]),
      spaceOf(32, ["mid", "out"], ["right", "in"]),
      spaceOf(32, ["right", "out"]),
    ];
    const graph: Pick<LayerGraph, "layers"> = inference.graph;
    const logPs = async (spaces: readonly Space[]) => {
      const { slices } = await sliceTests(
        inference.ports,
        spaces,
        (_, of) => of === wide,
        layerReader(graph, model, "test", {}),
        kernel,
      );
      return slices.filter((slice) => slice.narrow === narrow.id).map(({ offset, logP }) => [offset, logP]);
    };
    const alone = await logPs([narrow, wide]);
    expect(alone.map(([offset]) => offset)).toEqual([0, 16, 32]);
    expect(alone[1]![1]).toBeLessThan(-10);
    expect(await logPs([narrow, ...others, wide])).toEqual(alone);
  });
});
