/** How an edge runs from neuron to neuron: straight on to the next layer, in an arc above layers that it passes over, below when it goes back. */

/** Where curves may run, in pixels; `y` grows downwards. */
export interface CurveFrame {
  /** Distance between neighbouring layers. */
  readonly pitch: number;
  readonly top: number;
  readonly bottom: number;
}

/** A point in pixels. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The two inner points of a cubic Bezier curve from one neuron to another. */
export function controlPoints(
  { pitch, top, bottom }: CurveFrame,
  from: Point,
  to: Point,
): readonly [Point, Point] {
  const dx = to.x - from.x;
  const span = Math.round(dx / pitch);
  if (span === 1) {
    const middle = from.x + dx / 2;
    return [{ x: middle, y: from.y }, { x: middle, y: to.y }];
  }
  if (span === 0) {
    // Within a layer, or from a neuron to itself: a loop beside the column.
    const apart = Math.abs(to.y - from.y) < 1 ? 14 : 0;
    const x = from.x + Math.min(0.6 * pitch, 44);
    return [{ x, y: from.y - apart }, { x, y: to.y + apart }];
  }
  // The farther it goes the higher it rises, within the frame. Three quarters of the height are reached.
  const rise = Math.min(12 + 8 * Math.abs(span), 0.3 * (bottom - top));
  const y = span > 0
    ? Math.max(top, Math.min(from.y, to.y) - rise)
    : Math.min(bottom, Math.max(from.y, to.y) + rise);
  return [{ x: from.x + dx / 4, y }, { x: to.x - dx / 4, y }];
}

/** What a path is written to: the part of d3's path that we use. */
interface PathContext {
  moveTo(x: number, y: number): void;
  bezierCurveTo(x1: number, y1: number, x2: number, y2: number, x: number, y: number): void;
}

/** The same as a curve of d3-shape, which is asked for two points at a time. */
export function edgeCurve(frame: CurveFrame) {
  return (context: PathContext) => {
    let from: Point | null = null;
    return {
      lineStart: () => void (from = null),
      lineEnd: () => undefined,
      areaStart: () => undefined,
      areaEnd: () => undefined,
      point(x: number, y: number) {
        if (from === null) {
          from = { x, y };
          return context.moveTo(x, y);
        }
        const [first, second] = controlPoints(frame, from, { x, y });
        context.bezierCurveTo(first.x, first.y, second.x, second.y, x, y);
      },
    };
  };
}

/** The middle of such a curve and its direction there, in degrees clockwise from rightwards. */
export function middleOf(frame: CurveFrame, from: Point, to: Point): Point & { readonly angle: number } {
  const [first, second] = controlPoints(frame, from, to);
  const middle = (key: "x" | "y") => (from[key] + 3 * first[key] + 3 * second[key] + to[key]) / 8;
  const slope = (key: "x" | "y") => to[key] + second[key] - first[key] - from[key];
  return { x: middle("x"), y: middle("y"), angle: Math.atan2(slope("y"), slope("x")) * 180 / Math.PI };
}
