/** LSTM, GRU and plain recurrent layers: an input matrix and a hidden matrix per direction, the state as what comes out. */

import { type Context, type Handler, type Handlers, label } from "./context.ts";
import { isActivation } from "./movement.ts";
import type { OnnxNode } from "./proto.ts";
import { type Activation, type Axis, channels, positions, type Value, type View } from "./values.ts";

/** Gates, and which of them is the candidate that the state carries: `iofc`, `zrh`, the only one. */
const CELLS: ReadonlyMap<string, { readonly gates: number; readonly candidate: number }> = new Map([
  ["LSTM", { gates: 4, candidate: 3 }],
  ["GRU", { gates: 3, candidate: 2 }],
  ["RNN", { gates: 1, candidate: 0 }],
]);

/** One direction of a weight: a matrix within its tensor. */
interface Direction {
  readonly view: View;
  readonly leading: readonly number[];
  readonly layout: "out-in" | "in-out";
  /** Of a gate's rows, where they are in the tensor; null where they are apart. */
  rows(from: number, length: number): number | null;
}

/** The directions of a weight of shape `[directions, rows, columns]`; null where they are no stored matrices. */
function directionsOf(value: Value | null | undefined, count: number): readonly Direction[] | null {
  if (value?.kind !== "constant" || value.shape?.length !== 3 || value.shape[0] !== count) return null;
  const { views } = value;
  const out = Array.from({ length: count }, (_, direction): Direction | null => {
    const view = views.length === 1 ? views[0]! : views[direction];
    if (view === undefined) return null;
    const { shape } = view.tensor;
    const [first, row, column] = view.axes;
    const rank = shape.length;
    const straight = row === rank - 2 && column === rank - 1;
    if (!straight && !(row === rank - 1 && column === rank - 2) || (first ?? 0) !== 0) return null;
    if (first === null ? rank !== 2 || views.length === 1 && count !== 1 : rank !== 3) return null;
    const { taken } = view;
    if (taken !== undefined && taken.axis !== 1) return null;
    return {
      view,
      leading: first === null ? [] : [direction],
      layout: straight ? "out-in" : "in-out",
      rows: (from, length) => taken === undefined ? from : within(taken.ranges, from, length),
    };
  });
  return out.includes(null) ? null : out as Direction[];
}

/** Where rows `[from, from + length)` of ranges put side by side are, if they are together. */
function within(ranges: readonly (readonly [number, number])[], from: number, length: number): number | null {
  let before = 0;
  for (const [start, count] of ranges) {
    if (from >= before && from + length <= before + count) return start + from - before;
    before += count;
  }
  return null;
}

const recurrent: Handler = (context, node, inputs) => {
  const [value, w, r] = inputs;
  const lose = (why: string) => {
    for (const each of [w, r]) {
      if (each?.kind !== "constant") continue;
      const role = `a weight of ${label(node)}, which is not followed: ${why}`;
      context.network.role(role, ...each.views.map(({ tensor }) => tensor.name));
    }
    const lost = context.stop(node, inputs, why);
    return node.outputs.map(() => lost);
  };
  const cell = CELLS.get(node.op)!;
  const both = node.attributes.get("direction")?.s === "bidirectional";
  const count = both ? 2 : 1;
  const [input, hidden] = [directionsOf(w, count), directionsOf(r, count)];
  const width = r?.kind === "constant" ? r.shape?.[2] : undefined;
  if (!isActivation(value) || input === null || hidden === null || width === undefined) {
    return lose("its weights are no stored matrices, or its input is one");
  }
  if ([w, r].some((each) => each?.kind !== "constant" || each.shape?.[1] !== cell.gates * width)) {
    return lose(`its weights do not have ${cell.gates} gates of ${width} rows`);
  }
  const signal = context.reading(
    node,
    value,
    node.attributes.get("layout")?.i === 1 ? 2 : (value.axes?.length ?? 3) - 1,
  );
  const states: Activation[] = [];
  for (let d = 0; d < count; d++) {
    const state = one(
      context,
      node,
      signal,
      input[d]!,
      hidden[d]!,
      cell.candidate * width,
      width,
      both ? `.${d}` : "",
    );
    if (typeof state === "string") return lose(state);
    states.push(state);
  }
  return outputs(context, node, value, states, width);
};

/** One direction. @returns its state, or why there is none */
function one(
  context: Context,
  node: OnnxNode,
  input: number,
  w: Direction,
  r: Direction,
  from: number,
  length: number,
  suffix: string,
): Activation | string {
  const [candidate, same] = [w.rows(from, length), r.rows(from, length)];
  if (candidate === null || candidate !== same) return "the rows of its candidate gate are apart";
  const inputLayer = context.layer(node, w.view.tensor, {
    kind: "recurrent",
    leading: w.leading,
    ...w.layout === "in-out" ? { layout: w.layout } : {},
    suffix: `.W${suffix}`,
  });
  if (typeof inputLayer === "string") return inputLayer;
  const hiddenLayer = context.layer(node, r.view.tensor, {
    kind: "recurrent",
    leading: r.leading,
    ...r.layout === "in-out" ? { layout: r.layout } : {},
    suffix: `.R${suffix}`,
  });
  if (typeof hiddenLayer === "string") return hiddenLayer;
  if (
    Math.min(...[inputLayer, hiddenLayer].map((each) => context.network.layers[each]!.outChannels)) <
      candidate + length
  ) {
    return "its candidate gate is not within its weights";
  }
  return context.emit(
    { op: "cell", input, inputLayer, hiddenLayer, candidate: { from: candidate, length } },
    [],
    length,
  );
}

/** All states `[sequence, directions, examples, channels]`, the last `[directions, examples, channels]`; and an LSTM's memory. */
function outputs(
  context: Context,
  node: OnnxNode,
  value: Activation,
  states: readonly Activation[],
  width: number,
): readonly Value[] {
  const count = states.length;
  const last = node.attributes.get("layout")?.i === 1;
  const [sequence, examples] = last ? [value.axes?.[1], value.axes?.[0]] : [value.axes?.[0], value.axes?.[1]];
  const plain = (axis: Axis | undefined) =>
    axis?.map((factor) => ({ ...factor, step: null })) ?? positions(context.symbol());
  const [steps, batch] = [plain(sequence), plain(examples)];
  const directions: Axis = count === 2 ? [{ size: 2, step: width }] : [];
  const state = count === 1 ? states[0]! : context.emit(
    { op: "concat", inputs: states.map(({ signal }) => signal) },
    [],
    2 * width,
  );
  const all = last
    ? [batch, steps, directions, channels(width)]
    : [steps, directions, batch, channels(width)];
  const final = last ? [batch, directions, channels(width)] : [directions, batch, channels(width)];
  return [{ ...state, axes: all }, { ...state, axes: final }, { ...state, axes: final }];
}

/** Operators by name. */
export const RECURRENT: Handlers = new Map([...CELLS.keys()].map((op) => [op, recurrent] as const));
