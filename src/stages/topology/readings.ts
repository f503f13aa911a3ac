/** How weights read, of which only names and shapes are known: which axis is which, how many groups, what is no weight at all. */

import { naturalOrder } from "../../model/natural-order.ts";
import { draftLayer, type LayerDraft, type WeightLayout } from "../../model/layer-draft.ts";
import type { TensorInfo } from "../../model/tensor.ts";
import { layerName, normalizedWidths } from "./weights.ts";

/** Names of parameters that have the axes of a weight, and are none. */
const NO_WEIGHTS: readonly (readonly [name: RegExp, reason: string])[] = [
  [/relative_position_bias_table|relative_attention_bias|rel_pos(_[hw])?$/, "a table of relative positions"],
  [/(^|[._])(abs(olute)?_)?pos(ition(al)?)?_?(embed(ding)?s?|enc(oding)?|emb)$/, "a table of positions"],
  [/(^|[._])(cls|class|mask|dist|reg(ister)?|query)_?tokens?$/, "constant tokens"],
  [/(^|[._])(layer|logit|res)_?scale(\.\w+)?$|(^|[._])(gamma|beta)(_?\d+)?$/, "a scale"],
  [/(^|[./])bias$/, "a bias"],
  [/[._](A_log|rotary_emb\.\w+|inv_freq)$/, "a table of decays or frequencies"],
  [
    /[._](w(eight|q)?_)?(scales?|scale_inv|zeros|zero_points?|qzeros|absmax|quant_map|biases)$/,
    "scales, zero points or biases of quantized numbers",
  ],
  [
    /[._]lora_(A|B|embedding_A|embedding_B|down|up)(\.|$)/,
    "of an adapter (LoRA): with its partner a change of another weight, and no layer",
  ],
];

/** Why a tensor with the axes of a weight is none, by its name; null where nothing tells that. */
export function reasonByName(tensor: TensorInfo): string | null {
  const { name, shape } = tensor;
  const found = NO_WEIGHTS.find(([pattern]) => pattern.test(name));
  if (found !== undefined) return `${found[1]}, by its name`;
  if (isStacked(tensor) && shape[0]! > MOST_EXPERTS) {
    return `a stack of ${shape[0]} experts, required at most ${MOST_EXPERTS}`;
  }
  const leaf = name.slice(Math.max(name.lastIndexOf("."), name.lastIndexOf("/")) + 1);
  const isNamed = /^(weight|kernel|w|filter)/i.test(leaf);
  return shape.length > 2 && !isNamed && shape.filter((extent) => extent > 1).length < 2
    ? `${shape.length} dimensions, of which at most one has more than one entry: a scale, a shift or a token`
    : null;
}

/** Weights as layers. */
export interface Readings {
  /** In the order in which they may be chained. */
  readonly drafts: readonly LayerDraft[];
  /** Of stacked experts, which are side by side: no chain goes through them. */
  readonly experts: readonly LayerDraft[];
  readonly warnings: readonly string[];
}

/** @param inOrder whether tensors stand in the order of the network's modules; else they are sorted by name, naturally */
export function readings(
  weights: readonly TensorInfo[],
  all: readonly TensorInfo[],
  inOrder: boolean,
): Readings {
  const experts = weights.filter(isStacked);
  const ordered = weights.filter((tensor) => !isStacked(tensor));
  if (!inOrder) ordered.sort((a, b) => naturalOrder(layerName(a.name), layerName(b.name)));
  const byName = new Map(all.map((tensor) => [tensor.name, tensor]));
  const drafts: LayerDraft[] = [];
  for (const tensor of ordered) drafts.push(draftOf(tensor, drafts.at(-1), ordered, all, byName));
  const grouped = drafts.filter(({ groups }) => groups > 1);
  const transposed = drafts.filter(({ layout, tensor }) => layout === "in-out" && tensor.shape.length > 2);
  return {
    drafts,
    experts: experts.flatMap((tensor) => expertsOf(tensor, streamOf(weights))),
    warnings: [
      ...said(grouped, "taken as grouped: one in channel each behind as many channels"),
      ...said(transposed, "taken as transposed: what follows has the width of the second axis"),
      ...said(
        experts.map(({ name }) => ({ name })),
        "taken as a stack of experts, a layer each; nothing is connected to them",
      ),
    ],
  };
}

function said(found: readonly { readonly name: string }[], how: string): string[] {
  const [first] = found;
  return first === undefined ? [] : [
    `${found.length} of the weights ${
      found.length === 1 ? "is" : "are"
    } ${how} (the first: ${first.name}); declare a topology to be sure`,
  ];
}

function draftOf(
  tensor: TensorInfo,
  before: LayerDraft | undefined,
  ordered: readonly TensorInfo[],
  all: readonly TensorInfo[],
  byName: ReadonlyMap<string, TensorInfo>,
): LayerDraft {
  const name = layerName(tensor.name);
  if (tensor.layout !== undefined) return draftLayer(name, tensor);
  const joined = joinedHeads(tensor, byName);
  if (joined !== null) return draftLayer(name, joined, { layout: "in-out" });
  const layout = layoutOf(tensor, before, all, byName);
  if (layout === "in-out" && tensor.shape.length > 2) {
    return draftLayer(name, tensor, { layout, kind: "conv-transpose" });
  }
  const kernel = layout === "kernel-in-out";
  const read = layout === "out-in" ? tensor : { ...tensor, layout };
  const [out, inputs] = kernel
    ? [tensor.shape.at(-1)!, tensor.shape.at(-2)!]
    : tensor.shape as [number, number];
  return draftLayer(name, read, { groups: groupsOf(tensor, out, inputs, before, ordered) });
}

