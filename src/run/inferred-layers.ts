/** The layer graph of a model, from its weights where nothing better is known. */

import type { RunConfig } from "../../config/schema.ts";
import type { Engine } from "../flow/engine.ts";
import type { LayerGraph } from "../model/layer.ts";
import type { Model } from "../model/ports.ts";
import { tensorsRead } from "../stages/fold.ts";
import { knownGraph, type LayerSettings } from "../stages/layers.ts";
import { plannedLayers } from "./planned-layers.ts";

/** Whether the weights of a model are asked who feeds whom. */
export function isInferable(
  model: Model,
  { topology }: Pick<LayerSettings, "topology">,
  infer: RunConfig["infer"],
): boolean {
  // A lent graph is the user's word.
  const isDeclared = topology !== undefined || model.graph?.evidence === "declared";
  if (infer === false || isDeclared || model.tensors.length === 0) return false;
  return infer === true || knownGraph(model, {}).evidence === "guessed";
}

/** A layer graph before any weight is read, and whether the weights will be asked. */
export interface PreliminaryLayers {
  readonly graph: LayerGraph;
  readonly isInferred: boolean;
}

/**
 * Lays out a model's layers before any weight is read: where the weights will be asked, by names and shapes for now, whether that may be or not.
 *
 * @throws {ConfigError} when a declared topology does not fit
 */
export function preliminaryLayers(
  model: Model,
  settings: LayerSettings,
  infer: RunConfig["infer"],
): PreliminaryLayers {
  const isInferred = isInferable(model, settings, infer);
  return { graph: plannedLayers(model, isInferred ? { ...settings, guess: true } : settings), isInferred };
}

/**
 * Asks a model's weights who feeds whom, and lays out its layers by that.
 *
 * @param engine its budget grants what a layer takes
 * @throws {ConfigError} when a declared topology does not fit
 * @throws {RangeError} when a connection is still guessed and may not be
 */
export async function inferredLayers(
  model: Model,
  settings: LayerSettings,
  { kernel, budget }: Pick<Engine, "kernel" | "budget">,
  signal?: AbortSignal,
): Promise<LayerGraph> {
  const { inferred } = await import("../stages/topology/inference/inferred.ts");
  const inference = await inferred(model, kernel, { budget, ...signal === undefined ? {} : { signal } });
  return plannedLayers(model, { ...settings, inferred: inference.graph });
}

/**
 * The tensors that a model's tables and report depend on: those of layers, and every vector that may be one of a layer's out channels, for
 * weights may be asked. It is the same whether they are or not: settings do not change what a model's content is.
 */
export function tensorsWanted(
  { tensors }: Pick<Model, "tensors">,
  graph: LayerGraph,
): ReadonlySet<string> {
  const widths = new Set(graph.layers.map(({ outChannels }) => outChannels));
  const vectors = tensors.filter(({ shape }) => shape.length === 1 && widths.has(shape[0]!));
  return new Set([...tensorsRead(graph), ...vectors.map(({ name }) => name)]);
}

/** Whether two graphs read the same tensors, in any order. */
export function haveSameWeights(a: LayerGraph, b: LayerGraph): boolean {
  const tensors = ({ layers }: LayerGraph) => layers.map(({ weight }) => weight.tensor).sort().join("\n");
  return tensors(a) === tensors(b);
}
