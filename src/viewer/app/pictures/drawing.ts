/** The picture of a model on a canvas. */

import { ending } from "../../label.ts";
import type { Address } from "../address.ts";
import type { EdgeColumns } from "../edges.ts";
import type { NeuronAt, Projection, Scene } from "./scene.ts";
import type { Size } from "./size.ts";
import type { Pen } from "./svg-pen.ts";
import type { Theme } from "./theme.ts";
import type { ViewedLayer } from "../protocol.ts";

/** What is drawn. */
export interface Picture {
  readonly layers: readonly ViewedLayer[];
  readonly scene: Scene;
  /** The weakest first. */
  readonly edges: EdgeColumns | null;
  /** Edges of the selected neuron or connection. */
  readonly selectedEdges: EdgeColumns | null;
  /** Neurons of the dominant connection, in order. */
  readonly chain: readonly NeuronAt[];
  readonly selected: NeuronAt | null;
  /** The class of each edge, from 0, the palest; see `edgeClasses`. */
  readonly classes: Uint8Array;
}

/** Classes of strength: as many as an eye tells apart. */
export const CLASSES = 8;

/** Draws the picture; everything before is gone. @param paintEdges in place of lines of the pen */
export function draw(
  context: Pen,
  picture: Picture,
  projection: Projection,
  { width, height, unit }: Omit<Size, "ratio">,
  theme: Theme,
  paintEdges = (edges: EdgeColumns) => drawEdges(context, picture, edges, projection, theme),
): void {
  context.fillStyle = theme.paper;
  context.fillRect(0, 0, width, height);
  drawAxes(context, picture, projection, height, unit, theme);
  if (picture.edges !== null) paintEdges(picture.edges);
  drawNeurons(context, picture, projection, 3 * unit, theme);
  drawChain(context, picture, projection, theme);
  if (picture.selectedEdges !== null) {
    drawLines(context, picture.scene, picture.selectedEdges, projection, theme.mark, () => true, 1.5);
  }
  if (picture.selected !== null) ring(context, picture.scene, picture.selected, projection, 7, theme.mark);
}

function drawAxes(
  context: Pen,
  { layers, scene }: Picture,
  projection: Projection,
  height: number,
  unit: number,
  theme: Theme,
): void {
  context.strokeStyle = theme.grid;
  context.fillStyle = theme.quiet;
  context.lineWidth = 1;
  context.font = `${11 * unit}px system-ui, sans-serif`;
  let free = -Infinity;
  for (const [at, { name, nearKernel }] of layers.entries()) {
    const share = layers.length === 1 ? 0.5 : at / (layers.length - 1);
    const x = projection.x(share);
    line(context, x, projection.y(0), x, projection.y(1));
    const [firstNear, lastNear] = [nearKernel.indexOf(1), nearKernel.lastIndexOf(1)];
    if (firstNear >= 0) {
      const [top, bottom] = [firstNear, lastNear].map((each) =>
        projection.y(scene.y[scene.first[at]! + each]!)
      );
      context.fillStyle = theme.band;
      context.fillRect(x - 4 * unit, top!, 8 * unit, Math.max(1, bottom! - top!));
      context.fillStyle = theme.quiet;
    }
    if (x < free) continue;
    // Names of layers are texts from a stranger's file: a canvas draws them and reads nothing out of them.
    context.save();
    context.translate(x, height - 52 * unit);
    context.rotate(Math.PI / 5);
    context.fillText(ending(name, 22), 0, 0, 90 * unit);
    context.restore();
    free = x + 18 * unit;
  }
}

function drawEdges(
  context: Pen,
  { scene, classes }: Picture,
  edges: EdgeColumns,
  projection: Projection,
  theme: Theme,
): void {
  for (let each = 0; each < CLASSES; each++) {
    const { style, alpha, width } = strokeOf(each, theme);
    context.globalAlpha = alpha;
    drawLines(context, scene, edges, projection, style, (row) => classes[row] === each, width);
  }
  context.globalAlpha = 1;
}

