/** Stage 1: which layers a model has, and who feeds whom. */

import { counted } from "../model/counted.ts";
import type { Connection, LayerGraph, Skipped, Unfolding } from "../model/layer.ts";
import type { OperatorGraph } from "../model/operators.ts";
import type { Model } from "../model/ports.ts";
import { COPY_OF, elementCount, type TensorInfo } from "../model/tensor.ts";
import type { TopologyDeclaration } from "../model/topology.ts";
import { withCircuits } from "./circuits/circuits.ts";
import { recognized } from "./topology/architectures/registry.ts";
import { declaredGraph } from "./topology/declared.ts";
import { fold, type FoldSettings } from "./fold.ts";
import { type GuessedFrom, guessedGraph } from "./topology/guess.ts";
import { trace } from "./topology/trace.ts";
import { skipReason } from "./topology/weights.ts";

/** What a run says about layers. */
export interface LayerSettings extends FoldSettings {
  /** Overrides whatever else is known. */
  readonly topology?: TopologyDeclaration | undefined;
  readonly unfolding?: Unfolding;
  /** Of a layer's residual connections only those from so many of the nearest layers are kept. Default: all. */
  readonly residualSpan?: number | undefined;
  /** Whether products of attention heads' weights are layers too. Default: false. */
  readonly circuits?: boolean | undefined;
  /** Whether connections may be guessed. Default: true. */
  readonly guess?: boolean;
  /** The graph that the weights have shown, before normalizations are folded: it takes the place of all that is known but a declared topology. */
  readonly inferred?: LayerGraph | undefined;
}

/**
 * The layer graph of a model. Who feeds whom is taken from a declared topology, else from the model's own graph, else from the
 * architecture that its names and shapes (and `config.json`) are known to belong to, else guessed as a chain (with a warning).
 *
 * @throws {RangeError} when a declared layer or connection does not fit the tensors; names it, and what would fit; when a
 * connection is guessed and may not be
 * @example
 * import { layerGraph, openModel } from "svrflow";
 *
 * const { layers, connections, warnings } = layerGraph(await openModel("model.safetensors"));
 * for (const { source, target, via, evidence } of connections) {
 *   console.log(`${layers[source]?.name} -> ${layers[target]?.name}: ${via}, ${evidence}`);
 * }
 * console.log(warnings);
 */
export function layerGraph(
  model: Pick<Model, "graph" | "operators" | "config"> & GuessedFrom & Partial<Pick<Model, "uri">>,
  settings: LayerSettings = {},
): LayerGraph {
  const graph = fold(knownGraph(model, settings), settings);
  if (settings.guess === false) refuseGuess(graph, model.uri ?? "model");
  const { residualSpan } = settings;
  const { scores, ...near } = residualSpan === undefined ? graph : withinSpan(graph, residualSpan);
  if (settings.circuits !== true) return near;
  return withCircuits(scores === undefined ? near : { ...near, scores });
}

function refuseGuess({ connections }: LayerGraph, uri: string): void {
  const guessed = connections.filter(({ evidence }) => evidence === "guessed").length;
  if (guessed === 0) return;
  throw new RangeError(
    `${uri}: found ${guessed} of ${connections.length} connections guessed, required a topology that is known (--no-guess, or guess: false); ` +
      `svr inspect <model> --format topology writes one to correct, to be put beside the model as <model>.topology.yaml`,
  );
}

/** Leaves out residual connections that reach further; each is reported as skipped. */
function withinSpan(graph: LayerGraph, span: number): LayerGraph {
  const isNear = ({ source, target }: Connection) => {
    const sources = graph.connections.filter((each) => each.target === target && each.via === "residual");
    return new Set(sources.map((each) => each.source).filter((each) => each > source)).size < span;
  };
  const far = graph.connections.filter((each) => each.via === "residual" && !isNear(each));
  const nameOf = (index: number) => graph.layers[index]!.name;
  return {
    ...graph,
    connections: graph.connections.filter((each) => !far.includes(each)),
    skipped: [
      ...graph.skipped,
      ...far.map(({ source, target }): Skipped => ({
        subject: "connection",
        name: `${nameOf(source)} -> ${nameOf(target)}`,
        reason: `residual, from further than the ${span} nearest layers (residual.span)`,
      })),
    ],
  };
}

