/** The spectrum of a layer at a step, over that of the first step. */

import { h } from "preact";
import { figure } from "../numbers.ts";

const WIDTH = 150;
const HEIGHT = 100;

/** Two spectra, and who hears of a click. */
export interface SpectrumPanelProps {
  readonly name: string;
  readonly pressed: boolean;
  readonly now: Float64Array;
  readonly first: Float64Array;
  readonly choose: () => void;
}

/** Both as curves on one scale. */
export function SpectrumPanel({ name, pressed, now, first, choose }: SpectrumPanelProps) {
  const most = Math.max(now[0] ?? 0, first[0] ?? 0);
  const curve = (values: Float64Array, style: string) =>
    h("polyline", {
      class: style,
      points: Array.from(values, (value, at) =>
        `${(values.length === 1 ? 0 : at / (values.length - 1) * WIDTH).toFixed(1)},` +
        (HEIGHT - (most > 0 ? value / most : 0) * HEIGHT).toFixed(1)).join(" "),
    });
  return h(
    "button",
    { type: "button", class: "panel", "aria-pressed": pressed, onClick: choose },
    h("span", { class: "name" }, h("bdi", null, name)),
    h(
      "svg",
      {
        class: "spectrum",
        viewBox: `-2 -2 ${WIDTH + 4} ${HEIGHT + 4}`,
        width: WIDTH,
        height: HEIGHT,
        role: "img",
        "aria-label": `${now.length} singular values, the largest ${figure(now[0])}; at the first step ${
          figure(first[0])
        }`,
      },
      curve(first, "pale"),
      curve(now, "curve"),
    ),
  );
}
