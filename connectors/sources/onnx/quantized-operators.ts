/** Operators on quantized numbers, as the operators on real numbers that they compute. */

import { elementCount } from "../../../src/model/tensor.ts";
import type { OnnxNode } from "./proto.ts";
import { type ConstantLookup, gridsOf, packedWeight, scaled, type Unnamed } from "./quantized.ts";
import type { OnnxTensor } from "./tensor.ts";

/** A weight among a node's inputs: where it, its scales and its zero points are. */
interface QuantizedInput {
  readonly at: number;
  /** Null where the scale is multiplied in behind the operator. */
  readonly scale: number | null;
  readonly zero: number;
  /** Axes along which there may be a scale for each place, counted from the end where negative. */
  readonly axes: (node: OnnxNode) => readonly (readonly number[])[];
}

/** What an operator computes. */
export interface RealOperator {
  readonly op: string;
  /** Which inputs are those of the operator on real numbers, in its order. */
  readonly inputs: readonly number[];
  /** Whether the weight lies transposed: its last two axes are the other way round. */
  readonly turned?: boolean;
}

interface Rule extends RealOperator {
  readonly weights?: readonly QuantizedInput[];
}

const columns = () => [[-1]];
const first = () => [[0]];
const matrix = (op: string, inputs: readonly number[], scale: number | null, zero: number, at = 1): Rule => ({
  op,
  inputs,
  weights: [{ at, scale, zero, axes: columns }],
});

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["QLinearConv", { op: "Conv", inputs: [0, 3, 8], weights: [{ at: 3, scale: 4, zero: 5, axes: first }] }],
  ["ConvInteger", { op: "Conv", inputs: [0, 1], weights: [{ at: 1, scale: null, zero: 3, axes: first }] }],
  ["QLinearMatMul", matrix("MatMul", [0, 3], 4, 5, 3)],
  ["MatMulInteger", matrix("MatMul", [0, 1], null, 3)],
  ["MatMulIntegerToFloat", matrix("MatMul", [0, 1], 3, 5)],
  ["DynamicQuantizeMatMul", matrix("MatMul", [0, 1], 2, 3)],
  ["QGemm", {
    op: "Gemm",
    inputs: [0, 3, 6],
    weights: [{
      at: 3,
      scale: 4,
      zero: 5,
      axes: ({ attributes }) => attributes.get("transB")?.i === 1 ? [[0]] : [[1]],
    }],
  }],
  ["MatMulNBits", { op: "MatMul", inputs: [0, 1], turned: true }],
  ["DynamicQuantizeLSTM", {
    op: "LSTM",
    inputs: [0, 1, 2, 3, 4, 5, 6, 7],
    turned: true,
    weights: [[1, 8], [2, 10]].map(([at, scale]) => ({
      at: at!,
      scale: scale!,
      zero: scale! + 1,
      axes: () => [[0], [0, 2]],
    })),
  }],
  ["QLinearAdd", { op: "Add", inputs: [0, 3] }],
  ["QLinearMul", { op: "Mul", inputs: [0, 3] }],
  ...["Sigmoid", "LeakyRelu", "Softmax", "AveragePool", "GlobalAveragePool", "ReduceMean"].map((op) =>
    [`QLinear${op}`, { op, inputs: [0] }] as const
  ),
]);

/** The operator on real numbers that a node computes; null where it is none on quantized numbers, or is not followed. */
export function realOperator({ op, inputs, attributes }: OnnxNode): RealOperator | null {
  if (attributes.get("channels_last")?.i === 1) return null;
  if (op !== "QLinearConcat") return RULES.get(op) ?? null;
  // The result's scale and zero point, then each operand with its own.
  const operands = inputs.flatMap((_, at) => at >= 2 && at % 3 === 2 ? [at] : []);
  return { op: "Concat", inputs: operands };
}

/**
 * The quantized weights of a node, by the input that they are.
 *
 * @param behind finds the scale that the result of the node is multiplied by
 */
export function quantizedWeights(
  node: OnnxNode,
  constant: ConstantLookup,
  behind: (node: OnnxNode, columns: number) => OnnxTensor | undefined,
): readonly (readonly [at: number, made: Unnamed])[] {
  if (node.op === "MatMulNBits") {
    const made = packedWeight(node, constant);
    return made === null ? [] : [[1, made]];
  }
  return RULES.get(node.op)?.weights?.flatMap(({ at, scale, zero, axes }) => {
    const quantized = constant(node.inputs[at] ?? "");
    if (quantized === undefined) return [];
    const { shape } = quantized;
    const many = axes(node).map((each) => each.map((axis) => axis < 0 ? axis + shape.length : axis));
    const own = scale === null
      ? behind(node, shape[many[0]?.[0] ?? 0] ?? 0)
      : constant(node.inputs[scale] ?? "");
    const zeros = node.inputs[zero] ?? "";
    const points = zeros === "" ? null : constant(zeros);
    if (points === undefined) return [];
    const grids = gridsOf(shape, ...many);
    return [[at, scaled(quantized, own ?? null, points, grids, `axis ${many.join(" or ")}`)] as const];
  }) ?? [];
}

/** Casts and products between an integer product and the sum behind it: two or three in what exporters write. */
const MOST_STEPS = 8;

/**
 * Finds the scales of integer products: the constant that what comes out is multiplied by, by itself or by way of its product with the
 * scale of the input.
 */
export function scaleBehind(
  nodes: readonly OnnxNode[],
  constant: ConstantLookup,
): (node: OnnxNode, columns: number) => OnnxTensor | undefined {
  const users = new Map<string, OnnxNode | null>();
  const makers = new Map<string, OnnxNode>();
  for (const node of nodes) {
    for (const input of new Set(node.inputs)) users.set(input, users.has(input) ? null : node);
    for (const output of node.outputs) makers.set(output, node);
  }
  const real = (name: string, columns: number) => {
    const tensor = constant(name);
    const count = elementCount(tensor?.shape ?? []);
    return tensor?.type.integer === false && (count === 1 || count === columns) ? tensor : undefined;
  };
  return (node, columns) => {
    let name = node.outputs[0] ?? "";
    for (let step = 0; step < MOST_STEPS; step++) {
      const user = users.get(name);
      if (user?.op === "Mul") {
        const other = user.inputs.find((each) => each !== name) ?? "";
        const maker = makers.get(other);
        const found = real(other, columns);
        if (found !== undefined) return found;
        const factors = maker?.op === "Mul" ? maker.inputs.flatMap((each) => real(each, columns) ?? []) : [];
        // Of two constants nobody says which is the scale of the weight, and which that of the input.
        if (factors.length > 0) return factors.length === 1 ? factors[0] : undefined;
      } else if (user?.op !== "Cast") return undefined;
      name = user.outputs[0] ?? "";
    }
    return undefined;
  };
}
