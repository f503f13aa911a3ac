/** Operators with weights: convolutions, matrix products, embeddings. */

import type { DraftOptions } from "../../../src/model/layer-draft.ts";
import { type Context, type Handler, type Handlers, label } from "./context.ts";
import { isActivation } from "./movement.ts";
import type { OnnxNode } from "./proto.ts";
import { afterKernel } from "./reductions.ts";
import { gather } from "./selection.ts";
import { type Activation, type Axis, positions, type Value, type View, viewOf } from "./values.ts";

/** Where a weight cannot be a layer's, it is said with the tensor, and what comes out is lost. */
function refuse(
  context: Context,
  node: OnnxNode,
  inputs: readonly (Value | null)[],
  view: View | null,
  why: string,
): Activation {
  if (view !== null) {
    context.network.role(`the weight of ${label(node)}, which is not followed: ${why}`, view.tensor.name);
  }
  return context.stop(node, inputs, why);
}

/** Axes of a view as one word, such as `0,1,2,3`; a range of rows has none. */
function orderOf({ axes, taken }: View): string {
  return taken === undefined ? String(axes) : "part";
}

/** How the axes of a convolution's weight read: as ONNX has them, or turned from a Keras kernel. */
function convolution(transposed: boolean): Handler {
  return (context, node, inputs) => {
    const [value] = inputs;
    const view = viewOf(inputs[1]);
    if (!isActivation(value) || view === null) {
      return [refuse(context, node, inputs, view, "its weight is no constant, or its input is one")];
    }
    const { shape } = view.tensor;
    const rank = shape.length;
    const straight = shape.map((_, axis) => axis).join();
    // From [...k, in, out] to [out, in, ...k]; of a transposed one from [...k, out, in] to [in, out, ...k].
    const turned = [rank - 1, rank - 2, ...shape.slice(2).map((_, axis) => axis)].join();
    const order = orderOf(view);
    const layout = order === straight
      ? (transposed ? "in-out" : "out-in")
      : order === turned
      ? (transposed ? "kernel-out-in" : "kernel-in-out")
      : null;
    const groups = node.attributes.get("group")?.i ?? 1;
    if (layout === null || rank < 3) {
      return [refuse(context, node, inputs, view, `a weight whose axes are [${order}]`)];
    }
    const options: DraftOptions = { layout, groups, kind: transposed ? "conv-transpose" : "conv" };
    const layer = context.layer(node, view.tensor, options);
    if (typeof layer === "string") return [refuse(context, node, inputs, view, layer)];
    const kernel = order === straight ? shape.slice(2) : shape.slice(0, -2);
    const { axes } = value;
    const [examples, , ...rest] = axes?.length === rank ? axes : unknown(context, rank);
    const map = transposed
      ? rest.map(() => positions(context.symbol()))
      : afterKernel(context, node, rest, kernel);
    return [context.made(layer, context.reading(node, value, 1), [examples!, [], ...map], 1)];
  };
}

/** Axes of an activation of so many, nothing else known. */
function unknown(context: Context, rank: number): readonly Axis[] {
  return Array.from(
    { length: rank },
    (_, at): Axis =>
      at === 0 ? [{ size: context.symbol(), step: null, batch: true }] : positions(context.symbol()),
  );
}

/** A matrix whose last two axes are `[rows, columns]`, read by a layer; leading axes must have one place. */
function matrixLayer(
  context: Context,
  node: OnnxNode,
  view: View,
  inRows: boolean,
  kind?: DraftOptions["kind"],
): number | string {
  const { axes, tensor, taken } = view;
  if (taken !== undefined) return "only a part of the tensor is used";
  const solid = axes.flatMap((axis) => axis === null ? [] : [axis]);
  const [row, column] = solid.slice(-2);
  const leading = tensor.shape.slice(0, -2);
  const used = [row, column].sort();
  if (row === undefined || column === undefined || axes.length < 2 || axes.slice(-2).includes(null)) {
    return "a weight of fewer than two axes";
  }
  const rank = tensor.shape.length;
  if (leading.some((extent) => extent !== 1) || String(used) !== String([rank - 2, rank - 1].sort())) {
    return `a weight of shape [${tensor.shape}] whose axes are [${axes}]: one matrix per example or head`;
  }
  const straight = row < column;
  const layout = straight === inRows ? "in-out" : "out-in";
  const options = { layout, leading: leading.map(() => 0), ...kind === undefined ? {} : { kind } } as const;
  return context.layer(node, tensor, options);
}

