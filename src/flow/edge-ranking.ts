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

/** Counts of the significant edges of one layer's neurons, on one side. */
interface Degree {
  /** Per neuron: edges, and the layers at their other ends. */
  readonly edges: Map<number, number>;
  readonly layers: Map<number, Set<number>>;
}

/** Gathers the strongest edges of one model. Memory follows the number of neurons, not of edges. */
export class EdgeRanking {
  #strongest: StrongEdge[] = [];
  readonly #degrees = { source: new Map<number, Degree>(), target: new Map<number, Degree>() };

  /** The strongest edges, the strongest first, at most `STRONGEST`. */
  get edges(): readonly StrongEdge[] {
    return this.#strongest;
  }

  /** Takes the edges of a connection. */
  add({ source, target, part }: Ends, edges: EdgeColumns): void {
    const least = this.#strongest[STRONGEST - 1]?.overlap ?? -Infinity;
    const found: StrongEdge[] = [];
    for (let i = 0; i < edges.count; i++) {
      const significant = edges.significant[i] === 1;
      if (significant) {
        this.#count("source", source, edges.sourceNeuron[i]!, target);
        this.#count("target", target, edges.targetNeuron[i]!, source);
      }
      if (edges.overlap[i]! < least) continue;
      found.push({
        sourceLayer: source,
        sourceNeuron: edges.sourceNeuron[i]!,
        targetLayer: target,
        targetNeuron: edges.targetNeuron[i]!,
        part,
        overlap: edges.overlap[i]!,
        logP: edges.logP[i]!,
        sigma: edges.sigma[i]!,
        significant,
      });
    }
    if (found.length > 0) {
      this.#strongest = [...this.#strongest, ...found].sort(byStrength).slice(0, STRONGEST);
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
      const degree = this.#degrees[end].get(layer);
      const edges = degree?.edges.get(neuron) ?? 0;
      return { layer, neuron, end, strongest, edges, layers: degree?.layers.get(neuron)?.size ?? 0 };
    }).filter(({ layers }) => layers > 1).sort((a, b) => b.strongest.length - a.strongest.length);
  }

  #count(end: "source" | "target", layer: number, neuron: number, other: number): void {
    const degrees = this.#degrees[end];
    const degree = degrees.get(layer) ??
      { edges: new Map<number, number>(), layers: new Map<number, Set<number>>() };
    degrees.set(layer, degree);
    degree.edges.set(neuron, (degree.edges.get(neuron) ?? 0) + 1);
    const layers = degree.layers.get(neuron) ?? new Set<number>();
    degree.layers.set(neuron, layers.add(other));
  }
}
