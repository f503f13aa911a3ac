/** The picture of a model that one can move through. */

import { h } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Address } from "../address.ts";
import { draw, edgeClasses, type Picture } from "./drawing.ts";
import { probability } from "../../label.ts";
import { useEdgeDrawer } from "./edge-drawer.ts";
import { type Camera, type NeuronAt, neuronAt, Projection, sceneOf, WHOLE } from "./scene.ts";
import { useSize } from "./size.ts";
import { SvgPen } from "./svg-pen.ts";
import { themeOf, useDark } from "./theme.ts";

/** Pixels within which a neuron is at the pointer. */
const REACH = 9;

/** What is drawn, and who hears of clicks. */
export interface ModelCanvasProps {
  readonly picture: Omit<Picture, "scene" | "classes">;
  readonly scale: Address["scale"];
  readonly colour: Address["colour"];
  readonly drawer: Address["drawer"];
  readonly select: (neuron: NeuronAt | null) => void;
  /** Gets what draws the picture again, as the text of an SVG file. */
  readonly svg: { current: (() => string) | null };
}

/** Layers across, singular values up, the strongest edges on top; wheel and drag zoom and move, arrow keys go from neuron to neuron. */
export function ModelCanvas({ picture, scale, colour, drawer, select, svg }: ModelCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const stage = useRef<HTMLDivElement>(null);
  const size = useSize(stage, 800, 500);
  const [camera, setCamera] = useState<Camera>(WHOLE);
  const [hovered, setHovered] = useState<NeuronAt | null>(null);
  const isDark = useDark();
  const dragged = useRef<{ x: number; y: number; moved: boolean } | null>(null);
  const { layers, selected, edges } = picture;
  const scene = useMemo(() => sceneOf(layers, scale), [layers, scale]);
  const classes = useMemo(
    () => edges === null ? new Uint8Array() : edgeClasses(edges, colour),
    [edges, colour],
  );
  const { gl, said, changes } = useEdgeDrawer(drawer, edges?.overlap.length ?? 0);
  const projection = new Projection(size, camera);

  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d") ?? null;
    if (element === null || context === null) return;
    svg.current = () => {
      const pen = new SvgPen(size.width, size.height);
      draw(pen, { ...picture, scene, classes }, projection, size, themeOf(element));
      return pen.text();
    };
    const frame = requestAnimationFrame(() => {
      context.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
      const theme = themeOf(element);
      const whole = { ...picture, scene, classes };
      const paintEdges = gl === null ? undefined : () => {
        gl.draw(whole, projection, size, theme);
        context.drawImage(gl.canvas, 0, 0, size.width, size.height);
      };
      draw(context, whole, projection, size, theme, paintEdges);
    });
    return () => cancelAnimationFrame(frame);
  }, [picture, scene, classes, size, camera, isDark, gl, changes]);

  const placeOf = (event: MouseEvent) => [event.offsetX, event.offsetY] as const;
  const at = (event: MouseEvent) => neuronAt(scene, projection, ...placeOf(event), REACH * size.unit);
  const zoom = (factor: number) => setCamera(projection.zoomed(factor, size.width / 2, size.height / 2));

  const ringAt = ({ layer, neuron }: NeuronAt) => {
    const place = scene.first[layer]! + neuron;
    return {
      left: `${projection.x(scene.x[place]!)}px`,
      top: `${projection.y(scene.y[place]!)}px`,
    };
  };

  return h(
    "div",
    { class: "stage", ref: stage },
    h("canvas", {
      ref: canvas,
      tabIndex: 0,
      role: "application",
      "aria-label": `${layers.length} layers across, singular values up. ` +
        "Arrow keys go from neuron to neuron, plus and minus zoom, Escape lets go.",
      width: Math.round(size.width * size.ratio),
      height: Math.round(size.height * size.ratio),
      style: { width: `${size.width}px`, height: `${size.height}px` },
      onPointerDown: (event: PointerEvent) => {
        if (event.button !== 0) return;
        dragged.current = { x: event.clientX, y: event.clientY, moved: false };
        canvas.current?.setPointerCapture(event.pointerId);
      },
      onPointerMove: (event: PointerEvent) => {
        const from = dragged.current;
        if (from === null) {
          const next = at(event);
          return setHovered((last) =>
            last?.layer === next?.layer && last?.neuron === next?.neuron ? last : next
          );
        }
        const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
        if (!from.moved && Math.hypot(dx, dy) < 4) return;
        dragged.current = { x: event.clientX, y: event.clientY, moved: true };
        setCamera(projection.moved(dx, dy));
      },
      onPointerUp: (event: PointerEvent) => {
        if (dragged.current?.moved === false) select(at(event));
        dragged.current = null;
      },
      // A gesture of the system takes the pointer away and lets it up nowhere.
      onPointerCancel: () => {
        dragged.current = null;
      },
      onPointerLeave: () => setHovered(null),
      onWheel: (event: WheelEvent) => {
        event.preventDefault();
        setCamera(projection.zoomed(Math.exp(-event.deltaY / 400), ...placeOf(event)));
      },
      onKeyDown: (event: KeyboardEvent) => {
        const next = neighbour(
          layers.map(({ singularValues }) => singularValues.length),
          selected,
          event.key,
        );
        if (next !== undefined) select(next);
        else if (event.key === "+" || event.key === "=") zoom(1.5);
        else if (event.key === "-") zoom(1 / 1.5);
        else if (event.key === "0") setCamera(WHOLE);
        else return;
        event.preventDefault();
      },
    }),
    h(
      "div",
      { class: "zoom", role: "group", "aria-label": "Zoom" },
      h("button", { type: "button", onClick: () => zoom(1.5), "aria-label": "Zoom in" }, "+"),
      h("button", { type: "button", onClick: () => zoom(1 / 1.5), "aria-label": "Zoom out" }, "−"),
      h("button", { type: "button", onClick: () => setCamera(WHOLE) }, "all"),
    ),
    said === null ? null : h("p", { class: "drawer quiet", role: "status" }, said),
    // Not on the canvas, which would have to be drawn anew with every neuron that the pointer passes.
    hovered === null ? null : h("div", { class: "ring", style: ringAt(hovered) }),
    hovered === null ? null : h("output", { class: "hover" }, words(picture, hovered)),
  );
}

