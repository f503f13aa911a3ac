/** What is known of the values of an ONNX graph while it is walked: constants, and signals with the axes that their channels lie along. */

import type { Signal } from "../../../src/model/operators.ts";
import type { TensorInfo } from "../../../src/model/tensor.ts";

/** An extent: a number, or a symbol of its own for each that is not known. */
export type Size = number | string;

/**
 * A part of an axis. Axes are products of factors, the last one running fastest, so that reshapes and transposes can be followed: they
 * split axes between factors, merge them and move them.
 */
export interface Factor {
  readonly size: Size;
  /** How far apart in the signal's channels neighbours along this factor are; null where it counts positions. */
  readonly step: number | null;
  /** Whether it counts the examples of a batch. */
  readonly batch?: boolean;
}

/** No factor: the axis has one place. */
export type Axis = readonly Factor[];

/** The result of an operator on activations. */
export interface Activation {
  readonly kind: "activation";
  readonly signal: Signal;
  /** What it is an element-wise function of. */
  readonly root: number;
  /** Null where nothing is known of its shape. */
  readonly axes: readonly Axis[] | null;
  /** Number of channels; null where there are none that a layer made. */
  readonly width: number | null;
  /** `input`: of the network's input, no layer's. `statistic`: one number per position, made of all channels of the root. */
  readonly nature: "channels" | "input" | "statistic" | "lost";
  /** Whether it was just divided by a statistic of itself: a gain may follow. */
  readonly normalized: boolean;
  /** The signal of which it is some of the channels. */
  readonly partOf?: Signal;
  /** The root whose positions were averaged to make it. */
  readonly pooled?: number;
}

/** A constant tensor with its axes moved, or some of its rows. */
export interface View {
  readonly tensor: TensorInfo;
  /** For each axis the tensor's own; null for one of extent 1 that was put in. */
  readonly axes: readonly (number | null)[];
  /** Which indices along one axis are taken, as ranges `[start, length)` in order. */
  readonly taken?: { readonly axis: number; readonly ranges: readonly (readonly [number, number])[] };
}

/** Integers, some of which may be symbols, or not known. Row-major. */
export interface Integers {
  readonly shape: readonly number[];
  readonly data: readonly (Size | null)[];
}

/** A value that does not depend on the network's input but for its shape. */
export interface Constant {
  readonly kind: "constant";
  readonly shape: readonly number[] | null;
  /** Where it is a stored tensor, or several along a first axis. */
  readonly views: readonly View[];
  readonly integers: Integers | null;
}

/** Any value. */
export type Value = Activation | Constant;

/** A constant of which nothing is known. */
export const UNKNOWN_CONSTANT: Constant = { kind: "constant", shape: null, views: [], integers: null };

/** The one view of a constant, where it has one. */
export function viewOf(value: Value | null | undefined): View | null {
  return value?.kind === "constant" && value.views.length === 1 ? value.views[0]! : null;
}

/** The extent of an axis; null where it is a product of what is not known. */
export function sizeOf(axis: Axis): Size | null {
  const [first] = axis;
  if (axis.length === 1) return first!.size;
  let size = 1;
  for (const factor of axis) {
    if (typeof factor.size === "string") return null;
    size *= factor.size;
  }
  return size;
}

/** A factor that counts positions; none for one position. */
export function positions(size: Size): Axis {
  return size === 1 ? [] : [{ size, step: null }];
}

/** All channels of a signal, in order. */
export function channels(width: number): Axis {
  return width === 1 ? [] : [{ size: width, step: 1 }];
}

/** Factors side by side; neighbours that are one axis taken apart become one again. */
export function merged(factors: Axis): Axis {
  const out: Factor[] = [];
  for (const factor of factors) {
    const last = out.at(-1);
    if (factor.size === 1) continue;
    if (
      last !== undefined && last.step !== null && factor.step !== null && typeof last.size === "number" &&
      typeof factor.size === "number" && last.step === factor.step * factor.size
    ) out[out.length - 1] = { size: last.size * factor.size, step: factor.step };
    else out.push(factor);
  }
  return out;
}

/** Whether an axis holds channels. */
export function holdsChannels(axis: Axis): boolean {
  return axis.some(({ step }) => step !== null);
}

/** The axes that hold channels. */
export function channelAxes(axes: readonly Axis[]): number[] {
  return axes.flatMap((axis, at) => holdsChannels(axis) ? [at] : []);
}

/** How axes are made up, for comparing: channels exactly, positions by their numbers only. */
export function layoutOf(axes: readonly Axis[]): string {
  return axes.map((axis) => {
    const parts: string[] = [];
    let run: Size[] = [];
    const flush = () => {
      const number = run.reduce<number>(
        (product, size) => typeof size === "number" ? product * size : product,
        1,
      );
      if (run.length > 0) parts.push(`p${number}${run.filter((size) => typeof size === "string").join()}`);
      run = [];
    };
    for (const { size, step } of axis) {
      if (step === null) run.push(size);
      else {
        flush();
        parts.push(`c${size}/${step}`);
      }
    }
    flush();
    return parts.join("*");
  }).join(" ");
}

/**
 * The axis of so many that an index means, which may count from the end.
 *
 * @returns null where there is no such axis
 */
export function axisOf(index: number | undefined, rank: number): number | null {
  if (index === undefined || !Number.isInteger(index)) return null;
  const axis = index < 0 ? index + rank : index;
  return axis >= 0 && axis < rank ? axis : null;
}
