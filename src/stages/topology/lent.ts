/** A graph that another file of the same network lends: its layers found again among this file's tensors. */

import { show } from "../../model/errors.ts";
import type { LayerGraph, Skipped } from "../../model/layer.ts";
import type { WeightLayout } from "../../model/layer-draft.ts";
import type { TensorInfo } from "../../model/tensor.ts";
import type { DeclaredBatchNorm, DeclaredLayer, TopologyDeclaration } from "../../model/topology.ts";
import { declarationOf } from "./declaration.ts";
import { declaredGraph } from "./declared.ts";
import { layerName } from "./weights.ts";

/** The tensor of this file that a tensor of the lender is. */
export interface Twin {
  readonly tensor: string;
  /** Whether it is the same matrix with its axes the other way round. */
  readonly turned: boolean;
  readonly by: "name" | "shape" | "numbers";
}

/** What lends a graph. */
export interface Lender {
  /** How messages call it. */
  readonly uri: string;
  readonly graph: LayerGraph;
  readonly tensors: readonly TensorInfo[];
}

/** Names of tensors that an exporter made up: the layer's own name says more. */
const ANONYMOUS = /^(onnx::.*|\d+|const_fold_opt__\d+|constants\.\d+)$/;

/** Tensors of the lender that its layers need: weights first, and the vectors of normalizations. */
export function neededTensors({ graph, tensors }: Lender): readonly TensorInfo[] {
  const names = new Set([
    ...graph.layers.map(({ weight }) => weight.tensor),
    ...graph.layers.flatMap((
      { folding },
    ) => [folding?.batchNorm?.gamma, folding?.batchNorm?.variance, folding?.gain]),
  ]);
  return tensors.filter(({ name }) => names.has(name));
}

/**
 * Twins by names: the same name; where an exporter made names up, that of the layer; else a name that has something before it, where it
 * fits one tensor of either side.
 */
export function twinsByName(lender: Lender, own: readonly TensorInfo[]): Map<string, Twin> {
  const twins = new Map<string, Twin>();
  const taken = new Set<string>();
  const layerOf = new Map(lender.graph.layers.map(({ weight, name }) => [weight.tensor, name]));
  const claim = (needed: TensorInfo, found: TensorInfo | undefined, renamed: boolean) => {
    if (found === undefined || taken.has(found.name) || twins.has(needed.name)) return;
    const turned = turnedInto(needed, found, renamed);
    if (turned === null) return;
    taken.add(found.name);
    twins.set(needed.name, { tensor: found.name, turned, by: "name" });
  };
  const byName = new Map(own.map((tensor) => [tensor.name, tensor]));
  const needed = neededTensors(lender);
  for (const each of needed) claim(each, byName.get(each.name), false);
  for (const each of needed) {
    const layer = layerOf.get(each.name);
    if (layer !== undefined && ANONYMOUS.test(each.name)) {
      claim(each, byName.get(`${modulePath(layer)}.weight`), true);
    }
  }
  const open = needed.filter(({ name }) => !twins.has(name));
  for (const each of open) {
    const [found, ...others] = own.filter(({ name }) => endsAs(name, each.name));
    if (found === undefined || others.length > 0) continue;
    // A name that is the end of two of the lender's says of neither that it is meant.
    if (open.filter(({ name }) => endsAs(name, found.name)).length === 1) claim(each, found, false);
  }
  return twins;
}

/** Whether one name is the other with something before it. */
function endsAs(a: string, b: string): boolean {
  return a.endsWith(`.${b}`) || b.endsWith(`.${a}`);
}

/** `/encoder/fc/MatMul` is the module `encoder.fc`; PyTorch's exporter names nodes so. */
function modulePath(node: string): string {
  return node.startsWith("/") ? node.split("/").slice(1, -1).join(".") : node;
}

/** Whether a tensor is another one turned; null where it is neither that nor the same. @param renamed the exporter turned it, where the shape does not say */
function turnedInto({ shape: a }: TensorInfo, { shape: b }: TensorInfo, renamed: boolean): boolean | null {
  const same = String(a) === String(b);
  const turned = a.length === 2 && b.length === 2 && a[0] === b[1] && a[1] === b[0];
  return same && turned ? renamed : same ? false : turned ? true : null;
}

/** Tensors of one shape, whichever way round matrices are. */
export interface ShapeClass {
  readonly needed: readonly TensorInfo[];
  readonly own: readonly TensorInfo[];
}

/** Weights of the lender that have no twin yet, with this file's tensors of their shape that are nobody's twin. */
export function openClasses(
  lender: Lender,
  own: readonly TensorInfo[],
  twins: ReadonlyMap<string, Twin>,
): readonly ShapeClass[] {
  const taken = new Set(Array.from(twins.values(), ({ tensor }) => tensor));
  const key = ({ shape }: TensorInfo) =>
    String(shape.length === 2 ? [...shape].sort((a, b) => a - b) : shape);
  const weights = new Set(lender.graph.layers.map(({ weight }) => weight.tensor));
  const needed = lender.tensors.filter(({ name, unreadable }) =>
    weights.has(name) && !twins.has(name) && unreadable === undefined
  );
  const free = own.filter((each) => !taken.has(each.name) && each.unreadable === undefined);
  return [...Map.groupBy(needed, key)].map(([shape, each]) => ({
    needed: each,
    own: free.filter((tensor) => key(tensor) === shape),
  }));
}

