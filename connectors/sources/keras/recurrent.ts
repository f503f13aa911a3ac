/** Recurrent layers, and layers that hold another one. */

import { isObject, type KerasLayer, own, parseLayer } from "./keras-config.ts";
import { KerasContext, type Rule } from "./keras-context.ts";
import { type Form, isChannelsFirst } from "./keras-form.ts";
import { concatenate, sum } from "./keras-merge.ts";

/** Gates, and which of them is the candidate: an LSTM's are i f c o, a GRU's z r h. */
interface Gates {
  readonly count: number;
  readonly candidate: number;
}

const LSTM: Gates = { count: 4, candidate: 2 };
const GRU: Gates = { count: 3, candidate: 2 };
const PLAIN: Gates = { count: 1, candidate: 0 };

/** Cells by class, alone or in a layer of their own. */
const CELLS: ReadonlyMap<string, Gates> = new Map([
  ["LSTMCell", LSTM],
  ["GRUCell", GRU],
  ["SimpleRNNCell", PLAIN],
]);

function cell(gates: Gates): Rule {
  return (context, [input, state]) => {
    const inCell = { ...context.place, group: `${context.place.group}/cell` };
    const found = context.walk.weights.find(inCell, ["kernel", "recurrent_kernel", "bias"]);
    const [kernel, recurrent] = [found.get("kernel"), found.get("recurrent_kernel")];
    if (input === undefined || kernel === undefined || recurrent === undefined) {
      return context.stop([], "the file holds no kernel and recurrent_kernel of it");
    }
    const unreadable = kernel.unreadable ?? recurrent.unreadable;
    if (unreadable !== undefined) return context.stop([input], unreadable);
    // `[in, gates]`, or `[...k, in, gates]` where the cell convolves.
    const options = {
      layout: kernel.shape.length > 2 ? "kernel-in-out" : "in-out",
      kind: "recurrent",
    } as const;
    const width = (kernel.shape.at(-1) ?? 0) / gates.count;
    if (!Number.isInteger(width) || kernel.shape.includes(0) || recurrent.shape.includes(0)) {
      return context.stop([input], `${kernel.shape.at(-1)} outputs for ${gates.count} gates`);
    }
    const inputLayer = context.draft(`${context.name}/kernel`, kernel, options);
    const hiddenLayer = context.draft(`${context.name}/recurrent_kernel`, recurrent, options);
    const candidate = { from: gates.candidate * width, length: width };
    const signal = context.add({ op: "cell", input: input.signal, inputLayer, hiddenLayer, candidate });
    // A state that another layer hands over is read as the cell's own.
    if (state !== undefined) context.add({ op: "layer", layer: hiddenLayer, input: state.signal });
    return outputs(context, { ...input, width, signal, base: signal }, kernel.shape.length);
  };
}

function outputs(context: KerasContext, made: Form, axes: number): readonly Form[] {
  const { config } = context;
  const sequences = own(config, "return_sequences") === true;
  // A convolving cell reads a sequence of maps.
  const rank = (axes === 2 ? 2 : axes) + (sequences ? 1 : 0);
  const axis = isChannelsFirst(config) && axes > 2 ? (sequences ? 2 : 1) : rank - 1;
  const output = { ...made, rank, axis };
  const state = { ...made, rank: axes === 2 ? 2 : axes, axis: axes === 2 ? 1 : axes - 1 };
  return own(config, "return_state") === true ? [output, state, state] : [output];
}

/** Gates i, f, c, o. */
export const lstm: Rule = cell(LSTM);

/** Gates z, r, h. */
export const gru: Rule = cell(GRU);

/** No gates. */
export const simpleRnn: Rule = cell(PLAIN);

/** A layer around one cell of a known class. */
export const rnn: Rule = (context, inputs) => {
  const held = heldBy(context, "cell");
  const gates = held === null ? undefined : CELLS.get(held.className);
  return gates === undefined
    ? context.stop(inputs, "cells of its kind are not known")
    : cell(gates)(context, inputs);
};

function heldBy(context: KerasContext, key: string): KerasLayer | null {
  const value = own(context.config, key);
  return isObject(value) ? parseLayer(`${context.name}: ${key}`, value) : null;
}

/** Two layers, one of which reads from the end. */
export const bidirectional: Rule = (context, inputs) => {
  const forward = heldBy(context, "layer");
  if (forward === null) return context.stop(inputs, "it holds no layer");
  const backward = heldBy(context, "backward_layer");
  const directions = ["forward", "backward"].map((direction) => {
    const layer = direction === "backward" && backward !== null ? backward : forward;
    const bare = layer.name.replace(/^(forward|backward)_/, "");
    const name = `${direction}_${bare}`;
    const place = context.inside(name, `${direction}_layer`);
    return context.walk.apply({ ...layer, name }, context.call, place, inputs.slice(0, 1));
  });
  const [first, second] = directions as [readonly Form[], readonly Form[]];
  const [a, b] = [first[0]!, second[0]!];
  const mode = own(context.config, "merge_mode");
  const states = [...first.slice(1), ...second.slice(1)];
  if (mode === null) return [a, b, ...states];
  if (mode === "mul") return context.stop([a, b], "a product of activations");
  // Along the last axis, whatever the layer's own config says of axes.
  const joining = new KerasContext(
    context.walk,
    { ...context.layer, config: {} },
    context.call,
    context.place,
  );
  const joined = (mode === "concat" || mode === undefined ? concatenate : sum)(joining, [a, b]);
  return [joined as Form, ...states];
};

/** The layer that it holds, at every step of the second axis. */
export const timeDistributed: Rule = (context, inputs) => {
  const layer = heldBy(context, "layer");
  if (layer === null) return context.stop(inputs, "it holds no layer");
  const moved = (form: Form, by: number): Form => ({
    ...form,
    rank: form.rank === null ? null : form.rank + by,
    axis: form.axis === null || form.axis + by < 1 ? null : form.axis + by,
  });
  const { names, group } = context.place;
  const place = { names, group: `${group}/layer` };
  return context.walk.apply(layer, context.call, place, inputs.map((each) => moved(each, -1)))
    .map((each) => moved(each, 1));
};
