/** What a topology may say: in a run config, or in a file of its own beside a model. */

import { z } from "zod";

/** More channels than any layer has; keeps sums of indices exact. */
const MOST_CHANNELS = 2 ** 31 - 1;

const count = z.int().min(1).max(MOST_CHANNELS);
/** More leading axes than any weight has. */
const MOST_AXES = 4;

const index = z.int().min(0).max(MOST_CHANNELS);
const name = z.string().min(1);

/** A range of channels that a connection carries. */
export const channelRangeSchema = z.strictObject({
  source: index.describe("First out channel of the source."),
  target: index.describe("First in channel of the target."),
  length: count.describe("Number of channels."),
}).describe(
  "Out channels [source, source + length) of the source are in channels [target, target + length) of the target.",
);

/** How a signal gets from one layer to the next. */
export const viaSchema = z.enum([
  "direct",
  "residual",
  "concat",
  "split",
  "flatten",
  "pool",
  "attention-head",
  "recurrent",
  "tied",
]);

const layerSchema = z.strictObject({
  name: name.describe("The name that connections use."),
  weight: name.optional().describe(
    "The tensor of its weight. Default: the tensor called `name` or `name.weight`.",
  ),
  order: z.enum(["out-in", "in-out", "kernel-in-out", "kernel-out-in", "depthwise"]).optional().describe(
    "How the weight's axes read. Default: out-in, as in PyTorch; kernel-in-out, kernel-out-in and depthwise are Keras's.",
  ),
  shape: z.array(count).min(2).max(MOST_AXES + 3).optional().describe(
    "Reads the weight's numbers as a tensor of this shape: [in, heads, depth] of 64, 4, 16 as [64, 64].",
  ),
  index: z.array(index).min(1).max(MOST_AXES).optional().describe(
    "Of a weight with more axes in front, the index on each: of [head, in, out], index: [2] is the third head.",
  ),
  out: z.strictObject({
    from: index.describe("The first."),
    length: count.describe("How many."),
  }).optional().describe("The out channels that are this layer's: a fused weight holds several layers."),
  positions: count.optional().describe("H*W of a fully connected layer that reads a flattened map."),
  flatten: z.enum(["channels-first", "channels-last"]).optional().describe(
    "How the map that it reads was flattened: channel by channel (PyTorch) or position by position (Keras).",
  ),
  groups: count.optional().describe("Number of groups of a grouped convolution."),
  kind: z.enum(["linear", "conv", "conv-transpose", "embedding", "recurrent"]).optional(),
  batchNorm: z.union([
    z.enum(["none", "raw"]),
    z.strictObject({
      gamma: name.optional().describe("The tensor of the scale. Default: all ones."),
      variance: name.describe("The tensor of the running variance."),
      epsilon: z.number().min(0).max(1).optional().describe("Default: 1e-5."),
    }),
  ]).optional().describe(
    "The batch normalization behind the layer: none, one that is never folded (raw), or its tensors. " +
      "Default: the one that is stored right behind the weight.",
  ),
  gain: name.optional().describe("The tensor of the gain of the normalization in front of the layer."),
  gainOffset: z.number().optional().describe(
    "What is added to each number of the gain: 1 for Gemma, whose files hold gains less 1. Default: 0.",
  ),
});

const connectionSchema = z.strictObject({
  from: name.describe("The source layer."),
  to: name.describe("The target layer."),
  via: viaSchema.optional(),
  part: index.optional().describe("Tells several connections between the same two layers apart. Default: 0."),
  channels: z.array(channelRangeSchema).min(1).optional()
    .describe("The channel map. Default: all out channels of the source, in order."),
  evidence: z.enum(["declared", "inferred", "guessed"]).optional()
    .describe(
      "A guessed connection is warned about until this line is taken out; the p of an inferred one's edges is corrected. Default: declared.",
    ),
  looked: count.optional().describe(
    "Of a connection that the weights chose: how many pairs of ports were looked at; the p of its edges is multiplied by it.",
  ),
});

/** Who feeds whom. */
export const topologySchema = z.strictObject({
  from: name.optional().describe(
    "A file of the same network that lends its graph: .onnx, .pt2, .keras or another model whose format says who feeds whom. " +
      "It stands alone. The path starts from the folder of the file that names it.",
  ),
  chain: z.array(name).min(1).optional().describe("Layers that feed each other in this order."),
  layers: z.array(layerSchema).optional().describe("Layers for which the defaults do not fit."),
  connections: z.array(connectionSchema).optional().describe("Connections beside the chain."),
}).refine((topology) => Object.values(topology).some((part) => part !== undefined), {
  message: "at least one of from, chain, layers and connections",
}).refine(
  ({ from, ...others }) => from === undefined || Object.values(others).every((part) => part === undefined),
  {
    message: "from alone, or chain, layers and connections",
  },
).describe("Who feeds whom in a model.");

/** A parsed topology. */
export type TopologyConfig = z.infer<typeof topologySchema>;

/** The JSON Schema of a topology file. */
export function topologyJsonSchema(): Record<string, unknown> {
  return {
    $id: "urn:svrflow:schema:topology",
    title: "svrflow topology",
    ...z.toJSONSchema(topologySchema, { io: "input" }),
  };
}
