/** Connections whose turn has not come: their ends are missing, or what flows into their source has not been seen. */

import { flowOrder, isForward } from "../model/flow-order.ts";
import type { Connection, LayerGraph } from "../model/layer.ts";

/** Hands the connections of a model out, each once, in an order that follows the flow. Holds descriptors only. */
export class ConnectionQueue {
  readonly #order: ReturnType<typeof flowOrder>;
  readonly #arrived = new Set<number>();
  /** Per layer: connections into it, of those in the order of flow, that have not been handed out. */
  readonly #awaited: Int32Array;
  #held: readonly Connection[];

  constructor(graph: LayerGraph) {
    this.#order = flowOrder(graph);
    this.#held = graph.connections;
    this.#awaited = new Int32Array(graph.layers.length);
    for (const { target } of this.#order.forward) this.#awaited[target]! += 1;
  }

  /**
   * Notes that a layer is there.
   *
   * @returns the connections whose turn it is now: both ends are there, and of those in the order of flow all that lead into
   *   their source have been handed out
   */
  arrived(layer: number): Connection[] {
    this.#arrived.add(layer);
    const ready: Connection[] = [];
    // One that is handed out may be what another, before it in the list, has waited for.
    for (let before = -1; before < ready.length;) {
      before = ready.length;
      this.#held = this.#held.filter((connection) => {
        if (!this.#isReady(connection)) return true;
        ready.push(connection);
        if (isForward(this.#order, connection)) this.#awaited[connection.target]! -= 1;
        return false;
      });
    }
    return ready;
  }

  #isReady(connection: Connection): boolean {
    const { source, target } = connection;
    return this.#arrived.has(source) && this.#arrived.has(target) &&
      (this.#awaited[source] === 0 || !isForward(this.#order, connection));
  }
}
