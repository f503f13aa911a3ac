/** Finding: how many of the deep spectral neurons are near-kernels. A description: nothing is tested. */

import { beside } from "./controls.ts";
import { doubted, unconvergedIn } from "./caveats.ts";
import { isOneOf, queries } from "./query-words.ts";
import { DEEP_MEANING, type LayerFacts, type ModelFacts } from "./facts.ts";
import type { Cell, Finding } from "./finding.ts";
import { counted } from "../../model/counted.ts";
import { decimal, percent } from "./words.ts";

/** The layers that are spoken of: the deep ones, or all where there are none. */
function layersInScope({ deep, layers }: ModelFacts): { deep: boolean; layers: readonly LayerFacts[] } {
  const set = new Set(deep);
  const found = layers.filter(({ index }) => set.has(index));
  return found.length > 0 ? { deep: true, layers: found } : { deep: false, layers };
}

const sum = (layers: readonly LayerFacts[], figure: (layer: LayerFacts) => number) =>
  layers.reduce((all, layer) => all + figure(layer), 0);

/** The share of near-kernels among deep neurons, in [0, 1]; null where there is no neuron. */
export function nearKernelShare(facts: ModelFacts): number | null {
  const { layers } = layersInScope(facts);
  const neurons = sum(layers, (layer) => layer.neurons);
  return neurons > 0 ? sum(layers, (layer) => layer.nearKernels) / neurons : null;
}

/** A smaller share stands out in no model. */
const LEAST_SHARE = 0.005;

/** At most one finding; none where hardly any neuron is a near-kernel. */
export function nearKernels(facts: ModelFacts): Finding[] {
  const { layers, deep } = layersInScope(facts);
  const neurons = sum(layers, (layer) => layer.neurons);
  const all = sum(facts.layers, (layer) => layer.nearKernels);
  const near = sum(layers, (layer) => layer.nearKernels);
  if (neurons === 0 || near < LEAST_SHARE * neurons) return [];
  // Singular values are the model's own in the null control too.
  const number = (name: string, value: number) => ({
    name,
    value,
    ...beside(facts, () => value),
    derived: null,
  });
  const asked = layers.map(({ index }) => index);
  const selected = (of: string) =>
    `sum(${of}near_kernels) AS near_kernels, sum(${of}rank) AS neurons, 1.0 * sum(${of}near_kernels) / sum(${of}rank) AS share`;
  return [{
    kind: "near-kernels",
    title: doubted(
      `${percent(near / neurons)} of the ${neurons} spectral neurons of ${
        deep ? `the ${counted(layers.length, "deep layer")}` : "the model"
      } are near-kernels (singular value at most ${
        decimal(facts.test.near_kernel)
      } of the layer's largest); in all layers ${all} of ${sum(facts.layers, (layer) => layer.neurons)} are.`,
      facts.connections,
    ),
    surprise: null,
    numbers: [number("near_kernels", near), number("neurons", neurons), number("share", near / neurons)],
    queries: queries(facts.asking, {
      cypher: (words) =>
        `MATCH (l:${words.layer})\nWHERE ${words.of("l")} AND ${
          isOneOf("l.layer", asked, "cypher")
        }\nRETURN ${selected("l.")}`,
      sql: (words) =>
        `SELECT ${selected("")}\nFROM ${words.table("layers")}\nWHERE ${
          isOneOf("layer_index", asked, "sql")
        }`,
    }),
    table: {
      title: "Near-kernels per layer",
      columns: ["layer", "name", "neurons", "near_kernels"],
      rows: facts.layers.map(({ index, name, neurons: count, nearKernels: kernels }): Cell[] => [
        index,
        name,
        count,
        kernels,
      ]),
      control: null,
      control_spread: null,
      queries: queries(facts.asking, {
        cypher: (words) =>
          `MATCH (l:${words.layer})\nWHERE ${words.of("l")} AND l.rank IS NOT NULL
RETURN l.layer AS layer, l.name AS name, l.rank AS neurons, l.near_kernels AS near_kernels ORDER BY layer`,
        sql: (words) =>
          `SELECT layer_index AS layer, name, rank AS neurons, near_kernels
FROM ${words.table("layers")} WHERE rank IS NOT NULL ORDER BY layer`,
      }),
    },
    null_control: "the same by construction: it keeps the singular values and turns the vectors",
    caveats: [DEEP_MEANING, "a description, without a p-value", ...unconvergedIn(layers), ...facts.caveats],
  }];
}
