/** The order in which a signal flows through a model: what chains and paths, which need a graph without cycles, follow. */

import type { Connection, LayerGraph } from "./layer.ts";

/** Why a connection is no part of the order of flow. */
export type NotForward = "recurrent" | "tied" | "cycle";

/** The connections of a model that form no cycle, and an order of its layers that they all follow. */
export interface FlowOrder {
  /** Per layer, by index: its place in the order, 0 first. */
  readonly place: Int32Array;
  /** Connections from an earlier place to a later one, by the place of their source, then of their target. */
  readonly forward: readonly Connection[];
  /** All others. */
  readonly leftOut: readonly { readonly connection: Connection; readonly reason: NotForward }[];
}

/**
 * Finds the order of flow.
 *
 * Left out are `recurrent` and `tied` connections, those from a layer to itself, and, where the others still close a cycle, those
 * on it that lead back in the order of the layers. Layers that are in the order of flow keep it.
 *
 * @example
 * import { flowOrder, layerGraph, openModel } from "svrflow";
 *
 * const graph = layerGraph(await openModel("model.safetensors"));
 * const { forward, leftOut } = flowOrder(graph);
 * console.log(forward.length, leftOut.map(({ reason }) => reason));
 */
export function flowOrder({ layers, connections }: Pick<LayerGraph, "layers" | "connections">): FlowOrder {
  const open = connections.filter(({ via }) => via !== "recurrent" && via !== "tied");
  const place = places(layers.length, open);
  const order: FlowOrder = { place, forward: [], leftOut: [] };
  return {
    place,
    forward: connections.filter((each) => isForward(order, each)).sort((a, b) =>
      place[a.source]! - place[b.source]! || place[a.target]! - place[b.target]! || a.part - b.part
    ),
    leftOut: connections.filter((each) => !isForward(order, each)).map((connection) => ({
      connection,
      reason: connection.via === "recurrent" || connection.via === "tied" ? connection.via : "cycle",
    })),
  };
}

/** Whether a connection of the model follows the order; for connections that are equal and not the same. */
export function isForward({ place }: FlowOrder, { source, target, via }: Connection): boolean {
  return via !== "recurrent" && via !== "tied" && place[source]! < place[target]!;
}

/** Layers by the order of their strongly connected components (Kosaraju), within one by index. */
function places(layers: number, connections: readonly Connection[]): Int32Array {
  const outgoing = Array.from({ length: layers }, (): number[] => []);
  const incoming = Array.from({ length: layers }, (): number[] => []);
  for (const { source, target } of connections) {
    outgoing[source]!.push(target);
    incoming[target]!.push(source);
  }
  const last = Array.from({ length: layers }, (_, at) => layers - 1 - at);
  const component = new Int32Array(layers);
  const finished = visit(last, outgoing, () => undefined);
  visit(finished.reverse(), incoming, (layer, root) => component[layer] = root);
  const order = [...finished].sort((a, b) => component[a]! - component[b]! || a - b);
  const place = new Int32Array(layers);
  order.forEach((layer, at) => place[layer] = at);
  return place;
}

/**
 * Depth first from each root in turn, with a stack of its own: models may be deeper than the runtime's.
 *
 * @param note told of each node as it is reached, and of its root's number
 * @returns the nodes in the order in which they were left
 */
function visit(
  roots: readonly number[],
  next: readonly (readonly number[])[],
  note: (node: number, root: number) => void,
): number[] {
  const seen = new Uint8Array(next.length);
  const left: number[] = [];
  roots.forEach((root, number) => {
    if (seen[root] === 1) return;
    const stack = [{ node: root, at: 0 }];
    seen[root] = 1;
    note(root, number);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const child = next[top.node]![top.at++];
      if (child === undefined) {
        left.push(top.node);
        stack.pop();
      } else if (seen[child] === 0) {
        seen[child] = 1;
        note(child, number);
        stack.push({ node: child, at: 0 });
      }
    }
  });
  return left;
}
