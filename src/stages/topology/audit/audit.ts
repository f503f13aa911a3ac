/**
 * What the weights of a model say to its topology: connections that they contradict, and spaces of channels that they show and no connection says.
 *
 * That two sides of layers do not agree shows nothing by itself: small, narrow and untrained layers agree with none. So a connection is contradicted only
 * where both of its sides agree with others, each with its own, among them some that no connection joins to it, and neither they nor all that agree with
 * either agree with each other.
 */

import type { Kernel } from "../../../kernels/kernel.ts";
import type { LayerGraph } from "../../../model/layer.ts";
import { lookedAt, mostChannels } from "../inference/channel-weights.ts";
import { copiesAmong } from "../inference/copies.ts";
import { type InferenceOptions, type InferredFrom, layerReader } from "../inference/layer-reader.ts";
import { pairTests } from "../inference/pair-tests.ts";
import { isUsable, type Port, portOf } from "../inference/ports.ts";
import { Agreement } from "./agreement.ts";
import { type Contradiction, contradictions, judged, type Verdict } from "./contradictions.ts";
import { DeclaredChannels } from "./declared-channels.ts";
import { type Exchange, exchanges } from "./exchanges.ts";
import { auditedParts, auditedSpan, type ChannelPart } from "./parts.ts";
import { type UndeclaredSpace, undeclaredSpaces } from "./undeclared-spaces.ts";

/** What the weights say to a topology. */
export interface Audit {
  /** Pairs of parts of layers that were looked at: what each p is to be corrected for. */
  readonly looked: number;
  /** Of each connection of the graph. */
  readonly verdicts: readonly Verdict[];
  readonly contradicted: readonly Contradiction[];
  /** Layers that would fit in each other's place. */
  readonly exchanged: readonly Exchange[];
  readonly undeclared: readonly UndeclaredSpace[];
}

/**
 * Holds a topology against the weights. Reads every weight of its layers once, one at a time.
 *
 * @param graph any, whatever it is known by
 * @param kernel decomposes Gram matrices, of at most 192 channels
 * @throws {RangeError} when a layer needs more than the whole budget
 * @throws what reading throws, and the signal's reason once it is aborted
 */
export async function audit(
  model: InferredFrom,
  graph: LayerGraph,
  kernel: Kernel,
  { budget, ...options }: InferenceOptions = {},
): Promise<Audit> {
  const { layers } = graph;
  const { ports, parts } = await portsOf(model, graph, kernel, { budget, ...options });
  const tensorOf = ({ layer }: Port) => layers[layer]!.weight.tensor;
  const span = auditedSpan(parts);
  const isPair = (a: Port, b: Port) => Math.abs(a.layer - b.layer) <= span && tensorOf(a) !== tensorOf(b);
  const { tests, alike } = await pairTests(ports, isPair, kernel, options);
  const declared = new DeclaredChannels(graph);
  const agreement = new Agreement(ports, parts, tests);
  const isWhole = (at: number) => {
    const { layer, side, width } = parts[at]!;
    return width === (side === "out" ? layers[layer]!.outChannels : layers[layer]!.inChannels);
  };
  const whole = [...parts.keys()].filter(isWhole);
  const copies = copiesAmong(
    whole.map((at) => ports[at]!),
    layers,
    alike.filter((pair) => pair.every(isWhole)).map(([a, b]) =>
      [whole.indexOf(a), whole.indexOf(b)] as const
    ),
  );
  const { verdicts, suspected } = await judged(graph, agreement, declared, options.signal);
  const exchanged = exchanges(graph, suspected, agreement);
  const contradicted = contradictions(graph, suspected, agreement, exchanged);
  const numbers = new Set(contradicted.map(({ connection }) => connection));
  return {
    looked: agreement.looked,
    verdicts: verdicts.map((verdict, at) => numbers.has(at) ? "contradicted" : verdict),
    contradicted,
    exchanged,
    undeclared: undeclaredSpaces(graph, contradicted, agreement, declared, copies),
  };
}

/** The parts of layers that can be tested, and what their weights show. */
async function portsOf(
  model: InferredFrom,
  graph: LayerGraph,
  kernel: Kernel,
  { budget, ...options }: InferenceOptions,
): Promise<{ readonly ports: readonly Port[]; readonly parts: readonly ChannelPart[] }> {
  const wanted = auditedParts(graph);
  const most = mostChannels(wanted.length);
  const withLayer = layerReader(graph, model, "audit", { budget, ...options });
  const ports: Port[] = [];
  const parts: ChannelPart[] = [];
  for (const [layer, some] of Map.groupBy(wanted, (part) => part.layer)) {
    await withLayer(layer, async (read) => {
      if (!isUsable(read.blocks)) return;
      for (const part of some) {
        const channels = lookedAt(part.width, most).map((channel) => part.from + channel);
        ports.push(await portOf(read, part.side, part.width, channels, kernel, options));
        parts.push(part);
      }
    });
  }
  return { ports, parts };
}
