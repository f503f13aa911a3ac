/** The coordinate system of a picture: from layers and singular values to pixels. */

import { scale, type ScaleOptions } from "@observablehq/plot";
import type { CurveFrame, Point } from "./edge-curve.ts";
import { type Layout, type ValueAxis, valueAxis } from "./layout.ts";
import type { PictureData, PictureSettings } from "./picture-data.ts";

/** Scales, and the same as functions. */
export interface Frame extends CurveFrame {
  readonly layout: Layout;
  readonly axis: ValueAxis;
  readonly xScale: ScaleOptions;
  readonly yScale: ScaleOptions;
  x(layer: number): number;
  y(singularValue: number): number;
  /** A neuron's singular value, as far as the axis goes. */
  value(layer: number, neuron: number): number;
  /** Where a neuron stands. */
  place(layer: number, neuron: number): Point;
  /** Whether edges pass over layers, or go back or stay within one. */
  readonly bows: boolean;
  readonly returns: boolean;
}

/** Room for arcs above the largest and below the smallest singular value. */
const ARC_ROOM = 46;
/** Where every layer reaches up to 1, arcs have nothing but this. */
const NORMALIZED_ARC_ROOM = 140;
const EDGE_ROOM = 10;

/** The frame of a model's picture. */
export function frameOf(data: PictureData, settings: PictureSettings, layout: Layout): Frame {
  const { sourceLayer, targetLayer, count } = data.edges;
  let bows = false;
  let returns = false;
  for (let at = 0; at < count; at++) {
    const span = targetLayer[at]! - sourceLayer[at]!;
    bows ||= span > 1;
    returns ||= span < 1;
  }
  const axis = valueAxis(data.layers.map(({ singularValues }) => singularValues), settings.scale);
  const xScale: ScaleOptions = {
    type: "linear",
    domain: [-0.5, Math.max(1, data.layers.length) - 0.5],
    range: [layout.left, layout.width - layout.right],
    label: null,
  };
  const yScale: ScaleOptions = {
    type: axis.type,
    domain: [...axis.domain],
    range: [
      layout.bottom - (returns ? ARC_ROOM : EDGE_ROOM),
      layout.top + (!bows ? EDGE_ROOM : settings.normalize === true ? NORMALIZED_ARC_ROOM : ARC_ROOM),
    ],
    clamp: true,
    label: null,
  };
  const across = scale({ x: xScale });
  const up = scale({ y: yScale });
  const x = (layer: number) => Number(across.apply(layer));
  const y = (value: number) => Number(up.apply(Math.max(value, axis.floor)));
  const value = (layer: number, neuron: number) =>
    Math.max(axis.floor, data.layers[layer]?.singularValues[neuron] ?? NaN);
  return {
    layout,
    axis,
    xScale,
    yScale,
    bows,
    returns,
    pitch: layout.pitch,
    top: layout.top + 2,
    bottom: layout.bottom - 2,
    x,
    y,
    value,
    place: (layer, neuron) => ({ x: x(layer), y: y(value(layer, neuron)) }),
  };
}