/** The axes of what a matrix product makes, its channels along one of them. */
function product(
  context: Context,
  node: OnnxNode,
  inputs: readonly (Value | null)[],
  value: Activation,
  view: View | null,
  read: {
    readonly inRows: boolean;
    readonly axis: (rank: number) => number;
    readonly made: (rank: number) => number;
  },
): Activation {
  if (view === null) return refuse(context, node, inputs, view, "its weight is no stored matrix");
  const layer = matrixLayer(context, node, view, read.inRows);
  if (typeof layer === "string") return refuse(context, node, inputs, view, layer);
  const axes = value.axes ?? unknown(context, 2);
  const [from, to] = [read.axis(axes.length), read.made(axes.length)];
  if (from < 0 || to < 0 || axes[from] === undefined) {
    return refuse(context, node, inputs, view, "axes that do not fit");
  }
  return context.made(
    layer,
    context.reading(node, value, from),
    axes.map((axis) => axis.map((f) => ({ ...f, step: null }))),
    to,
  );
}

const matMul: Handler = (context, node, inputs) => {
  const [a, b] = inputs;
  const flip = node.domain === "com.microsoft";
  if (flip && (flag(node, "transA") || flag(node, "transBatchA") || flag(node, "transBatchB"))) {
    return [refuse(context, node, inputs, viewOf(b), "a fused transpose of its input")];
  }
  if (isActivation(a) && isActivation(b)) return [context.stop(node, inputs, "a product of activations")];
  const last = (rank: number) => rank - 1;
  if (isActivation(a)) {
    const inRows = !(flip && flag(node, "transB"));
    return [product(context, node, inputs, a, viewOf(b), { inRows, axis: last, made: last })];
  }
  if (!isActivation(b)) return [context.stop(node, inputs, "reads no activation")];
  const next = (rank: number) => rank - 2;
  return [product(context, node, inputs, b, viewOf(a), { inRows: false, axis: next, made: next })];
};

const gemm: Handler = (context, node, inputs) => {
  const [a, b, c] = inputs;
  const [transA, transB] = [flag(node, "transA"), flag(node, "transB")];
  if (isActivation(a) && isActivation(b)) return [context.stop(node, inputs, "a product of activations")];
  if (isActivation(c)) return [context.stop(node, inputs, "adds an activation to its product")];
  if (isActivation(a)) {
    const axis = () => transA ? 0 : 1;
    return [
      turned(transA, product(context, node, inputs, a, viewOf(b), { inRows: !transB, axis, made: axis })),
    ];
  }
  if (!isActivation(b)) return [context.stop(node, inputs, "reads no activation")];
  const axis = () => transB ? 1 : 0;
  return [turned(transB, product(context, node, inputs, b, viewOf(a), { inRows: transA, axis, made: axis }))];
};

/** The product of a transposed activation has its axes the other way round. */
function turned(really: boolean, value: Activation): Activation {
  return really && value.axes !== null ? { ...value, axes: [...value.axes].reverse() } : value;
}

const flag = ({ attributes }: OnnxNode, name: string) => attributes.get(name)?.i === 1;

/** Rows of a stored table, chosen by the network's input: an embedding. */
const lookUp: Handler = (context, node, inputs) => {
  const [table, index] = inputs;
  if (isActivation(table)) return gather(context, node, inputs);
  const view = viewOf(table);
  if (!isActivation(index) || view === null) {
    return [refuse(context, node, inputs, view, "looks up what is no stored table")];
  }
  const axis = node.attributes.get("axis")?.i ?? 0;
  if (view.axes.length !== 2 || axis !== 0) return [refuse(context, node, inputs, view, "no table of rows")];
  const layer = matrixLayer(context, node, view, true, "embedding");
  if (typeof layer === "string") return [refuse(context, node, inputs, view, layer)];
  const axes = (index.axes ?? unknown(context, 2)).map((each) =>
    each.map((factor) => ({ ...factor, step: null }))
  );
  const tokens = context.network.add({ op: "input" });
  return [context.made(layer, tokens, [...axes, []], axes.length)];
};

/** `Einsum` of an activation and a matrix, where it is a matrix product along the last axis. */
const einsum: Handler = (context, node, inputs) => {
  const [a, b] = inputs;
  const [left = "", right = "", out = ""] = (node.attributes.get("equation")?.s ?? "").replaceAll(" ", "")
    .split(/,|->/);
  const [read, made] = [left.at(-1) ?? "", out.at(-1) ?? ""];
  const plain = right.length === 2 && right.includes(read) && right.includes(made) &&
    left.slice(0, -1) === out.slice(0, -1);
  if (!isActivation(a) || isActivation(b) || !plain || read === made || left.includes(made)) {
    return [refuse(context, node, inputs, viewOf(b), "a sum of products that is no layer")];
  }
  const last = (rank: number) => rank - 1;
  return [
    product(context, node, inputs, a, viewOf(b), { inRows: right[0] === read, axis: last, made: last }),
  ];
};

/** Operators by name. */
export const LAYERS: Handlers = new Map<string, Handler>([
  ["Conv", convolution(false)],
  ["FusedConv", convolution(false)],
  ["ConvTranspose", convolution(true)],
  ["MatMul", matMul],
  ["FusedMatMul", matMul],
  ["Gemm", gemm],
  ["FusedGemm", gemm],
  ["Gather", lookUp],
  ["Einsum", einsum],
]);
