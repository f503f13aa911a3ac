/** Where layers and neurons lie, and which neuron is at a point. */

import type { ViewedLayer } from "../protocol.ts";
import type { SCALES } from "../address.ts";
import type { Size } from "./size.ts";

/** Neurons of all layers, one behind another; places in [0, 1], upwards. */
export interface Scene {
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** Index of a layer's first neuron; one more entry than layers. */
  readonly first: Uint32Array;
}

/** What part of the scene is seen: a point `p` of the scene is at `scale * p + offset` of the canvas's width or height. */
export interface Camera {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

/** All of the scene. */
export const WHOLE: Camera = { scale: 1, x: 0, y: 0 };

/** Singular values this much smaller than the largest are at the bottom of a logarithmic axis. */
const LEAST = 1e-6;

/** Lays out a model: layers across in their order, singular values up. */
export function sceneOf(layers: readonly ViewedLayer[], scale: typeof SCALES[number]): Scene {
  const first = new Uint32Array(layers.length + 1);
  for (const [at, { singularValues }] of layers.entries()) first[at + 1] = first[at]! + singularValues.length;
  const [x, y] = [new Float32Array(first[layers.length]!), new Float32Array(first[layers.length]!)];
  const largest = layers.reduce((most, { singularValues: [s = 0] }) => Math.max(most, s), 0);
  for (const [at, { singularValues }] of layers.entries()) {
    const reference = scale === "relative" ? singularValues[0] ?? 0 : largest;
    for (const [neuron, s] of singularValues.entries()) {
      const share = reference > 0 ? s / reference : 0;
      x[first[at]! + neuron] = layers.length === 1 ? 0.5 : at / (layers.length - 1);
      y[first[at]! + neuron] = scale === "log"
        ? 1 - Math.log(Math.max(share, LEAST)) / Math.log(LEAST)
        : share;
    }
  }
  return { x, y, first };
}

/** Pixels around the scene, where letters are small. */
export const MARGIN = { left: 36, right: 72, top: 24, bottom: 64 };

/** Places of the scene on a canvas. */
export class Projection {
  readonly #width: number;
  readonly #height: number;
  readonly #left: number;
  readonly #top: number;
  readonly #camera: Camera;

  constructor({ width, height, unit }: Pick<Size, "width" | "height" | "unit">, camera: Camera) {
    this.#width = Math.max(1, width - unit * (MARGIN.left + MARGIN.right));
    this.#height = Math.max(1, height - unit * (MARGIN.top + MARGIN.bottom));
    this.#left = unit * MARGIN.left;
    this.#top = unit * MARGIN.top;
    this.#camera = camera;
  }

  x(share: number): number {
    return this.#left + (share * this.#camera.scale + this.#camera.x) * this.#width;
  }

  y(share: number): number {
    return this.#top + ((1 - share) * this.#camera.scale + this.#camera.y) * this.#height;
  }

  /** The camera after zooming by a factor around a point of the canvas. */
  zoomed(factor: number, x: number, y: number): Camera {
    const { scale, x: left, y: top } = this.#camera;
    const next = Math.min(200, Math.max(1, scale * factor));
    const kept = (at: number, offset: number) => at - (at - offset) * next / scale;
    return bounded({
      scale: next,
      x: kept((x - this.#left) / this.#width, left),
      y: kept((y - this.#top) / this.#height, top),
    });
  }

  /** The camera after moving by so many pixels. */
  moved(dx: number, dy: number): Camera {
    const { scale, x, y } = this.#camera;
    return bounded({ scale, x: x + dx / this.#width, y: y + dy / this.#height });
  }
}

/** The scene never leaves the canvas. */
function bounded({ scale, x, y }: Camera): Camera {
  const within = (offset: number) => Math.min(0, Math.max(1 - scale, offset));
  return { scale, x: within(x), y: within(y) };
}

/** A neuron by its layer's place and its number. */
export interface NeuronAt {
  readonly layer: number;
  readonly neuron: number;
}

/** The neuron next to a point of the canvas, at most `reach` pixels away; null where none is. */
export function neuronAt(
  { x, y, first }: Scene,
  projection: Projection,
  px: number,
  py: number,
  reach: number,
): NeuronAt | null {
  let [nearest, least] = [-1, reach ** 2];
  for (let at = 0; at < x.length; at++) {
    const distance = (projection.x(x[at]!) - px) ** 2 + (projection.y(y[at]!) - py) ** 2;
    if (distance <= least) [nearest, least] = [at, distance];
  }
  if (nearest < 0) return null;
  let layer = 0;
  while (first[layer + 1]! <= nearest) layer++;
  return { layer, neuron: nearest - first[layer]! };
}