/** How the edges of a class are drawn. */
export interface Stroke {
  /** A colour of CSS. */
  readonly style: string;
  /** In [0, 1]. */
  readonly alpha: number;
  /** In pixels of the page. */
  readonly width: number;
}

/** The stroke of a class. */
export function strokeOf(each: number, theme: Theme): Stroke {
  const strength = each / (CLASSES - 1);
  return {
    style: `color-mix(in oklab, ${theme.weak}, ${theme.strong} ${Math.round(100 * strength)}%)`,
    alpha: 0.25 + 0.65 * strength,
    width: 0.5 + strength,
  };
}

/** The class of each edge by what the colour says, even steps from the least to the greatest. */
export function edgeClasses(
  { overlap, logP, sourceLayer, targetLayer }: EdgeColumns,
  colour: Address["colour"],
): Uint8Array {
  const value = (row: number) =>
    colour === "overlap"
      ? overlap[row]!
      : colour === "p"
      ? Math.log1p(-logP[row]!)
      : Math.abs(targetLayer[row]! - sourceLayer[row]!);
  let [least, most] = [Infinity, -Infinity];
  for (let row = 0; row < overlap.length; row++) {
    least = Math.min(least, value(row));
    most = Math.max(most, value(row));
  }
  const classes = new Uint8Array(overlap.length);
  for (let row = 0; row < classes.length; row++) {
    const share = most > least ? (value(row) - least) / (most - least) : 1;
    classes[row] = Math.min(CLASSES - 1, Math.floor(share * CLASSES));
  }
  return classes;
}

function drawLines(
  context: Pen,
  { x, y, first }: Scene,
  edges: EdgeColumns,
  projection: Projection,
  style: string,
  wanted: (row: number) => boolean,
  width: number,
): void {
  context.strokeStyle = style;
  context.lineWidth = width;
  context.beginPath();
  for (let row = 0; row < edges.overlap.length; row++) {
    if (!wanted(row)) continue;
    const source = first[edges.sourceLayer[row]!]! + edges.sourceNeuron[row]!;
    const target = first[edges.targetLayer[row]!]! + edges.targetNeuron[row]!;
    context.moveTo(projection.x(x[source]!), projection.y(y[source]!));
    context.lineTo(projection.x(x[target]!), projection.y(y[target]!));
  }
  context.stroke();
}

function drawNeurons(
  context: Pen,
  { layers, scene: { x, y, first } }: Picture,
  projection: Projection,
  side: number,
  theme: Theme,
): void {
  for (const [at, { nearKernel, nullNeuron }] of layers.entries()) {
    for (let neuron = 0; neuron < nearKernel.length; neuron++) {
      const place = first[at]! + neuron;
      context.fillStyle = nullNeuron[neuron] === 1
        ? theme.grid
        : nearKernel[neuron] === 1
        ? theme.quiet
        : theme.ink;
      context.fillRect(projection.x(x[place]!) - side / 2, projection.y(y[place]!) - side / 2, side, side);
    }
  }
}

function drawChain(
  context: Pen,
  { scene: { x, y, first }, chain }: Picture,
  projection: Projection,
  theme: Theme,
): void {
  context.strokeStyle = theme.chain;
  context.lineWidth = 2.5;
  context.beginPath();
  for (const [at, { layer, neuron }] of chain.entries()) {
    const place = first[layer]! + neuron;
    if (at === 0) context.moveTo(projection.x(x[place]!), projection.y(y[place]!));
    else context.lineTo(projection.x(x[place]!), projection.y(y[place]!));
  }
  context.stroke();
}

function ring(
  context: Pen,
  { x, y, first }: Scene,
  { layer, neuron }: NeuronAt,
  projection: Projection,
  radius: number,
  style: string,
): void {
  const place = first[layer]! + neuron;
  context.strokeStyle = style;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(projection.x(x[place]!), projection.y(y[place]!), radius, 0, 2 * Math.PI);
  context.stroke();
}

function line(context: Pen, x: number, y: number, toX: number, toY: number): void {
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(toX, toY);
  context.stroke();
}
