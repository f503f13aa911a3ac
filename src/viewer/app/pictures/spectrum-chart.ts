/** The singular values of a layer, as bars: near-kernels and the selected neuron are marked. */

import { h } from "preact";
import type { ViewedLayer } from "../protocol.ts";

const WIDTH = 340;
const HEIGHT = 120;

/** Which layer, and who hears of a click. */
export interface SpectrumChartProps {
  readonly layer: ViewedLayer;
  readonly neuron: number | null;
  readonly select: (neuron: number) => void;
}

/** Singular values over their ranks, as shares of the largest. */
export function SpectrumChart(
  { layer: { name, singularValues, nearKernel }, neuron, select }: SpectrumChartProps,
) {
  const rank = singularValues.length;
  const [largest = 0] = singularValues;
  const x = (at: number) => rank <= 1 ? 0 : at / (rank - 1) * WIDTH;
  const y = (s: number) => HEIGHT - (largest > 0 ? s / largest : 0) * HEIGHT;
  const points = Array.from(singularValues, (s, at) => `${x(at).toFixed(1)},${y(s).toFixed(1)}`);
  const firstNear = nearKernel.indexOf(1);
  return h(
    "svg",
    {
      class: "chart",
      viewBox: `-4 -4 ${WIDTH + 8} ${HEIGHT + 8}`,
      role: "img",
      "aria-label": `${rank} singular values of ${name}, the largest ${largest.toPrecision(4)}` +
        (firstNear < 0 ? "" : `, near-kernels from neuron ${firstNear} on`),
      onClick: (event: MouseEvent) => {
        const box = (event.currentTarget as SVGElement).getBoundingClientRect();
        const share = (event.clientX - box.left) / box.width;
        select(Math.max(0, Math.min(rank - 1, Math.round(share * (rank - 1)))));
      },
    },
    firstNear < 0
      ? null
      : h("rect", { class: "near", x: x(firstNear), y: 0, width: WIDTH - x(firstNear), height: HEIGHT }),
    h("line", { class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
    rank <= 1
      ? h("circle", { class: "dot", cx: WIDTH / 2, cy: y(largest), r: 3 })
      : h("polyline", { class: "curve", points: points.join(" ") }),
    neuron === null || !(neuron in singularValues)
      ? null
      : h("circle", { class: "chosen", cx: x(neuron), cy: y(singularValues[neuron]!), r: 4.5 }),
  );
}
