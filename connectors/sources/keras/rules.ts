/** What each class of Keras's layers does to channels. A new class is a line here. */

import { multiHeadAttention } from "./attention.ts";
import { isObject, own } from "./config.ts";
import type { Rule } from "./context.ts";
import { conv, convTranspose, dense, depthwiseConv, embedding, separableConv } from "./linear.ts";
import { concatenate, merge, product, sum } from "./merge.ts";
import { batchNormalization, gainOf } from "./norm.ts";
import { bidirectional, gru, lstm, rnn, simpleRnn, timeDistributed } from "./recurrent.ts";
import { flatten, globalPool, permute, repeatVector, reshape } from "./shape.ts";

/** Channels stay what they are. */
const keep: Rule = (context, [input]) =>
  input === undefined ? context.stop([], "it reads nothing") : context.keep(input);

/** The same, but no longer a function of each element alone. */
const local: Rule = (context, [input]) => {
  if (input === undefined) return context.stop([], "it reads nothing");
  const kept = context.keep(input);
  return { ...kept, base: kept.signal };
};

function stops(reason: string): Rule {
  return (context, inputs) => context.stop(inputs, reason);
}

/** One rule for several classes. */
function all(rule: Rule, ...names: readonly string[]): (readonly [string, Rule])[] {
  return names.map((name) => [name, rule]);
}

const dimensions = (name: string) => [1, 2, 3].map((each) => name.replace("#", `${each}D`));

const RULES: ReadonlyMap<string, Rule> = new Map([
  ...all(dense, "Dense"),
  ...all(conv, ...dimensions("Conv#"), ...dimensions("Convolution#"), "AtrousConvolution2D"),
  ...all(convTranspose, ...dimensions("Conv#Transpose"), "Deconvolution2D"),
  ...all(depthwiseConv, ...dimensions("DepthwiseConv#")),
  ...all(separableConv, ...dimensions("SeparableConv#"), "SeparableConvolution2D"),
  ...all(embedding, "Embedding"),
  ...all(lstm, "LSTM", ...dimensions("ConvLSTM#")),
  ...all(gru, "GRU"),
  ...all(simpleRnn, "SimpleRNN"),
  ...all(rnn, "RNN"),
  ...all(bidirectional, "Bidirectional"),
  ...all(timeDistributed, "TimeDistributed"),
  ...all(multiHeadAttention, "MultiHeadAttention"),
  ...all(batchNormalization, "BatchNormalization", "SyncBatchNormalization"),
  ...all(gainOf("gamma"), "LayerNormalization"),
  ...all(gainOf("scale"), "RMSNormalization"),
  ...all(local, "GroupNormalization", "UnitNormalization", "Normalization", "Softmax"),
  ...all(
    local,
    ...dimensions("MaxPooling#"),
    ...dimensions("AveragePooling#"),
    ...dimensions("ZeroPadding#"),
  ),
  ...all(
    local,
    ...dimensions("Cropping#"),
    ...dimensions("UpSampling#"),
    "Resizing",
    "CenterCrop",
    "RandomCrop",
  ),
  ...all(local, "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast"),
  ...all(
    keep,
    "Activation",
    "ReLU",
    "LeakyReLU",
    "PReLU",
    "ELU",
    "ThresholdedReLU",
    "ParametricSoftplus",
    "SReLU",
  ),
  ...all(
    keep,
    "Dropout",
    ...dimensions("SpatialDropout#"),
    "GaussianDropout",
    "AlphaDropout",
    "GaussianNoise",
  ),
  ...all(keep, "ActivityRegularization", "Masking", "Rescaling", "Identity"),
  ...all(globalPool, ...dimensions("GlobalAveragePooling#"), ...dimensions("GlobalMaxPooling#")),
  ...all(flatten, "Flatten"),
  ...all(reshape, "Reshape"),
  ...all(permute, "Permute"),
  ...all(repeatVector, "RepeatVector"),
  ...all(sum, "Add", "Subtract", "Average", "Maximum", "Minimum"),
  ...all(concatenate, "Concatenate"),
  ...all(product, "Multiply"),
  ...all(merge, "Merge"),
  ...all(stops("a product of activations"), "Dot", "Attention", "AdditiveAttention"),
  ...all(stops("a function of the user's, which no file holds"), "Lambda"),
]);

/** Operators that calls of functions become, by the function's or the class's last name. */
const OPERATIONS: ReadonlyMap<string, Rule> = new Map([
  ...all(sum, "add", "addv2", "subtract", "sub", "maximum", "minimum"),
  ...all(product, "multiply", "mul"),
  ...all(concatenate, "concat", "concatenate", "concatv2"),
  ...all(reshape, "reshape"),
  ...all(
    keep,
    "relu",
    "relu6",
    "sigmoid",
    "tanh",
    "silu",
    "swish",
    "gelu",
    "elu",
    "selu",
    "softplus",
    "leaky_relu",
  ),
  ...all(
    keep,
    "leakyrelu",
    "hardsigmoid",
    "hard_sigmoid",
    "hardswish",
    "hardsilu",
    "hard_silu",
    "softsign",
    "exp",
  ),
  ...all(
    keep,
    "sqrt",
    "square",
    "abs",
    "absolute",
    "negative",
    "cast",
    "identity",
    "stop_gradient",
    "clip",
    "log",
  ),
  ...all(local, "softmax", "logsoftmax", "log_softmax"),
]);

/** The rule for a class; null where it is not known. */
export function ruleOf(
  className: string,
  module: string,
  config: Readonly<Record<string, unknown>>,
): Rule | null {
  if (module.includes(".ops.")) return OPERATIONS.get(className.toLowerCase()) ?? null;
  if (className === "TFOpLambda" || className === "TensorFlowOpLayer") {
    const node = own(config, "node_def");
    const called = own(config, "function") ?? (isObject(node) ? own(node, "op") : undefined);
    const last = typeof called === "string" ? called.slice(called.lastIndexOf(".") + 1).toLowerCase() : "";
    return OPERATIONS.get(last) ?? null;
  }
  return RULES.get(className) ?? null;
}
