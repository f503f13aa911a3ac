/** A small curve: one value a layer, from 0 up to the largest. */

import { h } from "preact";
import { figure } from "../numbers.ts";

const WIDTH = 120;
const HEIGHT = 22;

/** Values in their order; nothing is drawn where there are none. */
export function Sparkline({ title, values }: { readonly title: string; readonly values: readonly number[] }) {
  if (values.length === 0) return h("span", { class: "quiet" }, "–");
  const most = values.reduce((largest, value) => Math.max(largest, value), 0);
  const x = (at: number) => values.length === 1 ? WIDTH / 2 : at / (values.length - 1) * WIDTH;
  const y = (value: number) => HEIGHT - (most > 0 ? value / most : 0) * HEIGHT;
  const points = values.map((value, at) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`);
  return h(
    "svg",
    {
      class: "sparkline",
      viewBox: `-2 -2 ${WIDTH + 4} ${HEIGHT + 4}`,
      width: WIDTH,
      height: HEIGHT,
      role: "img",
      "aria-label": `${title}: ${figure(values[0])} to ${figure(values.at(-1))}, at most ${figure(most)}`,
    },
    values.length === 1
      ? h("circle", { class: "dot", cx: WIDTH / 2, cy: y(values[0]!), r: 2 })
      : h("polyline", { class: "curve", points: points.join(" ") }),
  );
}
