/** What a model consists of, before anything is computed. */

import type { RunConfig } from "../../config/schema.ts";
import type { Kernel } from "../kernels/kernel.ts";
import type { ChannelRange, Layer, LayerGraph } from "../model/layer.ts";
import { sharedChannels, unfoldedShape, withoutCircuits } from "../model/layer.ts";
import { isRemote } from "../../connectors/places/place.ts";
import type { AuditReport } from "../model/audit-report.ts";
import type { Model } from "../model/ports.ts";
import { foldedTensors } from "../stages/fold.ts";
import { knownGraph, type LayerSettings } from "../stages/layers.ts";
import { declarationOf, type FullDeclaration } from "../stages/topology/declaration.ts";
import { epsilonWarnings } from "./assumed-epsilon.ts";
import type { Inference } from "../stages/topology/inference/inferred.ts";
import { isInferable } from "./inferred-layers.ts";
import type { InspectedSpace } from "./inspected-spaces.ts";
import { plannedLayers } from "./planned-layers.ts";
import type { PlannedModel } from "./collection/models.ts";

/** A layer, as `svr inspect` says it. */
export interface InspectedLayer {
  readonly name: string;
  readonly kind: string;
  /** How it is known what kind of layer it is and how its weight lies, as for connections. */
  readonly evidence: string;
  readonly dtype: string;
  /** Of a circuit those of both factors. */
  readonly tensor: string;
  /** The tensor's own; of a circuit that of the product. */
  readonly shape: readonly number[];
  readonly out_channels: number;
  readonly in_channels: number;
  readonly positions: number;
  readonly groups: number;
  /** Rows and columns of the unfolded weight of one group, `svr`. */
  readonly matrix: string;
  readonly batch_norm: string;
  readonly norm_gain: string;
}

/** A connection, as `svr inspect` says it. */
export interface InspectedConnection {
  readonly from: string;
  readonly to: string;
  readonly part: number;
  readonly via: string;
  readonly evidence: string;
  readonly channels: number;
  /** Of the target. */
  readonly positions: number;
  readonly map: readonly ChannelRange[];
  /** Whether the weights support a guess; absent where it is none, or they do not. */
  readonly supported?: boolean;
}

/** What becomes of a tensor: a weight of layers, taken into layers by folding, or skipped. */
export interface InspectedTensor {
  readonly name: string;
  readonly use: "weight" | "folded" | "skipped";
  /** Names of layers; else the reason. */
  readonly what: string;
  /** How its real numbers are computed, where the file holds codes and scales. */
  readonly rule?: string;
}

/** The topology of a model in full, and how its connections are known where they are not guessed. */
export interface WrittenTopology extends FullDeclaration {
  readonly knownBy: "graph" | "architecture" | "declared";
}

/** What `svr inspect` says of a model. */
export interface Inspection {
  readonly id: string;
  readonly uri: string;
  readonly format: string;
  /** What it is a checkpoint of, and the epoch or step; null where nothing says so. */
  readonly series: string | null;
  readonly step: number | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  readonly layers: readonly InspectedLayer[];
  readonly connections: readonly InspectedConnection[];
  /** Every tensor of the file, once. */
  readonly tensors: readonly InspectedTensor[];
  readonly skipped: readonly { readonly subject: string; readonly name: string; readonly reason: string }[];
  /** What the weights show, where they were asked who feeds whom. */
  readonly spaces?: readonly InspectedSpace[];
  /** What the weights say to the topology, where that was asked for. */
  readonly audit?: AuditReport;
}

/** Up to so many bytes of weights are asked without being told to: more would take longer than a look should. */
const MOST_ASKED = 256 * 2 ** 20;

/**
 * Asks the weights of a model who feeds whom, where nothing better is known. Unless `infer` is true, not those of a model from afar, nor
 * more than 256 MiB.
 *
 * @param kernel called where weights are asked
 * @param unasked told of a model whose weights might be asked
 * @returns null where they are not
 * @throws when the model cannot be opened or read
 */
export async function inferenceOf(
  planned: PlannedModel,
  infer: RunConfig["infer"],
  kernel: () => Promise<Kernel>,
  unasked: (model: string) => void,
  signal?: AbortSignal,
): Promise<Inference | null> {
  const model = await planned.open(signal);
  try {
    if (!isInferable(model, { topology: planned.topology }, infer)) return null;
    const bytes = model.tensors.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (infer !== true && (isRemote(planned.uri) || bytes > MOST_ASKED)) {
      unasked(model.id);
      return null;
    }
    const { inferred } = await import("../stages/topology/inference/inferred.ts");
    return await inferred(model, await kernel(), signal === undefined ? {} : { signal });
  } finally {
    await model.close();
  }
}

/**
 * Reads a model's header and lays out its layer graph; no weight is read.
 *
 * @throws when the model cannot be opened, or its topology does not fit it
 */
