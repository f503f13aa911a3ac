/** Circuits of attention heads as layers of their own, behind all others. */

import type {
  ChannelRange,
  Channels,
  Circuit,
  Connection,
  Factor,
  HeadChannels,
  HeadScores,
  Layer,
  LayerGraph,
  Skipped,
} from "../../model/layer.ts";
import { compositionsOf } from "./compositions.ts";
import { outerChannels } from "./factors.ts";

/** Said of a model whose heads nobody knows. */
const NO_HEADS =
  "circuits: found no attention whose heads are known, so there are none; the known families need a config.json beside the model that says their number";

/** An attention: the layers of its values and of its outputs, and a connection between them for each head. */
interface Attention {
  readonly values: Layer;
  readonly outputs: Layer;
  readonly heads: readonly Connection[];
}

/**
 * Adds the circuits of every head whose channels are known, `W_O W_V`, and `W_Q' W_K` where it is known which queries meet which keys, and their
 * connections. What is missing is skipped with a reason. Layers that were there keep their places.
 *
 * @param graph with normalizations folded
 */
export function withCircuits({ scores = [], ...graph }: LayerGraph): LayerGraph {
  const attentions = attentionsOf(graph);
  if (attentions.length === 0) return { ...graph, warnings: [...graph.warnings, NO_HEADS] };
  const layers = [...graph.layers];
  const names = new Set(layers.map(({ name }) => name));
  const skipped: Skipped[] = [];
  const skip = (name: string, reason: string) => {
    if (!skipped.some((each) => each.name === name)) skipped.push({ subject: "layer", name, reason });
  };
  const add = (circuit: Circuit, block: string) => {
    const wide = [circuit.left, circuit.right].find(({ layer }) => !isPlain(layer));
    if (wide !== undefined) {
      return skip(
        `${block}.${circuit.kind}`,
        `circuits are of dense layers of one position: ${wide.layer.name} is none`,
      );
    }
    const name = [block, `${block}.${circuit.left.layer.name}`].map((each) =>
      `${each}.head_${circuit.head}.${circuit.kind}`
    ).find((each) => !names.has(each));
    if (name === undefined) throw new Error(`circuits: ${block}, head ${circuit.head}: found its name twice`);
    names.add(name);
    layers.push(layerOf(name, circuit, layers.length));
  };
  for (const { values, outputs, heads } of attentions) {
    const block = commonName(values.name, outputs.name);
    for (const { part: head, channels } of heads) {
      const width = lengthOf(channels);
      const ov = { kind: "ov", head, width } as const;
      const left = factor(outputs, "in", channels.map(({ target, length }) => ({ from: target, length })));
      const right = factor(values, "out", channels.map(({ source, length }) => ({ from: source, length })));
      add({ ...ov, left, right }, block);
      const met = scores.find((each) => each.values === values.index && each.part === head);
      if (met === undefined) skip(`${block}.qk`, "it is not known which queries meet which keys");
      else add(qk(met, head, graph.layers), block);
    }
  }
  const connections = [...graph.connections, ...compositionsOf({ ...graph, layers })];
  return { ...graph, layers, connections, skipped: [...graph.skipped, ...skipped] };
}

function attentionsOf({ layers, connections }: LayerGraph): readonly Attention[] {
  const heads = connections.filter(({ via }) => via === "attention-head");
  return [...Map.groupBy(heads, ({ source, target }) => `${source}/${target}`).values()].map((each) => ({
    values: layers[each[0]!.source]!,
    outputs: layers[each[0]!.target]!,
    heads: each,
  }));
}

function qk({ queries, keys }: HeadScores, head: number, layers: readonly Layer[]): Circuit {
  const side = ({ layer, channels }: HeadChannels) => factor(layers[layer]!, "out", channels);
  return { kind: "qk", head, width: lengthOf(keys.channels), left: side(queries), right: side(keys) };
}

const factor = (layer: Layer, port: "out" | "in", channels: readonly Channels[]): Factor => ({
  layer,
  port,
  channels,
});

const lengthOf = (channels: readonly (Channels | ChannelRange)[]) =>
  channels.reduce((sum, { length }) => sum + length, 0);

const isPlain = ({ groups, positions }: Layer) => groups === 1 && positions === 1;

function layerOf(name: string, circuit: Circuit, index: number): Layer {
  const { left, right } = circuit;
  return {
    index,
    name,
    kind: "circuit",
    weight: left.layer.weight,
    dtype: left.layer.dtype,
    outChannels: outerChannels(left),
    inChannels: outerChannels(right),
    positions: 1,
    groups: 1,
    batchNorm: "none",
    normGain: right.layer.normGain,
    circuit,
  };
}

/** What two names have in common, whole parts of them: `layers.0.attn` of `layers.0.attn.v` and `layers.0.attn.o`; else the second. */
function commonName(a: string, b: string): string {
  const [parts, others] = [a, b].map((name) => name.split(/(?=[./])/)) as [string[], string[]];
  const differ = parts.findIndex((part, at) => part !== others[at]);
  return parts.slice(0, differ < 0 ? undefined : differ).join("") || b;
}
