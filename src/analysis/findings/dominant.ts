/** Finding: a chain of edges through many layers that is more than chance, the dominant connection. */

import type { Chain, ModelMeasures } from "../../model/measures.ts";
import { pValueMeaning } from "../../model/p-value.ts";
import { type QueriedModel, queries } from "./query-words.ts";
import { doubted, sparseCaveat, unconvergedCaveat, unsharedCaveat } from "./caveats.ts";
import { beside, controlText, overControls } from "./controls.ts";
import type { ConnectionFacts, ModelFacts } from "./facts.ts";
import { type Cell, type Finding, type FindingNumber, NO_CONTROL, type Query } from "./finding.ts";
import { counted } from "../../model/counted.ts";
import { decimal, pText, shortened } from "./words.ts";

/** One finding per chain that is more than chance. */
export function dominantConnections(facts: ModelFacts): Finding[] {
  const chains = facts.measures?.chains ?? [];
  return chains.filter((chain) => isMore(chain, facts)).map((chain, at) => finding(facts, chain, at));
}

/** One sentence where no chain is more than chance. */
export function noDominantConnection(facts: ModelFacts): string[] {
  if (facts.measures === null) return [];
  const [best] = facts.measures.chains;
  if (best !== undefined && isMore(best, facts)) return [];
  return [
    `There is no dominant connection at alpha ${decimal(facts.test.alpha)}: ${bestInWords(facts.measures)}.`,
  ];
}

function isMore({ logP, edges }: Chain, { logAlpha }: Pick<ModelFacts, "logAlpha">): boolean {
  return edges.length > 0 && logP <= logAlpha;
}

function bestInWords({ chains }: ModelMeasures): string {
  const [best] = chains;
  if (best === undefined || best.edges.length === 0) {
    return "no two edges that are strong enough for a chain follow one another";
  }
  return `the best chain, through ${best.edges.length + 1} layers, has joint p = ${pText(best.logP)}`;
}

function finding(facts: ModelFacts, chain: Chain, at: number): Finding {
  const { edges } = chain;
  const first = edges[0]!;
  const last = edges.at(-1)!;
  const name = (layer: number) => facts.names[layer] ?? String(layer);
  const said = (layer: number) => shortened(name(layer));
  const overlaps = edges.map(({ overlap }) => overlap);
  const chances = edges.map((edge) => chanceOf(facts, edge)).filter((chance) => chance !== null);
  const neurons = [first.sourceNeuron, ...edges.map(({ targetNeuron }) => targetNeuron)];
  const connections = edges.flatMap((edge) => connectionOf(facts, edge) ?? []);
  const vias = new Set(connections.map(({ via }) => via));
  return {
    kind: "dominant-connection",
    title: doubted(
      `${at === 0 ? "The dominant connection" : `The dominant connection number ${at + 1}`} runs through ${
        counted(edges.length + 1, "layer")
      }, from ${said(first.sourceLayer)} to ${said(last.targetLayer)}, along ${
        neurons.every((neuron) => neuron === neurons[0])
          ? `neuron ${neurons[0]} of each`
          : `neurons ${inShort(neurons)}`
      }: overlaps ${range(overlaps)}${
        chances.length > 0 ? ` where chance gives ${range(chances)}` : ""
      }; joint p = ${pText(chain.logP)} after correction over all chains.`,
      connections,
    ),
    surprise: chain.logP,
    numbers: numbersOf(facts, chain, at),
    queries: whole(facts.asking, chain),
    table: {
      title: "Its edges",
      columns: [
        "step",
        "source",
        "source_neuron",
        "target",
        "target_neuron",
        "part",
        "overlap",
        "by_chance",
        "log_p",
      ],
      rows: edges.map((edge, step): Cell[] => [
        step + 1,
        name(edge.sourceLayer),
        edge.sourceNeuron,
        name(edge.targetLayer),
        edge.targetNeuron,
        edge.part,
        edge.overlap,
        chanceOf(facts, edge),
        edge.logP,
      ]),
      control: null,
      control_spread: null,
      queries: edgeByEdge(facts.asking, chain),
    },
    null_control: controlInWords(facts, chain),
    caveats: [
      pValueMeaning(facts.test.null).short,
      "the edges of a chain are tested one by one; their p-values are independent only where no two of them share a vector that is random under " +
      "the null",
      ...unsharedCaveat(facts, connections),
      ...sparseCaveat(connections),
      ...unconvergedCaveat(facts, connections),
      ...[...vias].some((via) => via === "attention-head" || via === "split" || via === "concat")
        ? ["by_chance is 1/n; where only a part of the channels is carried on, chance gives less"]
        : [],
      ...facts.caveats,
    ],
  };
}

function controlInWords(facts: ModelFacts, own: Chain): string {
  if (facts.controls.length === 0) return NO_CONTROL;
  const all = facts.controls.flatMap(({ measures }) => measures ?? []);
  const [only] = all;
  if (only === undefined) return "not measured";
  const level = `at alpha ${decimal(facts.test.alpha)}`;
  if (all.length === 1) {
    const found = only.chains.filter((chain) => isMore(chain, facts)).length;
    return `${found === 0 ? "none" : found} ${level} in the same model with its channels turned at random: ${
      bestInWords(only)
    }`;
  }
  const best = all.map(({ chains: [first] }) => first !== undefined && first.edges.length > 0 ? first : null);
  const found = best.filter((chain) => chain !== null && isMore(chain, facts)).length;
  const reached = best.filter((chain) => chain !== null && chain.logP <= own.logP).length;
  const layers = overControls(best.map((chain) => chain === null ? 0 : chain.edges.length + 1));
  return `in ${
    found === 0 ? "none" : found
  } of ${all.length} controls ${level}; their best chains run through ${
    controlText(layers)
  } layers (mean and standard deviation), and the joint p of ${reached} of ${all.length} reaches this one's`;
}

