/** Figures of a whole model, gathered while its connections go by. */

import { flowOrder, isForward } from "../model/flow-order.ts";
import { withoutCircuits } from "../model/layer.ts";
import type { MeasureModel } from "../model/ports.ts";
import { type CountedConnection, logChainCount } from "./chain-count.ts";
import { edgesAt, LinkStore } from "./chain-links.ts";
import { type ChainPlaces, dominantConnections } from "./dominant-connection.ts";
import { NO_PRODUCTS, PathSums } from "./path-metric.ts";

/**
 * Measures a model: its dominant connections, and its path metric.
 *
 * @example
 * import { layerGraph, logSurvivalOfSigma, measureModel, openModel } from "svrflow";
 *
 * const model = await openModel("model.safetensors");
 * // The pipeline begins with this; it shows the measurer each connection, and asks it for the figures at the end.
 * const shape = { graph: layerGraph(model), logAlpha: logSurvivalOfSigma(3), floor: 0.1, chains: 1 };
 * export const measurer = measureModel(shape);
 */
export const measureModel: MeasureModel = ({ graph, logAlpha, floor, chains: most, pathMetric }) => {
  // Circuits go the same ways as the layers that they are made of.
  const network = withoutCircuits(graph);
  const order = flowOrder(network);
  const paths = new PathSums(order, network.layers, floor);
  const store = new LinkStore();
  const counted: CountedConnection[] = [];
  return {
    connection(connection, sourceValues, targetValues) {
      if (isForward(order, connection)) {
        const { source, target } = connection;
        counted.push({ source, target, sources: sourceValues.length, targets: targetValues.length });
      }
      return pathMetric === undefined
        ? paths.connection(connection, sourceValues, targetValues)
        : NO_PRODUCTS;
    },
    links(connection, links) {
      if (isForward(order, connection)) store.add(connection, links);
    },
    finish() {
      const found = dominantConnections(store.all, logChainCount(counted), most);
      const beyondChance = found.filter(({ chain }) => chain.logP <= logAlpha);
      return {
        measures: { chains: found.map(({ chain }) => chain), pathMetric: pathMetric ?? paths.finish() },
        unwritten: unwritten(store, beyondChance.map(({ places }) => places)),
        approximations: store.approximations,
      };
    },
  };
};

/** Links of chains that are not among the edges, by connection. */
function unwritten(store: LinkStore, chains: readonly ChainPlaces[]) {
  const missing = chains.flat().filter(({ connection, link }) =>
    store.all[connection]!.links.written[link] === 0
  );
  return [...Map.groupBy(missing, ({ connection }) => connection)].map(([at, places]) => {
    const { connection, links } = store.all[at]!;
    return { connection, edges: edgesAt(links, Uint32Array.from(places, ({ link }) => link).sort()) };
  });
}
