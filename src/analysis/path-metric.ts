/** The path metric of Meller and Berkouk, summed along the flow while overlaps go by: one number per neuron, no path is ever listed. */

import { type FlowOrder, isForward } from "../model/flow-order.ts";
import type { Connection, Layer } from "../model/layer.ts";
import type { ModelMeasures, PathMetric } from "../model/measures.ts";
import type { WantedProducts } from "../model/ports.ts";

/**
 * Non-negative numbers `values[i] * 2^exponent`, the largest of `values` in [1, 2) unless all are 0. Sums over paths leave the range of a
 * float64 within some dozen layers; what lies 300 decades below the largest of its layer counts as 0.
 */
interface Scaled {
  readonly values: Float64Array;
  readonly exponent: number;
}

/** One of the sums. */
interface Sum {
  /** Whether a neuron multiplies a path with its singular value, or with 1. */
  readonly weighted: boolean;
  /** Paths lead through neurons with `s_j > floor * s_1` only; null for all. */
  readonly floor: number | null;
}

/** Where nothing has to be known of the overlaps. */
export const NO_PRODUCTS: WantedProducts = { vectors: [], take: () => undefined };

/**
 * Sums `prod(overlap) * prod(singular values)` over all ways from layers without incoming connections to layers without outgoing ones,
 * in the order of flow: `x_target[i] = s_i * sum_j A[i, j] x_source[j]` over all connections into the target.
 */
export class PathSums {
  readonly #order: FlowOrder;
  readonly #layers: readonly Layer[];
  readonly #floor: number;
  /** With singular values, without, and above the floor. */
  readonly #sums: readonly [Sum, Sum, Sum];
  /** Per layer and sum: what has arrived, without the layer's own gain. Layers that nothing more leaves are let go. */
  readonly #arrived = new Map<number, Scaled[]>();
  /** Per layer: forward connections out of it that have not been seen. */
  readonly #leaving: Int32Array;
  readonly #feeds: Uint8Array;
  readonly #values = new Map<number, Float64Array>();
  #missing: number;

  /** @param floor in [0, 1]: paths through neurons with `s_j <= floor * s_1` are left out of one of the sums */
  constructor(order: FlowOrder, layers: readonly Layer[], floor: number) {
    this.#order = order;
    this.#layers = layers;
    this.#floor = floor;
    this.#sums = [
      { weighted: true, floor: null },
      { weighted: false, floor: null },
      { weighted: true, floor },
    ];
    this.#leaving = new Int32Array(layers.length);
    this.#feeds = new Uint8Array(layers.length);
    for (const { source } of order.forward) {
      this.#leaving[source]! += 1;
      this.#feeds[source] = 1;
    }
    this.#missing = order.forward.length;
  }

  /** Asks for the products of a connection's overlaps with what leaves its source. All connections into its source have been taken. */
  connection(
    connection: Connection,
    sourceValues: Float64Array,
    targetValues: Float64Array,
  ): WantedProducts {
    if (!isForward(this.#order, connection)) return NO_PRODUCTS;
    const { source, target } = connection;
    const leaving = this.#sums.map((_, which) => this.#leavingOf(source, which, sourceValues));
    return {
      vectors: leaving.map(({ values }) => values),
      take: (arriving): void => {
        const now = arriving.map((values, which) => scaled(values.slice(), leaving[which]!.exponent));
        const before = this.#arrived.get(target);
        this.#arrived.set(target, before === undefined ? now : now.map((each, at) => sum(before[at]!, each)));
        this.#values.set(target, targetValues);
        this.#missing--;
        this.#leaving[source]! -= 1;
        if (this.#leaving[source] === 0) this.#arrived.delete(source);
      },
    };
  }

  /** The metric, or why there is none. */
  finish(): ModelMeasures["pathMetric"] {
    const { forward } = this.#order;
    if (forward.length === 0) return { unknown: "no layer feeds another in an order without cycles" };
    if (this.#missing > 0) {
      return {
        unknown:
          `${this.#missing} of ${forward.length} connections could not be computed, and paths lead through them`,
      };
    }
    const metric: PathMetric = {
      logWithSingularValues: this.#total(0),
      logWithout: this.#total(1),
      logAboveFloor: this.#total(2),
      floor: this.#floor,
    };
    return metric;
  }

  /** What leaves a layer: what has arrived, or 1 where it reads the input, times its gain. */
  #leavingOf(layer: number, which: number, values: Float64Array): Scaled {
    const { weighted, floor } = this.#sums[which]!;
    const arrived = this.#arrived.get(layer)?.[which];
    const largest = values[0]!;
    const shift = weighted && largest > 0 ? exponentOf(largest) : 0;
    const out = new Float64Array(values.length);
    for (let j = 0; j < out.length; j++) {
      const s = values[j]!;
      if (floor !== null && !(s > floor * largest)) continue;
      out[j] = (weighted ? times(s, -shift) : 1) * (arrived === undefined ? 1 : arrived.values[j]!);
    }
    return scaled(out, shift + (arrived?.exponent ?? 0));
  }

  /** `ln` of the sum over all neurons of the layers that feed no other. */
  #total(which: number): number {
    let total: Scaled = { values: Float64Array.of(0), exponent: 0 };
    for (const { index } of this.#layers) {
      const values = this.#values.get(index);
      if (this.#feeds[index] === 1 || values === undefined) continue;
      const { values: leaving, exponent } = this.#leavingOf(index, which, values);
      const added = Float64Array.of(leaving.reduce((sum, value) => sum + value, 0));
      total = sum(total, scaled(added, exponent));
    }
    return Math.log(total.values[0]!) + total.exponent * Math.LN2;
  }
}

/** `values * 2^exponent`, brought into range; powers of two, so that nothing is rounded. Changes `values`. */
function scaled(values: Float64Array, exponent: number): Scaled {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, values[i]!);
  if (largest === 0) return { values, exponent: 0 };
  const shift = exponentOf(largest);
  for (let i = 0; i < values.length; i++) values[i] = times(values[i]!, -shift);
  return { values, exponent: exponent + shift };
}

/** `a + b`, entry by entry; changes neither. */
function sum(a: Scaled, b: Scaled): Scaled {
  const [high, low] = isZero(a) || !isZero(b) && a.exponent < b.exponent ? [b, a] : [a, b];
  const down = low.exponent - high.exponent;
  return scaled(
    high.values.map((value, i) => value + (isZero(low) ? 0 : times(low.values[i]!, down))),
    high.exponent,
  );
}

function isZero({ values }: Scaled): boolean {
  return values.every((value) => value === 0);
}

/** The `e` with `value` in `[2^e, 2^(e+1))`, to within one. */
function exponentOf(value: number): number {
  return Math.max(-1074, Math.floor(Math.log2(value)));
}

/** `value * 2^shift`, in steps that stay in range. */
function times(value: number, shift: number): number {
  let result = value;
  let left = Math.max(-4000, Math.min(4000, shift));
  for (; left > 1000; left -= 1000) result *= 2 ** 1000;
  for (; left < -1000; left += 1000) result *= 2 ** -1000;
  return result * 2 ** left;
}
