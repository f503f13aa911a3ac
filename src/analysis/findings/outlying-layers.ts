/** Finding: layers whose stable rank or spectral norm lies far from those of the others. A description: nothing is tested. */

import { median, medianDeviation } from "../../stats/ordinary.ts";
import { beside } from "./controls.ts";
import { doubted } from "./caveats.ts";
import { queries } from "./query-words.ts";
import type { LayerFacts, ModelFacts } from "./facts.ts";
import type { Finding } from "./finding.ts";
import { decimal, shortened } from "./words.ts";

/** Fewer layers have no usual value. */
const LEAST_LAYERS = 5;

/** Robust deviations from the median that count as far: of Gaussian values one in 2,000 is. */
const FAR = 3.5;

/** `1 / Phi^-1(3/4)`: makes the median absolute deviation that of a Gaussian. */
const GAUSSIAN = 1.4826;

/** No usual value is known better than to 5 %: layers that are nearly alike do not make a small difference stand out. */
const LEAST_SPREAD = 0.05;

/** At most this many layers are named. */
const MOST = 3;

interface Outlier {
  readonly layer: LayerFacts;
  readonly measure: "stable_rank" | "spectral_norm";
  readonly value: number;
  readonly median: number;
  readonly deviation: number;
}

/** At most one finding per layer, the farthest first. */
export function outlyingLayers(facts: ModelFacts): Finding[] {
  const outliers = [
    ...outliersOf(facts.layers, "stable_rank", ({ stableRank }) => stableRank),
    ...outliersOf(facts.layers, "spectral_norm", ({ spectralNorm }) => spectralNorm),
  ].sort((a, b) => Math.abs(b.deviation) - Math.abs(a.deviation));
  const firsts = outliers.filter(({ layer }, at) =>
    outliers.findIndex((each) => each.layer === layer) === at
  );
  return firsts.slice(0, MOST).map((outlier) => finding(facts, outlier));
}

function finding(facts: ModelFacts, { layer, measure, value, median, deviation }: Outlier): Finding {
  const number = (name: string, figure: number | null) => ({
    name,
    value: figure,
    ...beside(facts, () => figure),
    derived: null,
  });
  const columns = (of: string) =>
    `${of}spectral_norm AS spectral_norm, ${of}stable_rank AS stable_rank, ${of}rank AS neurons`;
  const words = measure === "stable_rank" ? "stable rank" : "largest singular value";
  return {
    kind: "outlying-layer",
    title: doubted(
      `The layer ${shortened(layer.name)} stands out by its ${words}: ${decimal(value)}, far ${
        deviation > 0 ? "above" : "below"
      } the median of ${facts.layers.length} layers, ${decimal(median)}.`,
      facts.connections,
    ),
    surprise: null,
    numbers: [
      number("spectral_norm", layer.spectralNorm),
      number("stable_rank", layer.stableRank),
      number("neurons", layer.neurons),
      {
        name: "deviations",
        value: deviation,
        ...beside(facts, () => deviation),
        derived:
          `(ln ${measure} - its median over layers) / (1.4826 times its median absolute deviation, at least 0.05)`,
      },
    ],
    queries: queries(facts.asking, {
      cypher: (said) =>
        `MATCH (l:${said.layer})\nWHERE ${said.of("l")} AND l.layer = ${layer.index}\nRETURN ${
          columns("l.")
        }`,
      sql: (said) =>
        `SELECT ${columns("")}\nFROM ${said.table("layers")}\nWHERE layer_index = ${layer.index}`,
    }),
    table: null,
    null_control: "the same by construction: it keeps the singular values",
    caveats: [
      "a description, without a p-value; layers of different shapes have different usual values",
      ...facts.caveats,
    ],
  };
}

/** On a logarithmic scale: these measures are ratios. */
function outliersOf(
  layers: readonly LayerFacts[],
  measure: Outlier["measure"],
  figure: (layer: LayerFacts) => number | null,
): Outlier[] {
  const positive = layers.flatMap((layer) => {
    const value = figure(layer);
    return value !== null && value > 0 && Number.isFinite(value)
      ? [{ layer, value, log: Math.log(value) }]
      : [];
  });
  if (positive.length < LEAST_LAYERS) return [];
  const logs = positive.map(({ log }) => log);
  const middle = median(logs);
  const spread = Math.max(LEAST_SPREAD, GAUSSIAN * medianDeviation(logs));
  return positive.map(({ layer, value, log }) => ({
    layer,
    measure,
    value,
    median: Math.exp(middle),
    deviation: (log - middle) / spread,
  })).filter(({ deviation }) => Math.abs(deviation) > FAR);
}
