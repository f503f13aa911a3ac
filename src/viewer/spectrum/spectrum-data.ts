/** A layer's spectrum with its figures, from the tables of a run. */

import type { LakePlace } from "../../../connectors/lake/place.ts";
import { readTable, type StoredModel } from "../../../connectors/readers/run-tables.ts";
import { show } from "../../model/errors.ts";
import type { TableBatch } from "../../model/tables.ts";
import { interruptible } from "../model-tables.ts";
import { column } from "../strongest-edges.ts";

/** What the picture of a spectrum shows. */
export interface SpectrumData {
  readonly model: string;
  readonly layer: string;
  readonly kind: string;
  /** Ascending; those that are 0 too. */
  readonly eigenvalues: Float64Array;
  /** Spikes are the largest so many; null where none was tested. */
  readonly spikes: number | null;
  /** Ends of the noise; null where the layer has no bulk. */
  readonly bulk: { readonly min: number; readonly max: number; readonly distance: number | null } | null;
  /** The power law of the tail; null where there is none. */
  readonly tail:
    | {
      readonly alpha: number;
      readonly xmin: number;
      readonly count: number;
      readonly low: number | null;
      readonly high: number | null;
      readonly p: number | null;
    }
    | null;
}

/** Layers that an error lists. */
const LISTED = 20;

/**
 * Reads a layer's spectrum.
 *
 * @param name of the layer, or its index
 * @throws {RangeError} when there is no such layer, it was skipped, or all of it is 0; lists the layers
 */
export async function readSpectrum(
  lake: LakePlace,
  model: StoredModel,
  name: string,
  signal: AbortSignal | undefined,
): Promise<SpectrumData> {
  const names: string[] = [];
  let found: Omit<SpectrumData, "eigenvalues" | "model"> | null = null;
  let index = -1;
  for await (const batch of interruptible(readTable(lake, model, "layers"), signal)) {
    const [layers, indices] = [column(batch, "name", "utf8"), column(batch, "layer_index", "int32")];
    layers.forEach((layer, at) => {
      // A name comes before a number that says another layer.
      if (layer === name || (found === null && String(indices[at]) === name)) {
        found = figures(batch, at, layer);
        index = indices[at]!;
      }
    });
    names.push(...layers);
  }
  if (found === null) {
    const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : "";
    throw new RangeError(
      `${lake.name}, ${show(model.header.id)}: found no layer ${show(name)}, required one of ${
        names.slice(0, LISTED).map(show).join(", ")
      }${more}`,
    );
  }
  const values: number[] = [];
  for await (const batch of interruptible(readTable(lake, model, "neurons"), signal)) {
    const singular = column(batch, "singular_value", "float64");
    column(batch, "layer_index", "int32").forEach((layer, at) => {
      if (layer === index) values.push(singular[at]! ** 2);
    });
  }
  const eigenvalues = Float64Array.from(values).sort();
  if (!(eigenvalues.at(-1)! > 0)) {
    throw new RangeError(
      `${lake.name}, ${show(model.header.id)}, layer ${show(name)}: found ${
        values.length === 0 ? "no spectrum, for it was skipped" : "zeros only"
      }, required a layer with a singular value above 0`,
    );
  }
  return { model: model.header.id, ...(found as Omit<SpectrumData, "eigenvalues" | "model">), eigenvalues };
}

function figures(batch: TableBatch, at: number, layer: string): Omit<SpectrumData, "eigenvalues" | "model"> {
  const figure = (name: string): number | null => {
    const data = batch.columns[batch.schema.findIndex((each) => each.name === name)];
    const { valid, values } = data as { valid?: Uint8Array; values: ArrayLike<number> };
    return valid?.[at] === 0 ? null : values[at]!;
  };
  const [min, max] = [figure("bulk_min"), figure("bulk_max")];
  const [alpha, xmin, count] = [figure("alpha"), figure("xmin"), figure("num_pl_spikes")];
  return {
    layer,
    kind: column(batch, "kind", "utf8")[at]!,
    spikes: figure("num_spikes"),
    bulk: min === null || max === null ? null : { min, max, distance: figure("mp_distance") },
    tail: alpha === null || xmin === null || count === null ? null : {
      alpha,
      xmin,
      count,
      low: figure("alpha_low"),
      high: figure("alpha_high"),
      p: figure("alpha_p"),
    },
  };
}
