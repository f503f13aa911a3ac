/** The vectors of a neuron, as people can look at them. */

import type { Layer, LayerGraph } from "../../model/layer.ts";
import type {
  ChannelEntry,
  NeuronPatterns,
  PatternForm,
  VectorPattern,
} from "../../model/patterns/neuron-patterns.ts";
import type { Spectrum } from "../../model/spectrum.ts";
import { type HeadChannels, headsRead, headsWritten } from "./head-shares.ts";
import { kernelExtents } from "./kernel-extents.ts";

/** Channels whose kernels are shown. */
const MOST_KERNELS = 12;

/** Entries that are shown of a vector without positions; of tokens, of each sign. */
const MOST_ENTRIES = 24;
const MOST_TOKENS = 12;

/** Positions of a kernel that is shown: 64 x 64. */
const MOST_POSITIONS = 4096;

/** Tokens by their numbers. */
export type Tokens = ReadonlyMap<number, string>;

/**
 * The patterns of one neuron.
 *
 * @param tokens of the model's tokenizer; null where there is none
 * @throws {RangeError} when the layer has no such neuron
 */
export function neuronPatterns(
  graph: Pick<LayerGraph, "layers" | "connections" | "skipped">,
  { layer, left, right, unfolding, group, nullNeurons, clustered }: Spectrum,
  neuron: number,
  tokens: Tokens | null,
): NeuronPatterns {
  if (!(neuron in group)) {
    throw new RangeError(`${layer.name}: found neuron ${neuron}, required one of its ${group.length}`);
  }
  const { index, kind, groups, inChannels, outChannels, positions } = layer;
  const vector = ({ cols, data }: typeof left) => data.subarray(neuron * cols, (neuron + 1) * cols);
  const isFed = graph.connections.some(({ target }) => target === index);
  const words = tokens === null ? null : tokenWidth(graph, tokens);
  const hasWords = {
    in: kind === "embedding" && inChannels === words,
    out: kind === "linear" && outChannels === words &&
      !graph.connections.some(({ source }) => source === index),
  };
  const start = (channels: number) => group[neuron]! * channels / groups;
  return {
    input: pattern(vector(right), layer, {
      channels: inChannels / groups,
      first: start(inChannels),
      positions: unfolding === "svr" ? positions : 1,
      isImage: kind === "conv" && !isFed && groups === 1 && (inChannels === 1 || inChannels === 3),
      tokens: hasWords.in ? tokens : null,
      heads: headsRead(graph, index),
    }),
    output: pattern(vector(left), layer, {
      channels: outChannels / groups,
      first: start(outChannels),
      positions: unfolding === "svr" ? 1 : positions,
      isImage: false,
      tokens: hasWords.out ? tokens : null,
      heads: headsWritten(graph, index),
    }),
    choice: nullNeurons[neuron] === 1 ? "null" : clustered[neuron] === 1 ? "cluster" : null,
  };
}

/**
 * How many channels the model's tokens take: the narrowest table of embeddings that has all of them, padding included. Null where none has, and
 * where two have, for one of them may be of something else.
 */
function tokenWidth({ layers }: Pick<LayerGraph, "layers">, tokens: Tokens): number | null {
  let last = -1;
  for (const id of tokens.keys()) last = Math.max(last, id);
  const wide = layers.filter(({ kind, inChannels }) => kind === "embedding" && inChannels > last);
  const least = Math.min(...wide.map(({ inChannels }) => inChannels));
  const tensors = new Set(
    wide.filter(({ inChannels }) => inChannels === least).map(({ weight }) => weight.tensor),
  );
  return tensors.size === 1 && tokens.size > 0 ? least : null;
}

/** What is known of a side of a layer. */
interface Side {
  readonly channels: number;
  readonly first: number;
  readonly positions: number;
  readonly isImage: boolean;
  readonly tokens: Tokens | null;
  readonly heads: readonly HeadChannels[];
}

function pattern(vector: Float64Array, layer: Layer, side: Side): VectorPattern {
  const { channels, first, positions, heads } = side;
  return {
    channels,
    first,
    shown: formOf(vector, layer, side),
    heads: heads.map(({ heads, from, length }) => ({
      heads,
      share: energy(vector.subarray((from - first) * positions, (from - first + length) * positions)),
    })),
  };
}

function formOf(
  vector: Float64Array,
  layer: Layer,
  { channels, first, positions, isImage, tokens }: Side,
): PatternForm {
  const { rows, columns } = kernelExtents(layer);
  const kernel = (channel: number) => vector.subarray(channel * positions, (channel + 1) * positions);
  if (isImage && positions > 1 && positions <= MOST_POSITIONS) {
    return { form: "image", rows, columns, values: [...vector] };
  }
  if (positions > 1 && positions <= MOST_POSITIONS) {
    const shares = Float64Array.from({ length: channels }, (_, channel) => energy(kernel(channel)));
    const strongest = largestOf(shares, MOST_KERNELS).map((channel) => ({
      channel: first + channel,
      share: shares[channel]!,
      values: [...kernel(channel)],
    }));
    return { form: "taps", rows, columns, strongest };
  }
  // A map of more positions than a picture has is told by the energy of its channels.
  const entries = positions === 1
    ? vector
    : Float64Array.from({ length: channels }, (_, channel) => Math.sqrt(energy(kernel(channel))));
  const entry = (channel: number): ChannelEntry => ({ channel: first + channel, value: entries[channel]! });
  if (tokens !== null) {
    const named = (channel: number) => ({ ...entry(channel), token: tokens.get(first + channel) ?? null });
    return {
      form: "tokens",
      largest: largestOf(entries, MOST_TOKENS).filter((each) => entries[each]! > 0).map(named),
      least: largestOf(entries.map((value) => -value), MOST_TOKENS).filter((each) => entries[each]! < 0).map(
        named,
      ),
    };
  }
  return { form: "channels", strongest: largestOf(entries.map(Math.abs), MOST_ENTRIES).map(entry) };
}

const energy = (values: Float64Array) => values.reduce((sum, value) => sum + value * value, 0);

/** Indices of the largest values, the largest first; of equal ones the first. */
function largestOf(values: Float64Array, most: number): number[] {
  return [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b).slice(0, most);
}
