/** Which layer of a comparison is which in the tables of its model. */

import type { PlacedLayer } from "../../compare/comparison-report.ts";
import type { LayerGraph } from "../../model/layer.ts";
import { show } from "../../model/errors.ts";
import type { Row } from "../../model/tables.ts";

/** Rows of a model's table `layers`, by names that are there once. */
export type LayersInTables = ReadonlyMap<string, Row>;

/** Norms of one weight in tables and in a comparison may differ by rounding, relative to themselves. */
const ROUNDING = 1e-4;

/** Rows of the table by names. */
export function layersByName(rows: readonly Row[]): LayersInTables {
  const names = rows.map((row) => String(row["name"]));
  return new Map(
    rows.flatMap((row, at) =>
      names.indexOf(names[at]!) === names.lastIndexOf(names[at]!) ? [[names[at]!, row]] : []
    ),
  );
}

/**
 * A layer by its name and its index in the tables of its model; by its own where there are no tables.
 *
 * @param norm of the weight that was compared
 * @throws {RangeError} when the tables have no such layer, or one of another weight: its neurons would be others
 */
export function placedLayer(
  { id, graph, tables }: {
    readonly id: string;
    readonly graph: Pick<LayerGraph, "layers">;
    readonly tables: LayersInTables | null;
  },
  at: number,
  norm: number,
): PlacedLayer {
  const { name, outChannels, inChannels, positions } = graph.layers[at]!;
  if (tables === null) return { name, index: at };
  const row = tables.get(name);
  const refuse = (found: string): never => {
    throw new RangeError(
      `comparing ${show(id)}, layer ${
        show(name)
      }: found ${found} in the tables of the run, required the layer that is compared; ` +
        "the run and the comparison must have the same settings (batch norm, gains, topology; unfolding svr; all neurons)",
    );
  };
  const { frobenius_norm: written = null, layer_index: index, rank } = row ?? refuse("no such layer");
  const neurons = Math.min(outChannels, inChannels * positions);
  if (rank !== neurons) return refuse(`${String(rank)} neurons, while ${neurons} were compared,`);
  if (typeof written !== "number" || Math.abs(written - norm) > ROUNDING * norm) {
    return refuse(`a weight of norm ${String(written)}, while ${norm} was compared,`);
  }
  return { name, index: Number(index) };
}