export async function inspectModel(
  planned: PlannedModel,
  settings: Omit<LayerSettings, "topology">,
  signal?: AbortSignal,
): Promise<Inspection> {
  const model = await planned.open(signal);
  try {
    const graph = plannedLayers(model, { ...settings, topology: planned.topology });
    const { layers, connections, skipped, evidence = "graph" } = graph;
    const warnings = [...graph.warnings, ...await epsilonWarnings(model, layers, signal)];
    return {
      id: model.id,
      uri: model.uri,
      format: model.format,
      series: planned.series ?? null,
      step: planned.step ?? null,
      metadata: Object.fromEntries(model.metadata),
      warnings,
      layers: layers.map((layer): InspectedLayer => {
        const { rows, cols } = unfoldedShape(layer, "svr");
        return {
          name: layer.name,
          kind: layer.kind,
          evidence,
          dtype: layer.dtype,
          tensor: tensorOf(layer),
          shape: layer.circuit === undefined ? layer.weight.shape : [rows, cols],
          out_channels: layer.outChannels,
          in_channels: layer.inChannels,
          positions: layer.positions,
          groups: layer.groups,
          matrix: `${rows} x ${cols}`,
          batch_norm: layer.batchNorm,
          norm_gain: layer.normGain,
        };
      }),
      connections: connections.map((connection): InspectedConnection => ({
        from: layers[connection.source]?.name ?? "",
        to: layers[connection.target]?.name ?? "",
        part: connection.part,
        via: connection.via,
        evidence: connection.evidence,
        channels: sharedChannels(connection),
        positions: layers[connection.target]?.positions ?? 1,
        map: connection.channels,
        ...connection.supported === true ? { supported: true } : {},
      })),
      tensors: accounted(model, graph),
      skipped,
    };
  } finally {
    await model.close();
  }
}

/** The tensor of a layer's weight, or both of a circuit's. */
function tensorOf({ weight, circuit }: Layer): string {
  if (circuit === undefined) return weight.tensor;
  const tensors = [circuit.left, circuit.right].map(({ layer }) => layer.weight.tensor);
  return [...new Set(tensors)].join(" and ");
}

/**
 * Asks the weights of a model what they say to its topology. Reads every weight of its layers.
 *
 * @throws when the model cannot be opened or read, or its topology does not fit it
 */
export async function auditModel(
  planned: PlannedModel,
  settings: Omit<LayerSettings, "topology">,
  kernel: Kernel,
  signal?: AbortSignal,
): Promise<AuditReport> {
  const model = await planned.open(signal);
  try {
    const graph = plannedLayers(model, { ...settings, topology: planned.topology });
    const { audited } = await import("./audit-report.ts");
    return await audited(model, withoutCircuits(graph), { kernel }, signal);
  } finally {
    await model.close();
  }
}

/**
 * The topology of a model as a declaration that gives it again.
 *
 * @throws when the model cannot be opened, or its topology does not fit it
 */
export async function topologyOfModel(
  planned: PlannedModel,
  settings: Omit<LayerSettings, "topology">,
  signal?: AbortSignal,
): Promise<WrittenTopology> {
  const model = await planned.open(signal);
  try {
    const graph = knownGraph(model, { ...settings, topology: planned.topology });
    const traced = model.graph !== undefined || model.operators !== undefined;
    return {
      ...declarationOf(graph, model.tensors, model.operators?.layers),
      knownBy: planned.topology !== undefined || model.graph?.evidence === "declared"
        ? "declared"
        : traced
        ? "graph"
        : "architecture",
    };
  } finally {
    await model.close();
  }
}

/** Each tensor once, in the file's order. @throws {Error} when one is neither used nor skipped: that is our mistake */
function accounted({ tensors }: Pick<Model, "tensors">, { layers, skipped }: LayerGraph): InspectedTensor[] {
  const uses = new Map<string, string[]>();
  const folded = new Map<string, string[]>();
  const note = (map: Map<string, string[]>, tensor: string, layer: string) =>
    map.set(tensor, [...map.get(tensor) ?? [], layer]);
  for (const layer of layers) {
    if (layer.circuit !== undefined) continue;
    note(uses, layer.weight.tensor, layer.name);
    for (const tensor of foldedTensors(layer)) note(folded, tensor, layer.name);
  }
  const reasons = new Map(
    skipped.flatMap(({ subject, name, reason }) => subject === "tensor" ? [[name, reason] as const] : []),
  );
  return tensors.map(({ name, rule }): InspectedTensor => {
    const read = rule === undefined ? {} : { rule };
    const weight = uses.get(name);
    if (weight !== undefined) return { name, use: "weight", what: weight.join(", "), ...read };
    const into = folded.get(name);
    if (into !== undefined) return { name, use: "folded", what: into.join(", "), ...read };
    const reason = reasons.get(name);
    if (reason === undefined) throw new Error(`tensor ${name}: is neither used nor skipped`);
    return { name, use: "skipped", what: reason, ...read };
  });
}
