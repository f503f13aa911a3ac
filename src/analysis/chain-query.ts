/**
 * The Cypher that finds a chain in the graph of its run: texts that run as they stand, in `svr query`, in the embedded store and in Neo4j.
 * Their comments are a query's header, so that `svr query` also knows labels with a prefix.
 */

import type { Chain } from "../model/measures.ts";

/** The edges of a chain, in the order of flow: layers, neurons, part, overlap and log p of each. */
export function chainQuery(chain: Chain, modelId: string): string {
  return [
    "// The edges of a chain, in the order of flow.",
    "// @column step  integer  place in the chain, from 1",
    ...steps(chain, modelId),
    "RETURN s.step AS step, a.layer AS source_layer, a.neuron AS source_neuron, b.layer AS target_layer,",
    "       b.neuron AS target_neuron, e.part AS part, e.overlap AS overlap, e.log_p AS log_p",
    "ORDER BY step",
  ].join("\n");
}

/** How many of a chain's edges the graph holds, and the sum of their log p: what Fisher's method joins. */
export function chainSumQuery(chain: Chain, modelId: string): string {
  return [
    "// The sum of the log p of a chain's edges.",
    "// @column edges  integer  how many the graph holds",
    ...steps(chain, modelId),
    "RETURN count(e) AS edges, sum(e.log_p) AS log_p",
  ].join("\n");
}

/** Indices are numbers of ours; the id is the only text. */
function steps({ edges }: Chain, modelId: string): string[] {
  const model = literal(modelId);
  const rows = edges.map((edge, at) =>
    `{step: ${
      at + 1
    }, a: ${edge.sourceLayer}, i: ${edge.sourceNeuron}, b: ${edge.targetLayer}, j: ${edge.targetNeuron}, part: ${edge.part}}`
  );
  return [
    `UNWIND [${rows.join(",\n        ")}] AS s`,
    `MATCH (a:SpectralNeuron {model: ${model}, layer: s.a, neuron: s.i})-[e:CONNECTS {part: s.part}]->`,
    `      (b:SpectralNeuron {model: ${model}, layer: s.b, neuron: s.j})`,
  ];
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "'": "\\'",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/**
 * A text as a literal of both stores, on one line. It is taken apart where `svr query` would see an escape `\u`, which it refuses, or a
 * label, which it may give a prefix.
 */
function literal(text: string): string {
  const escaped = text.replaceAll(/[\\'\n\r\t]/g, (character) => ESCAPES[character] ?? character);
  return `'${
    escaped.replaceAll(/\\\\(?=u)|:(?=(?:Model|Layer|SpectralNeuron)\b)/g, (piece) => `${piece}' + '`)
  }'`;
}
