/** Finding: neurons at which several of the model's strongest edges meet. A description: nothing is tested beyond the edges. */

import type { Hub } from "../../model/measures.ts";
import { doubted, unconvergedCaveat } from "./caveats.ts";
import type { ModelFacts } from "./facts.ts";
import { type Cell, type Finding, NO_CONTROL } from "./finding.ts";
import { queries } from "./query-words.ts";
import { counted } from "../../model/counted.ts";
import { shortened } from "./words.ts";

/** At most this many hubs are named. */
const MOST = 3;

/** At most one finding per hub, the one with the most of the strongest edges first. */
export function hubs(facts: ModelFacts): Finding[] {
  return facts.hubs.slice(0, MOST).map((hub) => finding(facts, hub));
}

function finding(facts: ModelFacts, hub: Hub): Finding {
  const { layer, neuron, end, strongest, edges, layers } = hub;
  const name = (index: number) => facts.names[index] ?? String(index);
  const isSource = end === "source";
  const connections = facts.connections.filter((each) => each[end] === layer);
  const cell = (value: number, derived: string | null = null) => ({
    value,
    control: null,
    control_spread: null,
    derived,
  });
  return {
    kind: "hub",
    title: doubted(
      `Neuron ${neuron} of ${shortened(name(layer))} ${isSource ? "feeds" : "is fed by"} ${
        counted(layers, "layer")
      } by ${
        counted(edges, "significant edge")
      }; ${strongest.length} of the model's ${facts.strongestEdges} strongest edges ${
        isSource ? "begin" : "end"
      } there.`,
      connections,
    ),
    surprise: null,
    numbers: [
      { name: "edges", ...cell(edges) },
      { name: "layers", ...cell(layers) },
      { name: "strongest_edges", ...cell(strongest.length, "the rows of the table below") },
    ],
    queries: queries(facts.asking, {
      cypher: (words) =>
        `MATCH (a:${words.neuron})-[e:CONNECTS]->(b:${words.neuron})
WHERE ${isSource ? "a" : "b"}.id = ${words.neuronId(layer, neuron)} AND e.significant
RETURN count(*) AS edges, count(DISTINCT ${isSource ? "b" : "a"}.layer) AS layers`,
      sql: (words) =>
        `SELECT count(*) AS edges, count(DISTINCT ${isSource ? "target_layer" : "source_layer"}) AS layers
FROM ${words.table("edges")}
WHERE ${end}_layer = ${layer} AND ${end}_neuron = ${neuron} AND significant`,
    }),
    table: {
      title: `Its edges among the ${facts.strongestEdges} strongest of the model`,
      columns: ["source", "source_neuron", "target", "target_neuron", "part", "overlap"],
      rows: strongest.map((edge): Cell[] => [
        name(edge.sourceLayer),
        edge.sourceNeuron,
        name(edge.targetLayer),
        edge.targetNeuron,
        edge.part,
        edge.overlap,
      ]),
      control: null,
      control_spread: null,
      queries: strongestEdgesOf(facts, hub),
    },
    null_control: facts.controls.length === 0 ? NO_CONTROL : "not one of its figures",
    caveats: [
      "a description: each edge is tested, that they meet is not; edges of one neuron share a vector",
      ...unconvergedCaveat(facts, connections),
      ...facts.caveats,
    ],
  };
}

/** Those of the model's strongest edges that end at the hub. */
function strongestEdgesOf(
  { asking, strongestEdges }: ModelFacts,
  { layer, neuron, end }: Hub,
): Finding["queries"] {
  return queries(asking, {
    cypher: (words) =>
      `MATCH (a:${words.neuron})-[e:CONNECTS]->(b:${words.neuron})
WHERE ${words.of("a")}
WITH a, e, b ORDER BY e.overlap DESC, a.layer, a.neuron, b.layer, b.neuron, e.part LIMIT ${strongestEdges}
MATCH (k:${words.layer})-[:HAS_NEURON]->(a), (l:${words.layer})-[:HAS_NEURON]->(b)
WHERE ${end === "source" ? "a" : "b"}.id = ${words.neuronId(layer, neuron)} AND e.significant
RETURN k.name AS source, a.neuron AS source_neuron, l.name AS target, b.neuron AS target_neuron,
       e.part AS part, e.overlap AS overlap
ORDER BY overlap DESC, k.layer, source_neuron, l.layer, target_neuron, part`,
    sql: (words) =>
      `SELECT k.name AS source, source_neuron, l.name AS target, target_neuron, part, overlap
FROM (
  SELECT * FROM ${words.table("edges")}
  ORDER BY overlap DESC, source_layer, source_neuron, target_layer, target_neuron, part LIMIT ${strongestEdges}
)
JOIN ${words.table("layers")} AS k ON k.layer_index = source_layer
JOIN ${words.table("layers")} AS l ON l.layer_index = target_layer
WHERE ${end}_layer = ${layer} AND ${end}_neuron = ${neuron} AND significant
ORDER BY overlap DESC, source_layer, source_neuron, target_layer, target_neuron, part`,
  });
}
