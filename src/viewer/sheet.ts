/** A picture as a file: its head, and below it what is drawn. */

import { drawHead, type Head } from "./head.ts";
import { label } from "./label.ts";
import { INK, PAPER } from "./palette.ts";
import { type SvgDocument, type SvgElement, svgText } from "./svg.ts";

/** What is drawn, with its size in pixels. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly elements: readonly SvgElement[];
}

/**
 * The text of an SVG file.
 *
 * @param name what a screen reader says first
 * @param bare whether the head is not drawn; its lines are the description then
 */
export function sheetText(
  svg: SvgDocument,
  name: string,
  head: Head,
  bare: boolean,
  drawing: Drawing,
): string {
  const { width, height, elements } = drawing;
  const above = bare ? { elements: [], height: 0 } : drawHead(svg, head, width);
  const total = Math.round(above.height + height);
  return svgText(svg.element(
    "svg",
    {
      width,
      height: total,
      viewBox: `0 0 ${width} ${total}`,
      "font-family": "system-ui, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif",
      "font-size": 10,
      "text-anchor": "middle",
      fill: INK,
      role: "img",
    },
    svg.element("title", {}, label(name, 12, 1200)),
    ...bare ? [svg.element("desc", {}, head.lines.join("\n"))] : [],
    svg.element("rect", { width, height: total, fill: PAPER }),
    ...above.elements,
    svg.element("g", { transform: `translate(0,${above.height})` }, ...elements),
  ));
}
