/** The strongest edges of a model, and the neurons that many of them share: gathered while its connections go by. */

import type { EdgeColumns } from "../model/graph.ts";
import type { Connection } from "../model/layer.ts";
import type { Hub, StrongEdge } from "../model/measures.ts";

/** How many edges are kept. */
const STRONGEST = 10;

/** Fewer of the strongest edges at one neuron are no hub. */
const LEAST = 3;

/** Equal overlaps are ordered by their keys, so that no order of arrival shows. */
function byStrength(a: StrongEdge, b: StrongEdge): number {
  return b.overlap - a.overlap || a.sourceLayer - b.sourceLayer || a.sourceNeuron - b.sourceNeuron ||
    a.targetLayer - b.targetLayer || a.targetNeuron - b.targetNeuron || a.part - b.part;
}

type Ends = Pick<Connection, "source" | "target" | "part">;

/** Of the significant edges of one neuron, on one side: how many there are, and the layers at their other ends. */
interface Degree {
  edges: number;
  readonly layers: Set<number>;
}

/** Gathers the strongest edges of one model. Memory follows the number of neurons, not of edges. */
export class EdgeRanking {
  #strongest: StrongEdge[] = [];
  /** By layer and neuron. */
  readonly #degrees = {
    source: new Map<number, Map<number, Degree>>(),
    target: new Map<number, Map<number, Degree>>(),
  };

  /** The strongest edges, the strongest first, at most `STRONGEST`. */
  get edges(): readonly StrongEdge[] {
    return this.#strongest;
  }

  /** Takes the edges of a connection. */
  add({ source, target, part }: Ends, edges: EdgeColumns): void {
    this.#count("source", source, edges.sourceNeuron, target, edges);
    this.#count("target", target, edges.targetNeuron, source, edges);
    for (let i = 0; i < edges.count; i++) {
      if (edges.overlap[i]! < (this.#strongest[STRONGEST - 1]?.overlap ?? -Infinity)) continue;
      const edge: StrongEdge = {
        sourceLayer: source,
        sourceNeuron: edges.sourceNeuron[i]!,
        targetLayer: target,
        targetNeuron: edges.targetNeuron[i]!,
        part,
        overlap: edges.overlap[i]!,
        logP: edges.logP[i]!,
        sigma: edges.sigma[i]!,
        significant: edges.significant[i] === 1,
      };
      this.#strongest = [...this.#strongest, edge].sort(byStrength).slice(0, STRONGEST);
    }
  }

  /** Neurons at which at least three of the strongest edges end, of edges to at least two layers; the largest first. */
  hubs(): Hub[] {
    const strong = this.#strongest.filter(({ significant }) => significant);
    const ends = (["source", "target"] as const).flatMap((end) =>
      [...Map.groupBy(strong, (edge) => `${edge[`${end}Layer`]}/${edge[`${end}Neuron`]}`).values()]
        .map((strongest) => ({ end, strongest }))
    );
    return ends.filter(({ strongest }) => strongest.length >= LEAST).map(({ end, strongest }) => {
      const layer = strongest[0]![`${end}Layer`], neuron = strongest[0]![`${end}Neuron`];
      const { edges, layers } = this.#degrees[end].get(layer)!.get(neuron)!;
      return { layer, neuron, end, strongest, edges, layers: layers.size };
    }).filter(({ layers }) => layers > 1).sort((a, b) => b.strongest.length - a.strongest.length);
  }

  #count(
    end: "source" | "target",
    layer: number,
    neurons: Int32Array,
    other: number,
    { count, significant }: EdgeColumns,
  ): void {
    const degrees = this.#degrees[end].get(layer) ?? new Map<number, Degree>();
    this.#degrees[end].set(layer, degrees);
    // There are millions of edges and thousands of neurons: an array takes the first, and objects the second.
    const counts = new Int32Array(neurons.reduce((most, neuron) => Math.max(most, neuron), -1) + 1);
    for (let i = 0; i < count; i++) if (significant[i] === 1) counts[neurons[i]!]! += 1;
    for (const [neuron, found] of counts.entries()) {
      if (found === 0) continue;
      const degree = degrees.get(neuron) ?? { edges: 0, layers: new Set<number>() };
      degree.edges += found;
      degree.layers.add(other);
      degrees.set(neuron, degree);
    }
  }
}