/** Flax's attention (big_vision's too) has heads on an axis of their own: `[in, heads, depth]`, and `[heads, depth, out]` behind them. */
function joinedHeads(tensor: TensorInfo, byName: ReadonlyMap<string, TensorInfo>): TensorInfo | null {
  const { name, shape: [first, second, third, ...rest] } = tensor;
  const part = /(^|[./])(query|key|value|out)([./])kernel$/.exec(name);
  if (part === null || third === undefined || rest.length > 0) return null;
  const siblingOf = (which: string) =>
    byName.get(`${name.slice(0, part.index)}${part[1]}${which}${part[3]}kernel`);
  // A convolution may be called `out` too.
  if (siblingOf("query")?.shape.length !== 3 || siblingOf("value")?.shape.length !== 3) return null;
  return { ...tensor, shape: part[2] === "out" ? [first! * second!, third] : [first!, second! * third] };
}

/** Flax calls weights `kernel`; else the length of the bias, or the width of what follows, shows where the out channels are. */
function layoutOf(
  tensor: TensorInfo,
  before: LayerDraft | undefined,
  all: readonly TensorInfo[],
  byName: ReadonlyMap<string, TensorInfo>,
): WeightLayout {
  const { name, shape } = tensor;
  const [first, second] = shape as [number, number];
  if (/(^|[./])kernel$/.test(name)) return shape.length === 2 ? "in-out" : "kernel-in-out";
  const bias = byName.get(name.replace(/(^|[./])(weight|w)$/, "$1bias"));
  const width = bias?.shape.length === 1 && bias.name !== name ? bias.shape : [];
  const widths = [...width, ...shape.length > 2 ? normalizedWidths(name, all) : []];
  if (first === second || widths.includes(first)) return "out-in";
  if (widths.includes(second)) return "in-out";
  // The last of several transposed convolutions has no normalization behind it.
  const continues = shape.length > 2 && before?.kind === "conv-transpose" &&
    listOf(before.name) === listOf(layerName(name)) && before.outChannels === first &&
    before.outChannels !== second;
  return continues ? "in-out" : "out-in";
}

/** Fewer groups than these may as well be a chain that was put together wrongly. */
const FEWEST_GROUPS = 8;

function groupsOf(
  tensor: TensorInfo,
  out: number,
  inputs: number,
  before: LayerDraft | undefined,
  ordered: readonly TensorInfo[],
): number {
  if (tensor.shape.length < 3 || out === 1) return 1;
  const list = listOf(layerName(tensor.name));
  if (inputs === 1) {
    const expands = ordered.some(({ name, shape }) =>
      name !== tensor.name && listOf(layerName(name)) === list && shape.length === tensor.shape.length &&
      shape[0] === out && shape[1] !== out && shape[1] !== 1
    );
    return before?.outChannels === out || /dw|depth_?wise/i.test(tensor.name) || expands ? out : 1;
  }
  const groups = out / inputs;
  const follows = before?.outChannels === out && listOf(before.name) === list;
  return follows && Number.isInteger(groups) && groups >= FEWEST_GROUPS ? groups : 1;
}

/** The module that a module is in. */
function listOf(module: string): string {
  return module.slice(0, Math.max(module.lastIndexOf("."), module.lastIndexOf("/"), 0));
}

/** As many as Switch-C has, more than other published networks. Each is a layer, and a sparse file may say whatever number of them. */
const MOST_EXPERTS = 2048;

/** Experts in one tensor: `[experts, …, …]` below a module of that name; `ffn_up_exps` in GGUF. */
function isStacked({ name, shape }: TensorInfo): boolean {
  return shape.length === 3 && /(^|[._])experts\.(?!\d)|_exps\.weight$/.test(name);
}

/** Experts project the stream up, then down to it: its width shows which axis is which. @param width of the stream */
function expertsOf(tensor: TensorInfo, width: number | undefined): LayerDraft[] {
  const [count, rows, cols] = tensor.shape as [number, number, number];
  const down = /down|w2|out/i.test(layerName(tensor.name).split("experts.").at(-1)!);
  const [outIn, inOut] = down ? [rows, cols] : [cols, rows];
  const layout = inOut === width && outIn !== width ? "in-out" : "out-in";
  return Array.from(
    { length: count },
    (_, expert) => draftLayer(`${layerName(tensor.name)}.${expert}`, tensor, { leading: [expert], layout }),
  );
}

/** The extent that most matrices have. */
function streamOf(weights: readonly TensorInfo[]): number | undefined {
  const counts = new Map<number, number>();
  for (const { shape } of weights) {
    if (shape.length === 2) {
      for (const extent of new Set(shape)) counts.set(extent, (counts.get(extent) ?? 0) + 1);
    }
  }
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0];
}
