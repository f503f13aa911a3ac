import { describe, expect, it } from "vitest";
import { flowOrder, isForward } from "../../src/model/flow-order.ts";
import type { Connection, Via } from "../../src/model/layer.ts";
import { connectionOf, layerOf } from "../support/layer-fixture.ts";
import { uniform } from "../support/random-flow.ts";

function graphOf(layers: number, pairs: readonly (readonly [number, number, Via?])[]) {
  return {
    layers: Array.from({ length: layers }, (_, index) => layerOf(index, 1, 1)),
    connections: pairs.map(([source, target, via = "direct"]): Connection => ({
      ...connectionOf(source, target, []),
      via,
    })),
  };
}

const pairs = (connections: readonly Connection[]) =>
  connections.map(({ source, target }) => [source, target]);

describe("the order of flow", () => {
  it("is that of the layers where they follow it", () => {
    const { place, forward, leftOut } = flowOrder(graphOf(5, [[2, 3], [0, 1], [1, 2], [0, 2], [3, 4]]));
    expect([...place]).toEqual([0, 1, 2, 3, 4]);
    expect(pairs(forward)).toEqual([[0, 1], [0, 2], [1, 2], [2, 3], [3, 4]]);
    expect(leftOut).toEqual([]);
  });

  it("is found where they do not", () => {
    const { place, forward } = flowOrder(graphOf(4, [[1, 0], [2, 1], [3, 2], [3, 0]]));
    expect([...place]).toEqual([3, 2, 1, 0]);
    expect(pairs(forward)).toEqual([[3, 2], [3, 0], [2, 1], [1, 0]]);
  });

  it("leaves out recurrent and tied connections, and those from a layer to itself, and says why", () => {
    const { leftOut, forward } = flowOrder(
      graphOf(3, [[0, 1], [1, 1], [1, 0, "recurrent"], [0, 2, "tied"], [1, 2], [2, 2, "recurrent"]]),
    );
    expect(leftOut.map(({ connection, reason }) => [connection.source, connection.target, reason])).toEqual([
      [1, 1, "cycle"],
      [1, 0, "recurrent"],
      [0, 2, "tied"],
      [2, 2, "recurrent"],
    ]);
    expect(pairs(forward)).toEqual([[0, 1], [1, 2]]);
  });

  it("opens a cycle where it leads back, and keeps what only hangs on it", () => {
    // 4 -> 2 -> 3 -> 2 is a cycle behind layer 4; 0 and 1 come after it although they stand before it.
    const { leftOut, forward } = flowOrder(graphOf(5, [[4, 2], [2, 3], [3, 2], [3, 0], [0, 1]]));
    expect(pairs(leftOut.map(({ connection }) => connection))).toEqual([[3, 2]]);
    expect(pairs(forward)).toEqual([[4, 2], [2, 3], [3, 0], [0, 1]]);
  });

  it.each(Array.from({ length: 50 }, (_, at) => at + 1))(
    "holds on any graph: all forward connections follow it, and none more could without a cycle, seed %i",
    (seed) => {
      const next = uniform(seed);
      const layers = 3 + Math.floor(next() * 7);
      const graph = graphOf(
        layers,
        Array.from(
          { length: 2 * layers },
          () => [Math.floor(next() * layers), Math.floor(next() * layers)] as const,
        ),
      );
      const order = flowOrder(graph);
      expect([...order.place].sort((a, b) => a - b)).toEqual(Array.from({ length: layers }, (_, at) => at));
      for (const { source, target } of order.forward) {
        expect(order.place[source]!).toBeLessThan(order.place[target]!);
      }
      const reaches = (from: number, to: number, seen = new Set<number>()): boolean => {
        if (from === to) return true;
        seen.add(from);
        return graph.connections.some(({ source, target }) =>
          source === from && !seen.has(target) && reaches(target, to, seen)
        );
      };
      // What is left out lies on a cycle, and leads back in the order of the layers.
      for (const { connection: { source, target } } of order.leftOut) {
        expect(reaches(target, source)).toBe(true);
        expect(target).toBeLessThanOrEqual(source);
      }
      expect(order.forward.length + order.leftOut.length).toBe(graph.connections.length);
      for (const each of order.forward) expect(isForward(order, { ...each })).toBe(true);
    },
  );

  it("is found in a model that is deeper than any stack", () => {
    const depth = 100_000;
    const { place } = flowOrder({
      layers: new Array<ReturnType<typeof layerOf>>(depth).fill(layerOf(0, 1, 1)),
      connections: Array.from({ length: depth - 1 }, (_, at) => connectionOf(at + 1, at, [])),
    });
    expect(place[0]).toBe(depth - 1);
  });
});
