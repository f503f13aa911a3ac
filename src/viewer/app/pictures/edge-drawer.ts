/** What draws the edges: the canvas, or WebGL2. */

import { useMemo, useState } from "preact/hooks";
import type { Address } from "../address.ts";
import { GlEdges } from "./gl-edges.ts";

/** Edges up to which the canvas is quicker than what WebGL2 has to load. */
export const CANVAS_EDGES = 10_000;

/** What draws, and what is said of it. */
export interface EdgeDrawer {
  /** Null where the canvas draws. */
  readonly gl: GlEdges | null;
  /** Null where there is nothing to say. */
  readonly said: string | null;
  /** Another number after the context was lost, and when it is back. */
  readonly changes: number;
}

/** The one of the page, as browsers give few; why there is none, as text; null before it was asked for. */
let opened: GlEdges | string | null = null;
let changed: () => void = () => undefined;

/** Chooses what draws so many edges. */
export function useEdgeDrawer(drawer: Address["drawer"], edges: number): EdgeDrawer {
  const [changes, setChanges] = useState(0);
  changed = () => setChanges((before) => before + 1);
  return useMemo(() => {
    if (drawer === "canvas" || (drawer === "auto" && edges <= CANVAS_EDGES)) {
      return { gl: null, said: null, changes };
    }
    opened ??= GlEdges.open(() => changed());
    const canvas = (why: string) => ({ gl: null, said: `Drawn by the canvas: ${why}.`, changes });
    if (typeof opened === "string") return canvas(opened);
    if (opened.isLost) return canvas("the graphics card has let go of the page, for now");
    if (drawer === "auto" && opened.isSoftware) {
      return canvas(`WebGL2 is without a graphics card here (${opened.name}); "drawn by" can choose it`);
    }
    return { gl: opened, said: `Drawn by WebGL2: ${opened.name}.`, changes };
  }, [drawer, edges <= CANVAS_EDGES, changes]);
}
