/** SVG without a browser: a document, elements, and the text in the end. */

import { DOMParser } from "linkedom";

/** Whatever may be put among the attributes. */
export type Attributes = Readonly<Record<string, string | number>>;

/** An SVG element: the part of the DOM that we use. */
export interface SvgElement {
  readonly outerHTML: string;
  readonly children: Iterable<SvgElement>;
  getAttribute(name: string): string | null;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
  remove(): void;
  append(...nodes: (SvgElement | string)[]): void;
  prepend(...nodes: (SvgElement | string)[]): void;
  querySelectorAll(selector: string): Iterable<SvgElement>;
}

/** Makes elements of one document. */
export interface SvgDocument {
  /** What libraries ask for when they ask for a `Document`. */
  readonly document: object;
  element(name: string, attributes: Attributes, ...children: readonly (SvgElement | string)[]): SvgElement;
}

const NAMESPACE = "http://www.w3.org/2000/svg";

/** A new document. */
export function svgDocument(): SvgDocument {
  // A document of XML: one of HTML would not escape every attribute.
  const document = new DOMParser().parseFromString(`<svg xmlns="${NAMESPACE}"/>`, "image/svg+xml");
  return {
    document,
    element(name, attributes, ...children) {
      const element = document.createElementNS(NAMESPACE, name, {}) as unknown as SvgElement;
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
      element.append(...children);
      return element;
    },
  };
}

/** Attributes that hold coordinates. Offsets in `em` are none. */
const COORDINATES = ["d", "transform", "cx", "cy", "x", "y", "x1", "x2", "y1", "y2"] as const;

/** The text of an element, its coordinates rounded to a tenth of a pixel. */
export function svgText(svg: SvgElement): string {
  svg.setAttribute("xmlns", NAMESPACE);
  for (const element of svg.querySelectorAll("*")) {
    for (const name of COORDINATES) {
      const value = element.getAttribute(name);
      if (value !== null && !value.endsWith("em")) element.setAttribute(name, rounded(value));
    }
  }
  return `${svg.outerHTML.replaceAll(" />", "/>")}\n`;
}

function rounded(coordinates: string): string {
  return coordinates.replaceAll(/-?\d+(?:\.\d+)?(?:e[-+]?\d+)?/g, (number) => tenths(Number(number)));
}

/** A number of pixels as text, rounded to tenths. */
export function tenths(value: number): string {
  const rounded = Math.round(value * 10) / 10;
  return String(rounded === 0 ? 0 : rounded);
}