/**
 * What is known of a model's layers and connections, before normalizations are folded and far residual connections left out.
 *
 * @throws {RangeError} when a declared layer or connection does not fit the tensors
 */
export function knownGraph(
  model: Pick<Model, "graph" | "operators" | "config"> & GuessedFrom,
  { topology, inferred }: Pick<LayerSettings, "topology" | "inferred">,
): LayerGraph {
  const graph = topology === undefined && inferred !== undefined
    ? withMisfits(inferred, recognized(model).misfits)
    : graphOf(model, topology);
  return {
    ...graph,
    warnings: [...model.warnings ?? [], ...graph.warnings, ...copiesBeside(graph, model.tensors)],
  };
}

/** Of a model's numbers so many may be copies without a word. */
const MOST_COPIED = 0.1;

/** Copies beside the network, such as moving averages: nothing is lost with them, and somebody may want them. */
function copiesBeside({ skipped }: LayerGraph, tensors: readonly TensorInfo[]): string[] {
  const names = new Set(
    skipped.flatMap(({ subject, name, reason }) => subject === "tensor" && isCopy(reason) ? [name] : []),
  );
  const count = (some: readonly TensorInfo[]) =>
    some.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const copies = tensors.filter(({ name }) => names.has(name));
  const share = count(copies) / count(tensors);
  return share > MOST_COPIED
    ? [
      `${(100 * share).toFixed(0)} % of the numbers are in ${counted(copies.length, "tensor")} that ${
        copies.length === 1 ? "is" : "are"
      } passed over, the first ${copies[0]!.name}: ${copies[0]!.unreadable}`,
    ]
    : [];
}

/** Whether a tensor was skipped as a copy of what is read. */
export function isCopy(reason: string): boolean {
  return reason.startsWith(COPY_OF);
}

function graphOf(
  model: Pick<Model, "graph" | "operators" | "config"> & GuessedFrom,
  topology: TopologyDeclaration | undefined,
): LayerGraph {
  const { tensors } = model;
  if (topology !== undefined) return declaredGraph(tensors, topology, model.operators?.layers);
  if (model.graph !== undefined) return model.graph;
  if (model.operators !== undefined) return tracedGraph(tensors, model.operators);
  const { operators, misfits } = recognized(model);
  const graph = operators === null ? guessedGraph(model) : tracedGraph(tensors, operators);
  return withMisfits(graph, misfits);
}

/** Warns of the families that a model looks like and does not fit. */
function withMisfits(graph: LayerGraph, misfits: readonly string[]): LayerGraph {
  const warnings = misfits.map((misfit) => `looks like a known architecture, but does not fit it: ${misfit}`);
  return { ...graph, warnings: [...warnings, ...graph.warnings] };
}

function tracedGraph(tensors: readonly TensorInfo[], operators: OperatorGraph): LayerGraph {
  const graph = trace(operators);
  const used = new Set(graph.layers.map(({ weight }) => weight.tensor));
  const roles = new Map(operators.roles);
  for (const { op, ...rest } of operators.operators) {
    if (op === "batch-norm" && "scale" in rest && rest.scale !== null) {
      if (rest.scale.gamma !== null) roles.set(rest.scale.gamma, "the scale of a batch normalization");
      roles.set(rest.scale.variance, "the variance of a batch normalization");
    }
    if (op === "gain" && "gain" in rest && rest.gain !== null) {
      roles.set(rest.gain, "the gain of a normalization");
    }
  }
  const already = new Set(graph.skipped.flatMap(({ subject, name }) => subject === "tensor" ? [name] : []));
  const left = tensors.filter(({ name }) => !used.has(name) && !already.has(name));
  const skipped = left.map((tensor): Skipped => ({
    subject: "tensor",
    name: tensor.name,
    reason: roles.get(tensor.name) ?? skipReason(tensor) ?? "no layer of the graph reads it",
  }));
  return { ...graph, skipped: [...graph.skipped, ...skipped] };
}
