/** Reads a comparison out of its tables. */

import { readColumns, readRows } from "../parquet.ts";
import type { Comparison, IndexedComparison, IndexedModel, Spectra } from "../protocol.ts";

/** Neurons of a layer at most: an index of a damaged table is no reason to ask for memory. */
const MOST_NEURONS = 2 ** 25;

/**
 * A comparison.
 *
 * @param base, other tables of the two models; null where they are not there
 * @throws {Error} when a table cannot be read, or has no row where it must have one; names the file
 */
export async function readComparison(
  tables: IndexedComparison["tables"],
  base: IndexedModel["tables"] | null,
  other: IndexedModel["tables"] | null,
): Promise<Comparison> {
  const [kinship, correspondences, subspaces, intruders, matches, ...spectra] = await Promise.all([
    readRows(tables.kinship),
    readRows(tables.correspondences),
    readRows(tables.subspaces),
    readRows(tables.intruders),
    readColumns(tables.matches, {
      base_layer: "int32",
      base_neuron: "int32",
      other_layer: "int32",
      other_neuron: "int32",
      similarity: "float64",
      log_p_corrected: "float64",
    }),
    spectraOf(base),
    spectraOf(other),
  ]);
  const [row] = kinship;
  if (row === undefined) throw new Error(`${tables.kinship[0] ?? "kinship"}: found no row, required one`);
  return {
    kinship: row,
    correspondences,
    subspaces,
    intruders,
    matches: {
      baseLayer: matches.base_layer,
      baseNeuron: matches.base_neuron,
      otherLayer: matches.other_layer,
      otherNeuron: matches.other_neuron,
      similarity: matches.similarity,
      logP: matches.log_p_corrected,
    },
    base: spectra[0],
    other: spectra[1],
  };
}

/** The singular values of a model by layer; none where its tables are not there. */
export async function spectraOf(tables: IndexedModel["tables"] | null): Promise<Spectra> {
  if (tables === null) return [];
  const types = { layer_index: "int32", neuron: "int32", singular_value: "float64" } as const;
  const { layer_index: layers, neuron, singular_value: values } = await readColumns(tables.neurons, types);
  const counts: number[] = [];
  for (const [row, layer] of layers.entries()) {
    if (!(layer >= 0 && layer < MOST_NEURONS && neuron[row]! >= 0 && neuron[row]! < MOST_NEURONS)) {
      throw new RangeError(`neurons, row ${row}: found neuron ${neuron[row]} of layer ${layer}`);
    }
    counts[layer] = Math.max(counts[layer] ?? 0, neuron[row]! + 1);
  }
  const found = Array.from(counts, (count) => new Float64Array(count ?? 0));
  for (const [row, layer] of layers.entries()) found[layer]![neuron[row]!] = values[row]!;
  return found;
}
