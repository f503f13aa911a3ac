/** The layer graph of a planned model. */

import { ConfigError } from "../../config/document.ts";
import { messageOf } from "../model/errors.ts";
import type { LayerGraph } from "../model/layer.ts";
import type { Model } from "../model/ports.ts";
import { layerGraph, type LayerSettings } from "../stages/layers.ts";
import { unreadWarnings } from "./unread.ts";

/**
 * Lays out the layers of a model that has been opened.
 *
 * @throws {ConfigError} when the topology that was declared for it does not fit it; names the place in the user's file
 */
export function plannedLayers(model: Model, settings: LayerSettings): LayerGraph {
  try {
    const graph = layerGraph(model, settings);
    return { ...graph, warnings: [...graph.warnings, ...unreadWarnings(model.tensors, graph)] };
  } catch (cause) {
    if (settings.topology === undefined || !(cause instanceof RangeError)) throw cause;
    const file = settings.topology.place?.([])?.replace(/:\d+:\d+$/, "");
    throw new ConfigError(messageOf(cause), { cause, ...file === undefined ? {} : { file } });
  }
}
