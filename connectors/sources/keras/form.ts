/** What is known of a value on its way through a Keras model: where its channels are. */

import type { Signal } from "../../../src/model/operators.ts";
import { isObject, type Json, own } from "./config.ts";

/** A value between two layers. */
export interface Form {
  readonly signal: Signal;
  /** Number of axes, the batch's among them; null where it is not known. */
  readonly rank: number | null;
  /** Which axis counts channels: `rank - 1` in Keras's own order, 1 for `channels_first`; null where it is not known. */
  readonly axis: number | null;
  /** Number of channels; null where it is not known. */
  readonly width: number | null;
  /** The value that this is an element-wise function of, by its signal: two of the same may be multiplied. */
  readonly base: Signal;
}

/** An axis as a config says it, negative from the end; null where it cannot be told. */
export function axisOf(value: unknown, rank: number | null): number | null {
  const axis: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (typeof axis !== "number" || !Number.isInteger(axis)) return null;
  if (axis >= 0) return axis;
  return rank === null || rank + axis < 0 ? null : rank + axis;
}

/** Whether an axis of a config is the one that counts channels; null where that cannot be told. */
export function isChannelAxis(value: unknown, { axis, rank }: Form): boolean | null {
  if (value === -1 && axis !== null && rank === null) return null;
  const wanted = axisOf(value, rank);
  return wanted === null || axis === null ? null : wanted === axis;
}

/** Whether a layer takes axis 1 for its channels. */
export function isChannelsFirst(config: Json): boolean {
  // Keras 1 said it of dimensions, after Theano.
  return own(config, "data_format") === "channels_first" || own(config, "dim_ordering") === "th";
}

/** A whole number of a config; null where it is none. */
export function integer(config: Json, ...keys: readonly string[]): number | null {
  for (const key of keys) {
    const value = own(config, key);
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  }
  return null;
}

/** The extents that a config declares, the batch's first; null where it does not. */
export function declaredShape(config: Json): readonly (number | null)[] | null {
  for (const key of ["batch_shape", "batch_input_shape"]) {
    const value = own(config, key);
    if (Array.isArray(value) && value.every((each) => each === null || typeof each === "number")) {
      return value as (number | null)[];
    }
  }
  return null;
}

/** Whether a layer applies a function behind its weights that is not the identity. */
export function hasActivation(config: Json): boolean {
  const activation = own(config, "activation");
  const name = isObject(activation) ? own(activation, "config") ?? own(activation, "class_name") : activation;
  return activation !== undefined && activation !== null && name !== "linear";
}