function numbersOf(facts: ModelFacts, chain: Chain, at: number): FindingNumber[] {
  const number = (
    name: string,
    figure: (of: Chain) => number,
    derived: string | null = null,
  ): FindingNumber => ({
    name,
    value: figure(chain),
    ...beside(facts, ({ measures }) => {
      const other = measures?.chains[at];
      return other === undefined || other.edges.length === 0 ? null : figure(other);
    }),
    derived,
  });
  const overlaps = ({ edges }: Chain) => edges.map(({ overlap }) => overlap);
  return [
    number("edges", ({ edges }) => edges.length),
    number("smallest_overlap", (of) => least(overlaps(of))),
    number("largest_overlap", (of) => most(overlaps(of))),
    number("sum_log_p", ({ edges }) => edges.reduce((sum, { logP }) => sum + logP, 0)),
    number(
      "log_fisher",
      ({ logFisher }) => logFisher,
      "ln P(chi2 with 2 * edges degrees of freedom >= -2 * sum_log_p)",
    ),
    number(
      "log_chains",
      ({ logChains }) => logChains,
      "ln of the number of chains of all lengths among which it was chosen",
    ),
    number("log_p", ({ logP }) => logP, "log_fisher + log_chains, at most 0"),
  ];
}

const least = (values: readonly number[]) => values.reduce((low, value) => Math.min(low, value), Infinity);
const most = (values: readonly number[]) => values.reduce((high, value) => Math.max(high, value), -Infinity);

function range(values: readonly number[]): string {
  const [low, high] = [least(values), most(values)].map((value) => decimal(Number(value.toPrecision(2))));
  return low === high ? String(low) : `${low} to ${high}`;
}

/** The table has them all. */
const MOST_NEURONS = 20;

function inShort(neurons: readonly number[]): string {
  return neurons.slice(0, MOST_NEURONS).join(", ") + (neurons.length > MOST_NEURONS ? ", …" : "");
}

function connectionOf(facts: ModelFacts, edge: Chain["edges"][number]): ConnectionFacts | undefined {
  return facts.connections.find(({ source, target, part }) =>
    source === edge.sourceLayer && target === edge.targetLayer && part === edge.part
  );
}

function chanceOf(facts: ModelFacts, edge: Chain["edges"][number]): number | null {
  const channels = connectionOf(facts, edge)?.testedChannels ?? 0;
  return channels > 0 ? 1 / channels : null;
}

/** The chain in one row. */
function whole(asking: QueriedModel, chain: Chain): Query[] {
  const figures = (of: string) =>
    `count(*) AS edges, min(${of}overlap) AS smallest_overlap, max(${of}overlap) AS largest_overlap, sum(${of}log_p) AS sum_log_p`;
  return queries(asking, {
    cypher: (words) =>
      `${steps(chain, words.neuronId)}
MATCH (a:${words.neuron} {id: hop.source})-[e:CONNECTS {part: hop.part}]->(b:${words.neuron} {id: hop.target})
RETURN ${figures("e.")}`,
    sql: (words) => `SELECT ${figures("")}\nFROM ${sqlSteps(chain)}\n${SQL_JOIN(words.table("edges"))}`,
  });
}

/** The chain edge by edge. */
function edgeByEdge(asking: QueriedModel, chain: Chain): Query[] {
  return queries(asking, {
    cypher: (words) =>
      `${steps(chain, words.neuronId)}
MATCH (a:${words.neuron} {id: hop.source})-[e:CONNECTS {part: hop.part}]->(b:${words.neuron} {id: hop.target})
MATCH (k:${words.layer})-[:HAS_NEURON]->(a), (l:${words.layer})-[:HAS_NEURON]->(b), (k)-[f:FEEDS {part: hop.part}]->(l)
RETURN hop.step AS step, k.name AS source, a.neuron AS source_neuron, l.name AS target, b.neuron AS target_neuron,
       e.part AS part, e.overlap AS overlap, 1.0 / f.tested_channels AS by_chance, e.log_p AS log_p
ORDER BY step`,
    sql: (words) =>
      `SELECT step, k.name AS source, source_neuron, l.name AS target, target_neuron, part, overlap, 1.0 / tested_channels AS by_chance, log_p
FROM ${sqlSteps(chain)}
${SQL_JOIN(words.table("edges"))}
JOIN ${words.table("connections")} USING (source_layer, target_layer, part)
JOIN ${words.table("layers")} AS k ON k.layer_index = source_layer
JOIN ${words.table("layers")} AS l ON l.layer_index = target_layer
ORDER BY step`,
  });
}

function steps({ edges }: Chain, id: (layer: number, neuron: number) => string): string {
  const entries = edges.map((edge, at) =>
    `  {step: ${at + 1}, source: ${id(edge.sourceLayer, edge.sourceNeuron)}, target: ${
      id(edge.targetLayer, edge.targetNeuron)
    }, part: ${edge.part}}`
  );
  return `UNWIND [\n${entries.join(",\n")}\n] AS hop`;
}

function sqlSteps({ edges }: Chain): string {
  const rows = edges.map((edge, at) =>
    `(${
      [at + 1, edge.sourceLayer, edge.sourceNeuron, edge.targetLayer, edge.targetNeuron, edge.part].join(", ")
    })`
  );
  return `(VALUES ${
    rows.join(", ")
  }) AS chain(step, source_layer, source_neuron, target_layer, target_neuron, part)`;
}

const SQL_JOIN = (edges: string) =>
  `JOIN ${edges} USING (source_layer, source_neuron, target_layer, target_neuron, part)`;
