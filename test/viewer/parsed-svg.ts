/** A drawn picture, to ask for its elements. */

import { DOMParser } from "linkedom";

/** An element and what lies below it. */
export interface Parsed {
  readonly text: string;
  /** Empty where there is none. */
  attribute(name: string): string;
  /** By a selector of CSS, in document order. */
  all(selector: string): readonly Parsed[];
}

interface Node {
  readonly textContent: string | null;
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): Iterable<Node>;
}

/** The elements of an SVG. */
export function parsed(svg: string): Parsed {
  return wrapped(new DOMParser().parseFromString(svg, "image/svg+xml").documentElement);
}

function wrapped(node: Node): Parsed {
  return {
    text: node.textContent ?? "",
    attribute: (name) => node.getAttribute(name) ?? "",
    all: (selector) => [...node.querySelectorAll(selector)].map(wrapped),
  };
}
