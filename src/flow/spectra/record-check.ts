/** Whether a record that lay on disk is one of this model: where it is not, the model is computed. */

import type { LayerGraph } from "../../model/layer.ts";
import { archiveParts } from "./archive.ts";
import type { OverlapRecord } from "./overlap-record.ts";

type Spectra = ReadonlyMap<number, OverlapRecord["layers"][number]["spectrum"]>;

/**
 * Whether a record is of this graph: each layer and each connection is in it once, and its arrays have the lengths that they say of each other.
 *
 * @param record as a cache gives it; anything may be missing
 * @throws {TypeError} when a part of it is missing
 */
export function isRecordOf(record: OverlapRecord, graph: LayerGraph): boolean {
  const { layers, skipped, connections, kernel, controlPathMetrics: { length: controls } } = record;
  const spectra: Spectra = new Map(layers.map(({ layer, spectrum }) => [layer, spectrum]));
  const places = (control: number | null) =>
    connections.filter((each) => each.control === control).map(({ connection }) => connection);
  return isSame(record.graph, graph) && typeof kernel.name === "string" &&
    isEach(layers.map(({ layer }) => layer), graph.layers.length) &&
    isEach([...places(null), ...skipped.map(({ connection }) => connection)], graph.connections.length) &&
    connections.every(({ control }) => control === null || isIndex(control, controls)) &&
    layers.every(({ spectrum, metrics }) =>
      "skipped" in spectrum || isSpectrum(spectrum) && isMeasured(metrics, spectrum.singularValues.length)
    ) &&
    skipped.every(({ name, reason }) => typeof name === "string" && typeof reason === "string") &&
    connections.every((each) => isConnection(each, graph, spectra));
}

function isSpectrum(
  { singularValues, group, nullNeurons, clustered, residuals, converged }: Exclude<
    OverlapRecord["layers"][number]["spectrum"],
    { readonly skipped: string }
  >,
): boolean {
  const { length } = singularValues;
  return [residuals, converged].every((each) => each === undefined || each.length === length) && length > 0 &&
    group.length === length && nullNeurons.length === length &&
    clustered.length === length;
}

/** Whether the figures of neurons are those of as many. */
function isMeasured(metrics: OverlapRecord["layers"][number]["metrics"], neurons: number): boolean {
  if (metrics === undefined) return true;
  const { neurons: own, permuted, spectrum, vectors } = metrics;
  const all = [own.locRatio, own.partRatio, own.vecEntropy, own.spikeLogP];
  const random = permuted === null ? [] : [permuted.spikeLogP];
  return typeof spectrum === "object" && typeof vectors === "object" &&
    [...all, ...random].every(({ length }) => length === neurons);
}

function isConnection(
  { connection, level, geometry, measures, near, candidates }: OverlapRecord["connections"][number],
  { connections }: LayerGraph,
  spectra: Spectra,
): boolean {
  const ends = connections[connection];
  if (ends === undefined) return false;
  const neurons = [ends.source, ends.target].map((layer) => {
    const spectrum = spectra.get(layer);
    return spectrum === undefined || "skipped" in spectrum ? 0 : spectrum.singularValues.length;
  });
  const { sources, targets } = geometry;
  const { sourceNeuron, targetNeuron, overlap, cosine, logP } = candidates;
  return typeof level === "number" && sources === neurons[0] && targets === neurons[1] &&
    near.source.length === sources && near.target.length === targets &&
    measures.sourceIntensity.length === sources &&
    [sourceNeuron, targetNeuron, overlap, cosine ?? logP].every(({ length }) => length === logP.length) &&
    sourceNeuron.every((neuron) => isIndex(neuron, sources)) &&
    targetNeuron.every((neuron) => isIndex(neuron, targets));
}

function isIndex(value: number, count: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < count;
}

/** Whether the values are 0 to `count - 1`, each once. */
function isEach(values: readonly number[], count: number): boolean {
  return values.length === count && new Set(values).size === count &&
    values.every((at) => isIndex(at, count));
}

function isSame(a: unknown, b: unknown): boolean {
  return Buffer.concat(archiveParts(a)).equals(Buffer.concat(archiveParts(b)));
}
