/**
 * Bodies that are gone through again and again: `Loop` and `Scan`. They are walked once. What a pass hands on to the next one has no
 * connection of its own: in the body it is what was there before the loop, and something that is lost.
 */

import { type Context, label } from "./context.ts";
import { integersOf, numbersOf } from "./integers.ts";
import { isActivation } from "./movement.ts";
import type { OnnxGraph, OnnxNode } from "./proto.ts";
import { either } from "./selection.ts";
import {
  type Axis,
  axisOf,
  holdsChannels,
  layoutOf,
  positions,
  UNKNOWN_CONSTANT,
  type Value,
} from "./values.ts";

/** `Scan` of the first version reads its inputs otherwise. */
const SCAN_OPSET = 9;

/**
 * The outputs of a `Loop` or a `Scan`.
 *
 * @returns null for other operators, and where the body does not fit them
 */
export function repeatedBody(
  context: Context,
  node: OnnxNode,
  inputs: readonly (Value | null)[],
): readonly Value[] | null {
  const body = node.attributes.get("body")?.graph;
  if (body === undefined) return null;
  if (node.op === "Loop") return loop(context, node, inputs, body);
  return node.op === "Scan" && context.opset >= SCAN_OPSET ? scan(context, node, inputs, body) : null;
}

function loop(
  context: Context,
  node: OnnxNode,
  inputs: readonly (Value | null)[],
  body: OnnxGraph,
): readonly Value[] | null {
  const states = inputs.slice(2);
  if (inputs.length < 2 || body.inputs.size !== inputs.length || body.outputs.length <= states.length) {
    return null;
  }
  const [, ...results] = body.outputs;
  const within = carried(context, node, states, [...body.inputs.keys()].slice(2), results, body);
  const [, ...made] = context.body(body, [context.input([]), context.input([]), ...within]);
  const surely = isPassed(inputs[0], inputs[1]);
  return node.outputs.map((_, at) => {
    const value = made[at] ?? UNKNOWN_CONSTANT;
    if (at >= states.length) return stacked(context, value, 0);
    return surely ? value : after(context, node, states[at] ?? null, value);
  });
}

/** Whether a loop has one pass at least. What is not given is no limit, and a length that is a symbol is one of something that is there. */
function isPassed(count: Value | null | undefined, condition: Value | null | undefined): boolean {
  const [most] = integersOf(count) ?? [];
  const counts = count == null || typeof most === "string" || Number(most ?? 0) >= 1;
  return counts && (condition == null || Number(numbersOf(condition)?.[0] ?? 0) !== 0);
}

function scan(
  context: Context,
  node: OnnxNode,
  inputs: readonly (Value | null)[],
  body: OnnxGraph,
): readonly Value[] | null {
  const { attributes } = node;
  const count = inputs.length - (attributes.get("num_scan_inputs")?.i ?? 0);
  if (
    count < 0 || count >= inputs.length || body.inputs.size !== inputs.length || body.outputs.length < count
  ) {
    return null;
  }
  const states = inputs.slice(0, count);
  const within = carried(context, node, states, [...body.inputs.keys()], body.outputs, body);
  const slices = inputs.slice(count).map((value, at) =>
    place(context, node, value, attributes.get("scan_input_axes")?.ints[at] ?? 0)
  );
  const made = context.body(body, [...within, ...slices]);
  return node.outputs.map((_, at) => {
    const value = made[at] ?? UNKNOWN_CONSTANT;
    return at < count
      ? value
      : stacked(context, value, attributes.get("scan_output_axes")?.ints[at - count] ?? 0);
  });
}

/** What the body reads of values that passes hand on: those that come out as they went in are what they were. */
function carried(
  context: Context,
  node: OnnxNode,
  states: readonly (Value | null)[],
  names: readonly string[],
  results: readonly string[],
  body: OnnxGraph,
): Value[] {
  // What a value is a copy of. Nodes stand behind those that they read.
  const origins = new Map<string | undefined, string | undefined>();
  for (const { op, inputs: [input], outputs: [output] } of body.nodes) {
    if (op === "Identity") origins.set(output, origins.get(input) ?? input);
  }
  return states.map((state, at): Value => {
    const result = results[at];
    if (state !== null && (origins.get(result) ?? result) === names[at]) return state;
    const shape = state?.kind === "activation"
      ? state.axes
      : state?.shape?.map((extent): Axis => positions(extent)) ?? null;
    const former = context.stop(node, [], "what its last pass has left", shape);
    return isActivation(state) && state.nature === "channels"
      ? either(context, [state, former], state.axes)
      : former;
  });
}

/** One place along an axis of what is scanned. */
function place(context: Context, node: OnnxNode, value: Value | null, given: number): Value {
  if (!isActivation(value)) {
    const shape = value?.shape ?? null;
    const axis = axisOf(given, shape?.length ?? 0);
    return { ...UNKNOWN_CONSTANT, shape: axis === null ? null : shape!.filter((_, at) => at !== axis) };
  }
  const { axes } = value;
  const axis = axisOf(given, axes?.length ?? 0);
  if (axes === null || axis === null) {
    return value.nature === "input"
      ? { ...value, axes: null }
      : context.stop(node, [value], "scans an axis that is not known");
  }
  if (holdsChannels(axes[axis]!)) return context.stop(node, [value], "scans its input channel by channel");
  return { ...value, axes: axes.filter((_, at) => at !== axis) };
}

/** What all passes have made, along an axis of its own. */
function stacked(context: Context, value: Value, given: number): Value {
  if (!isActivation(value)) return UNKNOWN_CONSTANT;
  const kept = context.keep(value);
  const axis = axisOf(given, (kept.axes?.length ?? -1) + 1);
  const axes = axis === null ? null : kept.axes!.toSpliced(axis, 0, positions(context.symbol()));
  return { ...kept, root: kept.signal, axes };
}

/** What is there behind a loop that may not have had a pass. */
function after(context: Context, node: OnnxNode, before: Value | null, made: Value): Value {
  if (!isActivation(before) || !isActivation(made) || before.signal === made.signal) return made;
  if (before.nature !== "channels" || made.nature !== "channels") return made;
  const alike = before.axes !== null && made.axes !== null && layoutOf(before.axes) === layoutOf(made.axes);
  return alike
    ? either(context, [before, made], made.axes)
    : context.stop(node, [before, made], `channels lie differently before and after ${label(node)}`);
}
