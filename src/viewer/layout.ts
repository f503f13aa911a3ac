/** Where things stand: the sizes of a picture, made from the number of its layers and the length of their names. */

import type { PictureData, PictureSettings } from "./picture-data.ts";
import { label, textWidth } from "./label.ts";
import { axisNames } from "./layer-names.ts";

/** Sizes in pixels, and the labels of the layers as they fit. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Edges of the frame. */
  readonly top: number;
  readonly bottom: number;
  /** Room beside the frame. */
  readonly left: number;
  readonly right: number;
  /** Distance between neighbouring layers. */
  readonly pitch: number;
  readonly nodeRadius: number;
  /** Half the length of the tick of a neuron. */
  readonly tickReach: number;
  /** Layers whose name is written below. */
  readonly named: readonly number[];
  readonly names: readonly string[];
  /** The common beginning that names are without; empty where they are whole. */
  readonly without: string;
  /** Degrees; 0 where names stand side by side. */
  readonly rotation: number;
  /** Layers whose index is written. */
  readonly indexed: readonly number[];
  /** Height of the strip that shows how many near-kernels each layer has; 0 where there are none. */
  readonly strip: number;
}

/** Font sizes, in pixels. */
export const FONT = { title: 17, text: 12, small: 10 } as const;

/** Room between the frame and what stands around it. */
const SIDE = { left: 64, right: 28 } as const;
/** Height of the frame itself, and of what stands above and below it: strip of near-kernels, row of indices, caption of the axis. */
const FRAME = 560;
const ABOVE = 26;
const STRIP = 34;
const INDEX = 26;
const CAPTION = 22;
/** Layers stand no closer than a rotated name is high, while the picture is not wider than screens scroll. */
const PITCH = { least: 16, most: 84 } as const;
const WIDEST = 4000;
const NARROWEST = 880;
/** The longest name of a layer that is written whole. */
const LONGEST_NAME = 150;

/** The layout of a model's picture, below its head. */
export function layoutOf({ layers }: PictureData): Layout {
  const number = Math.max(1, layers.length);
  const least = NARROWEST - SIDE.left - SIDE.right;
  const most = WIDEST - SIDE.left - SIDE.right;
  const inner = Math.min(most, Math.max(least, PITCH.least * number, Math.min(1200, PITCH.most * number)));
  const pitch = inner / number;
  const axis = axisNames(layers.map(({ name }) => name));
  const names = layers.map(({ singularValues }, at) =>
    label(axis.names[at]!, FONT.small, LONGEST_NAME, "start") +
    (singularValues.length === 0 ? " (skipped)" : "")
  );
  const widest = names.reduce((most, name) => Math.max(most, textWidth(name, FONT.small)), 0);
  const rotation = widest + 8 <= pitch ? 0 : pitch < 28 ? -90 : -40;
  const strip = layers.some(({ nearKernel }) => nearKernel.includes(1)) ? STRIP : 0;
  // Slanted names reach to the left of their layers.
  const reach = rotation === -40
    ? names.map((name, at) => textWidth(name, FONT.small) * Math.cos(2 * Math.PI / 9) - (at + 0.5) * pitch)
    : [];
  const left = Math.ceil(reach.reduce((most, each) => Math.max(most, each + 10), SIDE.left));
  const below = rotation === 0 ? 14 : Math.ceil(widest * Math.sin(-rotation * Math.PI / 180)) + 12;
  return {
    width: Math.round(inner + left + SIDE.right),
    height: ABOVE + FRAME + strip + INDEX + below + CAPTION,
    top: ABOVE,
    bottom: ABOVE + FRAME,
    left,
    right: SIDE.right,
    pitch,
    nodeRadius: Math.min(3.4, Math.max(1.8, pitch * 0.08)),
    tickReach: Math.min(8, Math.max(1.5, pitch * 0.2)),
    named: every(layers.length, Math.ceil(14 / pitch)),
    names,
    without: label(axis.without, FONT.small, 2 * LONGEST_NAME, "start"),
    rotation,
    indexed: every(layers.length, niceStep(24 / pitch)),
    strip,
  };
}

function every(number: number, step: number): number[] {
  return Array.from({ length: Math.ceil(number / step) }, (_, at) => at * step);
}

/** 1, 2, 5, 10, …: the least that is not below. */
function niceStep(least: number): number {
  for (let power = 1;; power *= 10) {
    for (const factor of [1, 2, 5]) if (factor * power >= least) return factor * power;
  }
}

/** The axis of singular values. */
export interface ValueAxis {
  readonly type: "linear" | "log";
  readonly domain: readonly [number, number];
  /** Smaller values are drawn here. */
  readonly floor: number;
  readonly ticks: readonly number[];
  /** Whether any value lies below the floor. */
  readonly cut: boolean;
}

/** Decades that a logarithmic axis shows: what lies below is rounding, or as good as 0. */
const DECADES = 6;

/** The axis for some spectra. */
export function valueAxis(
  spectra: readonly Float64Array[],
  scale: PictureSettings["scale"],
): ValueAxis {
  let largest = 0;
  let least = Infinity;
  for (const spectrum of spectra) {
    for (const value of spectrum) {
      if (value > largest) largest = value;
      if (value > 0 && value < least) least = value;
    }
  }
  // A model of zeros, or without any spectrum, or so small or large that a tick more would leave the range of numbers.
  if (!(largest > 1e-290 && largest < 1e290)) {
    return { type: "linear", domain: [0, 1], floor: 0, ticks: [0, 1], cut: false };
  }
  if (scale === "linear") {
    const step = linearStep(largest);
    const ticks = Array.from({ length: Math.floor(largest / step * 1.02) + 1 }, (_, at) => at * step);
    return { type: "linear", domain: [0, largest * 1.02], floor: 0, ticks, cut: false };
  }
  const lowest = powerOfTen(Math.floor(Math.log10(largest)) - DECADES + 1);
  const cut = spectra.some((spectrum) => spectrum.some((value) => value < lowest));
  const floor = cut ? lowest : least * 0.85;
  const top = largest * 1.2;
  const factors = top / floor < 1000 ? [1, 2, 5] : [1];
  const ticks = [];
  for (let power = Math.floor(Math.log10(floor)); powerOfTen(power) <= top; power++) {
    ticks.push(...factors.map((factor) => Number(`${factor}e${power}`)));
  }
  return {
    type: "log",
    domain: [floor, top],
    floor,
    ticks: ticks.filter((tick) => tick >= floor && tick <= top),
    cut,
  };
}

/** As JavaScript writes it, which `10 ** power` is not always. */
function powerOfTen(power: number): number {
  return Number(`1e${power}`);
}

function linearStep(largest: number): number {
  const power = 10 ** Math.floor(Math.log10(largest / 6));
  const factor = [1, 2, 5, 10].find((each) => largest / (each * power) <= 10) ?? 10;
  return factor * power;
}
