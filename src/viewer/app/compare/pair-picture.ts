/** Two layers that correspond: the neurons of both as two columns, matches as lines, intruders as diamonds. */

import { h } from "preact";
import type { LayerPair } from "./comparison.ts";

/** Which layers, and how much of them. */
export interface PairPictureProps {
  readonly pair: LayerPair;
  readonly width: number;
  readonly height: number;
  /** Leading neurons of each that are drawn. */
  readonly most: number;
  /** Hears of a neuron that was clicked; absent where it is not for clicking. */
  readonly select?: (side: "base" | "other", neuron: number) => void;
}

/** Matches that are drawn: the most similar. */
const MOST_LINES = 2000;

/** Singular values up, as shares of the largest of both; the more similar two neurons, the darker their line. */
export function PairPicture({ pair, width, height, most, select }: PairPictureProps) {
  const { values, matches, intruders } = pair;
  const [base, other] = [values.base.subarray(0, most), values.other.subarray(0, most)];
  const largest = Math.max(base[0] ?? 0, other[0] ?? 0);
  const y = (value: number) =>
    Number((height - 6 - (largest > 0 ? value / largest : 0) * (height - 12)).toFixed(1));
  const [left, right] = [14, width - 14];
  const shown = matches.filter((match) => match.base < base.length && match.other < other.length).slice(
    0,
    MOST_LINES,
  );
  const strangers = intruders.map((row) => Number(row["other_neuron"])).filter((neuron) =>
    neuron < other.length
  );
  const tick = (side: "base" | "other", x: number) => (value: number, neuron: number) =>
    h("line", {
      key: `${side}${neuron}`,
      class: "tick",
      x1: x - 6,
      x2: x + 6,
      y1: y(value),
      y2: y(value),
      ...select === undefined ? {} : { onClick: () => select(side, neuron) },
    });
  return h(
    "svg",
    {
      class: "pair-picture",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "img",
      "aria-label":
        `${pair.baseName}, base on the left, other model on the right: ${shown.length} matches and ` +
        `${strangers.length} intruders among at most ${most} leading neurons`,
    },
    // The most alike are drawn last, over the others.
    [...shown].reverse().map(({ base: from, other: to, similarity }) =>
      h("line", {
        key: `${from}-${to}`,
        class: "match",
        x1: left,
        x2: right,
        y1: y(base[from]!),
        y2: y(other[to]!),
        "stroke-opacity": (0.12 + 0.8 * Math.abs(similarity)).toFixed(2),
      })
    ),
    Array.from(base, tick("base", left)),
    Array.from(other, tick("other", right)),
    strangers.map((neuron) => {
      const at = y(other[neuron]!);
      return h("path", {
        key: neuron,
        class: "intruder",
        d: `M${right - 6},${at}L${right},${at - 6}L${right + 6},${at}L${right},${at + 6}Z`,
        ...select === undefined ? {} : { onClick: () => select("other", neuron) },
      });
    }),
  );
}