/** The twins of classes of one tensor each: no other has the shape. */
export function twinsByShape(classes: readonly ShapeClass[]): Map<string, Twin> {
  return new Map(classes.flatMap(({ needed, own }): [string, Twin][] => {
    const [[lent], [found]] = [needed, own];
    if (needed.length !== 1 || own.length !== 1 || lent === undefined || found === undefined) return [];
    const square = lent.shape.length === 2 && lent.shape[0] === lent.shape[1];
    const turned = turnedInto(lent, found, false);
    // Which way round a square matrix is its shape does not say.
    return turned === null || square ? [] : [[lent.name, { tensor: found.name, turned, by: "shape" }]];
  }));
}

/**
 * The lent graph with this file's tensors in it. Layers without a twin are left out, and so are their connections; each is said.
 *
 * @returns a graph with evidence `declared`
 * @throws {RangeError} when a twin cannot be read as the lender reads its own
 */
export function lentGraph(
  lender: Lender,
  own: readonly TensorInfo[],
  twins: ReadonlyMap<string, Twin>,
): LayerGraph {
  const { graph, uri } = lender;
  const { layers, connections } = declarationOf(graph, lender.tensors);
  const names = new Map<string, string>();
  const used = new Set<string>();
  for (const [at, { name }] of layers.entries()) {
    const twin = twins.get(graph.layers[at]!.weight.tensor);
    if (twin === undefined) continue;
    const plain = layerName(twin.tensor);
    const free = used.has(plain) ? name : plain;
    used.add(free);
    names.set(name, free);
  }
  const topology: TopologyDeclaration = {
    layers: layers.flatMap((layer, at) => {
      const name = names.get(layer.name);
      const twin = twins.get(graph.layers[at]!.weight.tensor);
      return name === undefined || twin === undefined ? [] : [withTwins(layer, name, twin, twins)];
    }),
    connections: connections.flatMap((each) => {
      const [from, to] = [names.get(each.from), names.get(each.to)];
      return from === undefined || to === undefined ? [] : [{ ...each, from, to }];
    }),
  };
  const lone = layers.filter(({ name }) => !names.has(name));
  const made = declaredGraph(own, topology);
  return {
    ...made,
    skipped: [
      ...made.skipped,
      ...lone.map(({ name }): Skipped => ({
        subject: "layer",
        name,
        reason: `of the graph that ${uri} lends: no tensor here has its name, nor its shape and numbers`,
      })),
      ...connections.filter(({ from, to }) => !names.has(from) || !names.has(to)).map((
        { from, to },
      ): Skipped => ({
        subject: "connection",
        name: `${names.get(from) ?? from} -> ${names.get(to) ?? to}`,
        reason: `of the graph that ${uri} lends: ${
          [from, to].filter((each) => !names.has(each)).map(show).join(" and ")
        } has no twin here`,
      })),
      ...graph.skipped.filter(({ subject }) => subject === "connection"),
    ],
    warnings: [...made.warnings, ...remarks(lender, twins, lone)],
  };
}

const TURNED: Partial<Record<WeightLayout, WeightLayout>> = { "in-out": "out-in", "out-in": "in-out" };

function withTwins(
  layer: DeclaredLayer,
  name: string,
  { tensor, turned }: Twin,
  twins: ReadonlyMap<string, Twin>,
): DeclaredLayer {
  const { weight: _weight, batchNorm, gain, order, shape, ...rest } = layer;
  const norm = twinOfNorm(batchNorm, twins);
  const vector = gain === undefined ? undefined : twins.get(gain)?.tensor;
  const direction = turned ? TURNED[order ?? "out-in"] : order;
  return {
    ...rest,
    name,
    weight: tensor,
    ...direction === undefined ? {} : { order: direction },
    ...shape === undefined || turned ? {} : { shape },
    ...norm === undefined ? {} : { batchNorm: norm },
    ...vector === undefined ? {} : { gain: vector },
  };
}

/** Without twins of its tensors the normalization that stands behind the weight here is as good; exporters fold them in. */
function twinOfNorm(
  norm: DeclaredBatchNorm | undefined,
  twins: ReadonlyMap<string, Twin>,
): DeclaredBatchNorm | undefined {
  if (norm === undefined || norm === "none") return undefined;
  if (norm === "raw") return norm;
  const variance = twins.get(norm.variance)?.tensor;
  const gamma = norm.gamma === undefined ? undefined : twins.get(norm.gamma)?.tensor;
  if (variance === undefined || norm.gamma !== undefined && gamma === undefined) return undefined;
  return { ...norm, variance, ...gamma === undefined ? {} : { gamma } };
}

function remarks(
  { uri, graph }: Lender,
  twins: ReadonlyMap<string, Twin>,
  lone: readonly DeclaredLayer[],
): string[] {
  const all = graph.layers.length;
  const by = (how: Twin["by"]) =>
    graph.layers.filter(({ weight }) => twins.get(weight.tensor)?.by === how).length;
  const [first] = lone;
  return [
    ...by("shape") === 0
      ? []
      : [`${by("shape")} of ${all} layers of the graph that ${uri} lends are found by their shape alone`],
    ...by("numbers") === 0
      ? []
      : [`${by("numbers")} of ${all} layers of the graph that ${uri} lends are found by their numbers`],
    ...first === undefined ? [] : [
      `${lone.length} of ${all} layers of the graph that ${uri} lends are not found, the first ${first.name}; their connections are left out`,
    ],
  ];
}
