/** How weights read, of which only names and shapes are known: which axis is which, how many groups, what is no weight at all. */

import { show } from "../../model/errors.ts";
import { naturalOrder } from "../../model/natural-order.ts";
import { draftLayer, type LayerDraft, type WeightLayout } from "../../model/layer-draft.ts";
import type { TensorInfo } from "../../model/tensor.ts";
import { stateOf } from "./recurrent-state.ts";
import { layerName, normalizedWidths } from "./weights.ts";

/** Names of parameters that have the axes of a weight, and are none. */
const NO_WEIGHTS: readonly (readonly [name: RegExp, reason: string])[] = [
  [
    /relative_position_bias_table|relative_attention_bias|rel_pos(_[hw])?$|(^|[._/])rpe(_table|_bias)?$/,
    "a table of relative positions",
  ],
  [/(^|[._/])(abs(olute)?_)?pos(ition(al)?)?_?(embed(ding)?s?|enc(oding)?|emb)$/, "a table of positions"],
  [/(^|[._/])(cls|class|mask|dist|reg(ister)?|query|prompt)_?tokens?$/, "constant tokens"],
  [/(^|[._/])(layer|logit|res)_?scale(\.\w+)?$|(^|[._/])(gamma|beta)(_?\d+)?$|(^|[./])scale$/, "a scale"],
  [/(^|[._/])bias(_[a-z]\w*)?$/, "a bias"],
  [/[._/](A_log|rotary_emb\.\w+|inv_freq)$/, "a table of decays or frequencies"],
  [
    /[._](w(eight|q)?_)?(scales?|scale_inv|zeros?|zero_points?|qzeros|absmax|quant_map|biases)$/,
    "scales, zero points or biases of quantized numbers",
  ],
  [
    /[._]lora[_.](A|B|embedding_A|embedding_B|down|mid|up)(\.|$)/,
    "of an adapter (LoRA): with its partner a change of another weight, and no layer",
  ],
  [
    /[._](hada_[wt]\d(_[ab])?|lokr_[wt]\d(_[ab])?|ia3_l|b?oft_\w+|vera_lambda_\w+)(\.|$)/,
    "of an adapter (LoHa, LoKr, IA3 or OFT): a change of another weight, and no layer",
  ],
];

/** Names of vectors, and of matrices: the weight of the layer that gives a mean is called so, too. */
const NO_WEIGHTS_AS_VECTORS: typeof NO_WEIGHTS = [
  [/(^|[._/])(mean|std|stddev|variance)$/, "a mean or a deviation"],
  [/(^|[._/])(task|class|loss|sample)_weights?$/, "weights of a loss"],
];

/** Whether at most one extent is above 1. */
const isVector = (shape: readonly number[]) => shape.filter((extent) => extent > 1).length < 2;

/**
 * Why a tensor with the axes of a weight is none, by its name or those around it; null where nothing tells that.
 *
 * @param biases names of what is the bias of a weight
 */
export function reasonByName(
  tensor: TensorInfo,
  byName: ReadonlyMap<string, TensorInfo>,
  biases: ReadonlySet<string>,
): string | null {
  const { name, shape } = tensor;
  const names = isVector(shape) ? [...NO_WEIGHTS, ...NO_WEIGHTS_AS_VECTORS] : NO_WEIGHTS;
  const found = names.find(([pattern]) => pattern.test(name));
  if (found !== undefined) return `${found[1]}, by its name`;
  if (biases.has(name) && isVector(shape)) return "a bias, by its name";
  // A matrix of one row or column may have a bias of its shape.
  const isGain = shape.length > 2 || !isVector(shape);
  if (isGain && show(biasOf(name, byName)?.shape) === show(shape)) {
    return "the gain of a normalization over several axes: its shift has the same shape";
  }
  if (isStacked(tensor) && shape[0]! > MOST_EXPERTS) {
    return `a stack of ${shape[0]} experts, required at most ${MOST_EXPERTS}`;
  }
  const leaf = name.slice(Math.max(name.lastIndexOf("."), name.lastIndexOf("/")) + 1);
  const isNamed = /^(weight|kernel|w|filter)|(^|_)w(_\d+)?$/i.test(leaf);
  if (shape.length < 3 || isNamed) return null;
  if (isVector(shape)) {
    return `${shape.length} dimensions, of which at most one has more than one entry: a scale, a shift or a token`;
  }
  return shape[0] === 1
    ? `${shape.length} dimensions, the first of one entry: repeated for each input, not a linear map`
    : null;
}

