/** Shapes in an ONNX graph: those that the file declares, and those that operators ask for. */

import type { Context } from "./context.ts";
import { vector } from "./integers.ts";
import { isActivation } from "./movement.ts";
import type { Extent, OnnxNode } from "./proto.ts";
import { type Axis, type Constant, positions, sizeOf, UNKNOWN_CONSTANT, type Value } from "./values.ts";

/** A stored matrix, its last two axes the other way round. */
export function turnedMatrix({ shape, views, ...rest }: Constant): Constant {
  const turn = <T>(axes: readonly T[]) => [...axes.slice(0, -2), ...axes.slice(-2).reverse()];
  return {
    ...rest,
    shape: turn(shape ?? []),
    views: views.map((view) => ({ ...view, axes: turn(view.axes) })),
  };
}

/** The axes of a value of which only the declared shape is known. */
export function axesOfInput(context: Context, shape: readonly Extent[]): readonly Axis[] {
  return shape.map((extent, at): Axis => {
    const known = typeof extent === "number" && extent >= 1;
    const size = known ? extent : typeof extent === "string" && extent !== "" ? extent : context.symbol();
    const [factor] = positions(size);
    return factor === undefined ? [] : at === 0 && shape.length > 1 ? [{ ...factor, batch: true }] : [factor];
  });
}

/** A constant of integers in an attribute of its own; a `value` is a tensor of the table. */
export function constantOf({ attributes }: OnnxNode): Constant {
  const several = attributes.get("value_ints");
  if (several !== undefined) return vector(several.ints);
  const single = attributes.get("value_int") ?? attributes.get("value_float");
  if (single === undefined) return UNKNOWN_CONSTANT;
  const value = attributes.has("value_int") ? single.i : single.f;
  return { kind: "constant", shape: [], views: [], integers: { shape: [], data: [value] } };
}

/** What `Shape` and `Size` give. */
export function shapeOf({ op, attributes }: OnnxNode, value: Value | null | undefined): Constant {
  const extents = value?.kind === "constant" ? value.shape : value?.axes?.map(sizeOf) ?? null;
  if (extents === null) return { ...UNKNOWN_CONSTANT, shape: op === "Size" ? [] : null };
  if (op === "Shape") return vector(extents.slice(attributes.get("start")?.i ?? 0, attributes.get("end")?.i));
  const count = extents.reduce<number>(
    (product, extent) => typeof extent === "number" ? product * extent : NaN,
    1,
  );
  return {
    kind: "constant",
    shape: [],
    views: [],
    integers: { shape: [], data: [Number.isNaN(count) ? null : count] },
  };
}

/** A value with what the exporter knew of its shape, where the walk does not. */
export function shaped(context: Context, value: Value, shape: readonly Extent[] | undefined): Value {
  if (!isActivation(value) || shape === undefined) return value;
  const known = (at: number) => {
    const extent = shape[at];
    return typeof extent === "number" && extent >= 1 ? extent : null;
  };
  if (value.axes === null) {
    const axes = shape.map((_, at): Axis => positions(known(at) ?? context.symbol()));
    return value.nature === "channels" ? value : { ...value, axes };
  }
  if (value.axes.length !== shape.length) return value;
  const axes = value.axes.map((axis, at): Axis => {
    const [factor] = axis;
    const extent = known(at);
    const open = axis.length === 1 && factor!.step === null && typeof factor!.size === "string";
    return open && extent !== null ? (extent === 1 ? [] : [{ ...factor!, size: extent }]) : axis;
  });
  return { ...value, axes };
}
