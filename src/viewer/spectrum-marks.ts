/** All neurons of all layers as a few paths: short ticks, and bands where the near-kernels are. */

import { INTENSITY_OPACITIES, intensityClass } from "./palette.ts";
import type { PicturedLayer } from "./picture-data.ts";
import { tenths } from "./svg.ts";

/** Ticks of one look, over all layers. */
export interface TickPath {
  readonly kind: string;
  readonly opacity: number;
  readonly path: string;
  /** Where it is of one tick only. */
  readonly title?: string;
}

/** What became of the neurons. */
export interface Ticks {
  readonly paths: readonly TickPath[];
  /** Neurons that share a tick with a neighbour, because they are nearer than `apart`. */
  readonly merged: number;
  /** In pixels. */
  readonly apart: number;
}

/** Pixels between ticks, and the number of ticks (8 bytes each) in pictures of many layers. */
const LEAST_APART = 1;
const MOST_TICKS = 40_000;

/**
 * A tick for every neuron, as wide as `2 reach`. Neurons of a layer that are no pixel apart share one, which is as dark as the most
 * intense of them.
 *
 * @param x pixels of a layer
 * @param y pixels of a singular value
 * @param title what a tick says of its neurons, the first and the last of them; where it is given, each tick is a path of its own
 */
export function tickPaths(
  layers: readonly PicturedLayer[],
  x: (layer: number) => number,
  y: (value: number) => number,
  reach: number,
  height: number,
  title: ((layer: number, first: number, last: number) => string) | null,
): Ticks {
  const apart = Math.max(LEAST_APART, layers.length * height / MOST_TICKS);
  const paths = new Map<string, { kind: string; opacity: number; parts: string[]; title?: string }>();
  let merged = 0;
  for (const [index, { kind, singularValues, intensity }] of layers.entries()) {
    const rows = new Map<number, { look: number; first: number; last: number }>();
    for (const [neuron, value] of singularValues.entries()) {
      const row = Math.round(y(value) / apart);
      const before = rows.get(row);
      if (before !== undefined) merged++;
      const look = Math.max(before?.look ?? 0, intensityClass(intensity[neuron]!));
      // Singular values descend, so that those of a row follow one another.
      rows.set(row, { look, first: before?.first ?? neuron, last: neuron });
    }
    const width = tenths(2 * reach);
    const last = new Map<number, number>();
    for (const [row, { look, first, last: end }] of [...rows].sort(([a], [b]) => a - b)) {
      const opacity = INTENSITY_OPACITIES[look]!;
      if (title !== null) {
        const path = `M${tenths(x(index) - reach)},${tenths(row * apart)}h${width}`;
        paths.set(`${index} ${row}`, { kind, opacity, parts: [path], title: title(index, first, end) });
        continue;
      }
      const key = `${opacity} ${kind}`;
      const { parts } = paths.get(key) ?? paths.set(key, { kind, opacity, parts: [] }).get(key)!;
      const before = last.get(look);
      const at = Math.round(row * apart * 10) / 10;
      // Down from the end of the one before, which is shorter than to say where.
      parts.push(
        before === undefined
          ? `M${tenths(x(index) - reach)},${tenths(at)}h${width}`
          : `m-${width},${tenths(at - before)}h${width}`,
      );
      last.set(look, at);
    }
  }
  const sorted = title === null ? [...paths].sort(([a], [b]) => a < b ? -1 : 1) : [...paths];
  return {
    paths: sorted.map(([, { parts, ...look }]) => ({ ...look, path: parts.join("") })),
    merged,
    apart,
  };
}

/**
 * One band per layer that has near-kernels, from the bottom up to the threshold.
 *
 * @param relative share of the layer's largest singular value up to which they are near-kernels; null where it is not known: then up to the
 *   largest of them
 */
export function bandPath(
  layers: readonly PicturedLayer[],
  x: (layer: number) => number,
  y: (value: number) => number,
  pitch: number,
  bottom: number,
  relative: number | null,
): string {
  return layers.map(({ singularValues, nearKernel }, index) => {
    const first = nearKernel.indexOf(1);
    if (first < 0) return "";
    const threshold = relative === null ? singularValues[first]! : relative * singularValues[0]!;
    const top = Math.min(y(threshold), bottom - 4);
    const reach = bandReach(pitch);
    return `M${tenths(x(index) - reach)},${tenths(bottom)}V${tenths(top)}h${tenths(2 * reach)}V${
      tenths(bottom)
    }Z`;
  }).join("");
}

/** Half the width of a band: columns stay apart, and a lone one is none. */
export function bandReach(pitch: number): number {
  return Math.min(0.4 * pitch, 36);
}

/** Share of near-kernels of each layer, in [0, 1]. */
export function nearKernelShares(layers: readonly PicturedLayer[]): readonly number[] {
  return layers.map(({ nearKernel }) =>
    nearKernel.reduce((sum, each) => sum + each, 0) / Math.max(1, nearKernel.length)
  );
}
