/** The strongest edges of a table of any length, in memory that does not follow the table. */

import type { ColumnType, TableBatch } from "../model/tables.ts";

/** Edges in columns, weakest first: whoever draws them in this order has the strongest on top. */
export interface StrongestEdges {
  readonly count: number;
  readonly sourceLayer: Int32Array;
  readonly sourceNeuron: Int32Array;
  readonly targetLayer: Int32Array;
  readonly targetNeuron: Int32Array;
  /** The number of an attention head, else 0. */
  readonly part: Int32Array;
  /** The run's weight. */
  readonly strength: Float64Array;
  readonly overlap: Float64Array;
  /** `ln p`. */
  readonly logP: Float64Array;
  /** Edges among which these were chosen. */
  readonly total: number;
  /** Edges that were passed over because they are not significant. */
  readonly insignificant: number;
}

const WHOLE_COLUMNS = ["source_layer", "source_neuron", "target_layer", "target_neuron", "part"] as const;
const BROKEN_COLUMNS = ["overlap", "log_p"] as const;

/**
 * The `most` edges of largest weight. Between equal ones the earlier row is taken, so that the same table gives the same choice; a
 * weight that is no number counts as the smallest.
 *
 * @param batches batches of the table `edges`
 * @param most at least 1
 * @param insignificant whether edges that are not significant take part
 */
export async function strongestEdges(
  batches: AsyncIterable<TableBatch>,
  most: number,
  insignificant = false,
): Promise<StrongestEdges> {
  // Candidates gather up to twice the number and are then cut to the strongest: a sort per `most` rows at worst.
  const room = 2 * most;
  const whole = WHOLE_COLUMNS.map(() => new Int32Array(room));
  const broken = BROKEN_COLUMNS.map(() => new Float64Array(room));
  const strength = new Float64Array(room);
  const row = new Float64Array(room);
  let held = 0;
  let least = -Infinity;
  let total = 0;
  let passed = 0;

  const ranked = () =>
    Array.from({ length: held }, (_, at) => at)
      .sort((a, b) => strength[b]! === strength[a]! ? row[a]! - row[b]! : strength[b]! - strength[a]!);
  const keep = (order: readonly number[]) => {
    for (const array of [...whole, ...broken, strength, row]) array.set(order.map((at) => array[at]!));
    held = order.length;
  };

  for await (const batch of batches) {
    const wholes = WHOLE_COLUMNS.map((name) => column(batch, name, "int32"));
    const brokens = BROKEN_COLUMNS.map((name) => column(batch, name, "float64"));
    const weights = column(batch, "weight", "float64");
    const significant = column(batch, "significant", "bool");
    for (let at = 0; at < batch.rows; at++) {
      if (!insignificant && significant[at] === 0) {
        passed++;
        continue;
      }
      const weight = Number.isNaN(weights[at]) ? -Infinity : weights[at]!;
      // A later row of the same weight as the weakest kept loses too.
      if (total >= most && weight <= least && least !== -Infinity) {
        total++;
        continue;
      }
      whole.forEach((array, index) => array[held] = wholes[index]![at]!);
      broken.forEach((array, index) => array[held] = brokens[index]![at]!);
      strength[held] = weight;
      row[held] = total++;
      if (++held === room) {
        keep(ranked().slice(0, most));
        least = strength[held - 1]!;
      }
    }
  }
  keep(ranked().slice(0, most).reverse());
  const [sourceLayer, sourceNeuron, targetLayer, targetNeuron, part] = whole.map((each) =>
    each.slice(0, held)
  );
  const [overlap, logP] = broken.map((each) => each.slice(0, held));
  return {
    count: held,
    sourceLayer: sourceLayer!,
    sourceNeuron: sourceNeuron!,
    targetLayer: targetLayer!,
    targetNeuron: targetNeuron!,
    part: part!,
    strength: strength.slice(0, held),
    overlap: overlap!,
    logP: logP!,
    total,
    insignificant: passed,
  };
}

interface Columns {
  readonly utf8: readonly string[];
  readonly int32: Int32Array;
  readonly int64: BigInt64Array;
  readonly float64: Float64Array;
  readonly bool: Uint8Array;
}

/**
 * The values of one column of a batch.
 *
 * @throws {TypeError} when the batch has no such column of that type
 */
export function column<T extends ColumnType>(batch: TableBatch, name: string, type: T): Columns[T] {
  const data = batch.columns[batch.schema.findIndex((each) => each.name === name)];
  if (data?.type !== type) {
    throw new TypeError(`column ${name}: found ${data?.type ?? "none"}, required ${type}`);
  }
  return data.values as Columns[T];
}