/** The next neuron by an arrow key; null lets go; undefined where the key means nothing. */
function neighbour(
  ranks: readonly number[],
  selected: NeuronAt | null,
  key: string,
): NeuronAt | null | undefined {
  if (key === "Escape") return null;
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  if (step === undefined) return undefined;
  const inhabited = ranks.flatMap((rank, at) => rank > 0 ? [at] : []);
  if (inhabited.length === 0) return undefined;
  if (selected === null) return { layer: inhabited[0]!, neuron: 0 };
  const [across = 0, down = 0] = step;
  const place = Math.max(0, inhabited.indexOf(selected.layer));
  const layer = inhabited[Math.min(inhabited.length - 1, Math.max(0, place + across))]!;
  return { layer, neuron: Math.min(ranks[layer]! - 1, Math.max(0, selected.neuron + down)) };
}

function words({ layers, edges }: ModelCanvasProps["picture"], { layer, neuron }: NeuronAt): string {
  const { name, singularValues } = layers[layer]!;
  const parts = [
    `${name}, neuron ${neuron}`,
    `singular value ${Number(singularValues[neuron]!.toPrecision(4))}`,
  ];
  let best = -1;
  for (let row = (edges?.overlap.length ?? 0) - 1; row >= 0 && edges !== null && best < 0; row--) {
    const ends = edges.sourceLayer[row] === layer && edges.sourceNeuron[row] === neuron ||
      edges.targetLayer[row] === layer && edges.targetNeuron[row] === neuron;
    if (ends) best = row;
  }
  if (best >= 0) {
    parts.push(
      `strongest edge drawn: overlap ${edges!.overlap[best]!.toFixed(3)}, p ${
        probability(edges!.logP[best]!)
      }`,
    );
  }
  return parts.join(" · ");
}
