/** Compositions: which circuits and layers read what an OV circuit writes. */

import type { Connection, Layer, LayerGraph } from "../../model/layer.ts";
import type { Spectrum } from "../../model/spectrum.ts";

/** The ports by which circuits read, by the layer of the network that they take part in. */
interface Readers {
  readonly queries: ReadonlyMap<number, readonly Layer[]>;
  readonly keys: ReadonlyMap<number, readonly Layer[]>;
  readonly values: ReadonlyMap<number, readonly Layer[]>;
}

/**
 * The connections of circuits. Where a head's output layer feeds a layer of queries, keys or values, the head's OV circuit feeds the circuits of that
 * layer's heads; where it feeds any other layer, so does the circuit. Channels, way and evidence are those of the layers' own connection.
 */
export function compositionsOf(
  { layers, connections }: Pick<LayerGraph, "layers" | "connections">,
): Connection[] {
  const readers: Readers = {
    queries: sides(layers, "qk", "left"),
    keys: sides(layers, "qk", "right"),
    values: sides(layers, "ov", "right"),
  };
  const writers = sides(layers, "ov", "left");
  const found = connections.flatMap((connection) => {
    const { source, target, via } = connection;
    if (via === "attention-head") return [];
    return (writers.get(source) ?? []).flatMap((writer): Connection[] => {
      const to = (reader: Layer, composition: "Q" | "K" | "V", part: number): Connection => ({
        ...connection,
        source: writer.index,
        target: reader.index,
        part,
        composition,
      });
      const composed = [
        ...(readers.queries.get(target) ?? []).map((reader) => to(reader, "Q", 0)),
        // Queries and keys of a circuit are two ways into one layer.
        ...(readers.keys.get(target) ?? []).map((reader) => to(reader, "K", 1)),
        ...(readers.values.get(target) ?? []).map((reader) => to(reader, "V", 0)),
      ];
      return composed.length > 0 ? composed : [{ ...connection, source: writer.index }];
    });
  });
  return found.sort((a, b) => a.target - b.target || a.source - b.source || a.part - b.part);
}

/** Circuits of a kind by the layer that one of their factors is of. */
function sides(
  layers: readonly Layer[],
  kind: "ov" | "qk",
  side: "left" | "right",
): ReadonlyMap<number, readonly Layer[]> {
  const circuits = layers.filter(({ circuit }) => circuit?.kind === kind);
  return Map.groupBy(circuits, ({ circuit }) => circuit![side].layer.index);
}

/**
 * A connection's target, so that its right vectors are those that read: of a QK circuit that is met with its queries' side the transpose, every other as it
 * is.
 */
export function readingSide({ composition }: Pick<Connection, "composition">, target: Spectrum): Spectrum {
  if (composition !== "Q") return target;
  const { layer, left, right } = target;
  return { ...target, layer: readingLayer({ composition }, layer), left: right, right: left };
}

/** The layer of a connection's target, likewise. */
export function readingLayer({ composition }: Pick<Connection, "composition">, layer: Layer): Layer {
  return composition === "Q"
    ? { ...layer, outChannels: layer.inChannels, inChannels: layer.outChannels }
    : layer;
}

/**
 * The composition score of two circuits, `|B A| / (|B| |A|)` (Frobenius; Elhage et al. 2021), in [0, 1]: of `A = U S V'` and `B = P T Q'` it is the root
 * of `sum t_i^2 s_j^2 (q_i u_j)^2` over both norms.
 *
 * @param energies of each target neuron `i`: `sum_j s_j^2 (q_i u_j)^2`
 * @returns null where one of the circuits is 0
 */
export function compositionScore(
  source: Pick<Spectrum, "norm">,
  target: Pick<Spectrum, "norm" | "singularValues">,
  energies: Float64Array,
): number | null {
  if (source.norm === 0 || target.norm === 0) return null;
  const { singularValues, norm } = target;
  const sum = energies.reduce((total, energy, i) => total + (singularValues[i]! / norm) ** 2 * energy, 0);
  return Math.sqrt(sum) / source.norm;
}