/** What weights are called, and the bias of the same module: in PyTorch, Chainer, Haiku, scikit-learn and by hand. */
const BIASES: readonly (readonly [weight: RegExp, bias: string])[] = [
  [/(^|[./])(weight|w|kernel|matrix)$/, "$1bias"],
  [/(^|[./_])w(_?\d+)?$/, "$1b$2"],
  [/(^|[./_])W(_?\d+)?$/, "$1b$2"],
  [/(^|[./_])weights(_?\d+)?$/, "$1biases$2"],
  [/(^|[./_])coefs(_?\d+)?$/, "$1intercepts$2"],
];

/** The bias of the same module. */
export function biasOf(weight: string, byName: ReadonlyMap<string, TensorInfo>): TensorInfo | undefined {
  for (const [pattern, bias] of BIASES) {
    const found = pattern.test(weight) ? byName.get(weight.replace(pattern, bias)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
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
  const recurrent = stateOf(tensor, byName) === null ? {} : { kind: "recurrent" } as const;
  if (tensor.layout !== undefined) {
    const isTransposed = tensor.layout === "in-out" && tensor.shape.length > 2;
    return draftLayer(name, tensor, isTransposed ? { kind: "conv-transpose" } : recurrent);
  }
  const joined = joinedHeads(tensor, byName);
  if (joined !== null) return draftLayer(name, joined, { layout: "in-out" });
  if (isTable(tensor, ordered, byName)) {
    return draftLayer(name, tensor, { layout: "in-out", kind: "embedding" });
  }
  const layout = layoutOf(tensor, before, ordered, all, byName);
  if (layout === "in-out" && tensor.shape.length > 2) {
    return draftLayer(name, tensor, { layout, kind: "conv-transpose" });
  }
  const kernel = layout === "kernel-in-out";
  const read = layout === "out-in" ? tensor : { ...tensor, layout };
  const [out, inputs] = kernel
    ? [tensor.shape.at(-1)!, tensor.shape.at(-2)!]
    : tensor.shape as [number, number];
  return draftLayer(name, read, { ...recurrent, groups: groupsOf(tensor, out, inputs, before, ordered) });
}

/**
 * An embedding has a row of the stream for each symbol, and no bias. A matrix may be called one too: other weights have the stream's width more often
 * than the number of symbols.
 */
function isTable(
  { name, shape }: TensorInfo,
  ordered: readonly TensorInfo[],
  byName: ReadonlyMap<string, TensorInfo>,
): boolean {
  const [symbols, width] = shape as [number, number];
  const word = /(^|[._/])(\w*embed(ding)?s?|\w*_emb|emb|wte|wpe)(\.weight|\/kernel)?$/i;
  if (shape.length !== 2 || !word.test(name) || biasOf(name, byName) !== undefined) return false;
  const count = (extent: number) =>
    ordered.filter((each) => each.name !== name && each.shape.slice(0, 2).includes(extent)).length;
  const [few, many] = [count(symbols), count(width)];
  return many > few || many === few && symbols > width;
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
  ordered: readonly TensorInfo[],
  all: readonly TensorInfo[],
  byName: ReadonlyMap<string, TensorInfo>,
): WeightLayout {
  const { name, shape } = tensor;
  const [first, second] = shape as [number, number];
  if (/(^|[./]|recurrent_)kernel$/.test(name)) return shape.length === 2 ? "in-out" : "kernel-in-out";
  const bias = biasOf(name, byName);
  const width = bias !== undefined && isVector(bias.shape) ? [Math.max(...bias.shape)] : [];
  // A kernel of many positions may look like channels.
  const isTold = width[0] === first && width[0] !== shape.at(-1);
  if (!isTold && isKernelFirst(shape)) return "kernel-in-out";
  const widths = [...width, ...shape.length > 2 ? normalizedWidths(name, all) : []];
  // What is not PyTorch's may have the kernel's positions first.
  if (shape.length > 2 && width[0] === shape.at(-1) && width[0] !== first && width[0] !== second) {
    return "kernel-in-out";
  }
  if (first === second || widths.includes(first)) return "out-in";
  if (width.includes(second)) return "in-out";
  if (widths.includes(second)) {
    // Sorted by name, a normalization before its convolution stands behind it: it is as wide as what that reads.
    const next = ordered[ordered.indexOf(tensor) + 1];
    const fits = before?.outChannels === second ||
      next !== undefined && next.shape.length > 2 && next.shape[1] === first;
    return fits ? "out-in" : "in-out";
  }
  // The last of several transposed convolutions has no normalization behind it.
  const continues = shape.length > 2 && before?.kind === "conv-transpose" &&
    listOf(before.name) === listOf(layerName(name)) && before.outChannels === first &&
    before.outChannels !== second;
  return continues ? "in-out" : "out-in";
}

/** Kernels extend no further than this where they come first. */
const MOST_EXTENT = 11;

/** Whether a convolution of two dimensions or more lies as `[...kernel, in, out]`: small equal extents first, others behind. */
function isKernelFirst(shape: readonly number[]): boolean {
  const [first, ...extents] = shape.slice(0, -2);
  const isKernel = (some: readonly number[]) => some.every((extent) => extent <= MOST_EXTENT);
  return extents.length > 0 && first! > 1 && first! <= MOST_EXTENT &&
    extents.every((extent) => extent === first) &&
    !isKernel(shape.slice(-2)) && !isKernel(shape.slice(2));
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
    if (isPointwise(tensor)) return 1;
    const expands = ordered.some(({ name, shape }) =>
      name !== tensor.name && listOf(layerName(name)) === list && shape.length === tensor.shape.length &&
      shape[0] === out && shape[1] !== out && shape[1] !== 1
    );
    // Several out channels for each in channel.
    const each = out / (before?.outChannels ?? out);
    if (
      each > 1 && Number.isInteger(each) && isNextOf(before!, tensor) && before!.outChannels >= FEWEST_GROUPS
    ) {
      return before!.outChannels;
    }
    // A gated linear unit halves what comes before.
    const isHalved = before?.outChannels === 2 * out && isNextOf(before, tensor);
    return isHalved || before?.outChannels === out || /dw|depth_?wise/i.test(tensor.name) || expands
      ? out
      : 1;
  }
  const groups = out / inputs;
  const follows = before?.outChannels === out && listOf(before.name) === list;
  return follows && Number.isInteger(groups) && groups >= FEWEST_GROUPS ? groups : 1;
}

/** Whether a kernel has one position: of one in channel each it would scale channels, and no network has that for a layer. */
export function isPointwise({ shape }: TensorInfo): boolean {
  return shape.slice(2).every((extent) => extent === 1);
}

/** Whether two modules are numbers of one list, such as `nn.Sequential` makes. */
function isNextOf(before: LayerDraft, { name }: TensorInfo): boolean {
  const modules = [before.name, layerName(name)] as const;
  return listOf(modules[0]) === listOf(modules[1]) &&
    modules.every((module) => /(^|[./])\d{1,6}$/.test(module));
}

/** The module that a module is in. */
function listOf(module: string): string {
  return module.slice(0, Math.max(module.lastIndexOf("."), module.lastIndexOf("/"), 0));
}

/** As many as Switch-C has, more than other published networks. Each is a layer, and a sparse file may say whatever number of them. */
const MOST_EXPERTS = 2048;

/** Experts in one tensor: `[experts, …, …]` below a module of that name; `ffn_up_exps` in GGUF. */
function isStacked({ name, shape }: TensorInfo): boolean {
  return shape.length === 3 &&
    /(^|[._])experts\.(?!\d)|_exps\.weight$|(^|[._])moe\.(w\d|\w+_proj)$/.test(name);
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
