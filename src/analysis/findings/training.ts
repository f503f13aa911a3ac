/**
 * Findings in WeightWatcher's words: layers that are over-trained or under-trained by the exponent of their power law, and traps. Only where the
 * run has made what says whether the words mean anything: the goodness of fit and the interval of alpha, the weights with their entries permuted.
 */

import { counted } from "../../model/counted.ts";
import { logBinomialSurvival } from "../../stats/binomial.ts";
import { beside } from "./controls.ts";
import type { LayerFacts, ModelFacts } from "./facts.ts";
import type { Cell, Finding } from "./finding.ts";
import { queries } from "./query-words.ts";
import { decimal, pText, shortened } from "./words.ts";

/** Up to this goodness of fit a power law is refused (Clauset, Shalizi and Newman 2009). */
const NO_POWER_LAW = 0.1;

/** WeightWatcher's bounds of alpha. */
const [LEAST, MOST] = [2, 6];

/** Layers that a title names. */
const NAMED = 3;

const HEURISTIC =
  "the bounds 2 and 6 are WeightWatcher's rule of thumb, found on networks of its time: no test says that such a layer is trained too much or too little";
const SPECTRUM =
  "a power law that is not refused may still be another law; the interval takes eigenvalues for independent, which they are not";
const CONTROL = "the same by construction: it keeps the singular values";

/** At most one finding: layers whose alpha is below 2, its whole interval with it. */
export function overTrained(facts: ModelFacts): Finding[] {
  return byAlpha(facts, {
    kind: "over-trained",
    bound: `alpha below ${LEAST}`,
    condition: (of) => `${of}alpha_high < ${LEAST.toFixed(1)}`,
    holds: ({ metrics: { alpha_high: high } }) => high !== null && high !== undefined && high < LEAST,
  });
}

/** At most one finding: layers whose alpha is above 6, its whole interval with it. */
export function underTrained(facts: ModelFacts): Finding[] {
  return byAlpha(facts, {
    kind: "under-trained",
    bound: `alpha above ${MOST}`,
    condition: (of) => `${of}alpha_low > ${MOST.toFixed(1)}`,
    holds: ({ metrics: { alpha_low: low } }) => low !== null && low !== undefined && low > MOST,
  });
}

interface Bound {
  readonly kind: "over-trained" | "under-trained";
  readonly bound: string;
  /** In both languages. */
  readonly condition: (of: string) => string;
  readonly holds: (layer: LayerFacts) => boolean;
}

function byAlpha(facts: ModelFacts, { kind, bound, condition, holds }: Bound): Finding[] {
  const fitted = facts.layers.filter(({ metrics }) => (metrics["alpha_p"] ?? 0) > NO_POWER_LAW);
  const found = fitted.filter(holds);
  if (found.length === 0) return [];
  const measured = facts.layers.filter(({ metrics }) => (metrics["alpha_p"] ?? null) !== null);
  const where = (of: string) => `${of}alpha_p > ${NO_POWER_LAW} AND ${condition(of)}`;
  return [finding(facts, {
    kind,
    title: `${counted(found.length, "layer")} of ${measured.length} ${
      found.length === 1 ? "is" : "are"
    } ${kind} in WeightWatcher's words (${
      names(found)
    }): ${bound}, with all of its interval, where a power law is not refused.`,
    surprise: null,
    found,
    columns: ["alpha", "alpha_low", "alpha_high", "alpha_p"],
    where,
    caveats: [HEURISTIC, SPECTRUM],
  })];
}

/** At most one finding: more layers than by chance of which permuted entries still have a spike. */
export function traps(facts: ModelFacts): Finding[] {
  const tested = facts.layers.filter(({ metrics }) => (metrics["rand_num_spikes"] ?? null) !== null);
  const found = tested.filter(({ metrics }) => metrics["rand_num_spikes"]! > 0);
  const logP = logBinomialSurvival(found.length, tested.length, facts.test.spike_alpha);
  if (found.length === 0 || logP > facts.logAlpha) return [];
  return [finding(facts, {
    kind: "traps",
    title: `${counted(found.length, "layer")} of ${tested.length} ${
      found.length === 1 ? "has" : "have"
    } traps in WeightWatcher's words (${
      names(found)
    }): with their entries permuted they still have neurons that stand out of noise; p = ${pText(logP)}.`,
    surprise: logP,
    found,
    columns: ["rand_num_spikes", "max_rand_eval", "ww_softrank"],
    where: (of) => `${of}rand_num_spikes > 0`,
    caveats: [
      `p: so many layers of ${tested.length}, each at the level ${decimal(facts.test.spike_alpha)}`,
      "noise is Gaussian here: single large entries have such spikes, whatever they do in the network; of one permutation",
    ],
  })];
}

interface Found extends Pick<Finding, "kind" | "title" | "surprise" | "caveats"> {
  readonly found: readonly LayerFacts[];
  readonly columns: readonly string[];
  /** In both languages. */
  readonly where: (of: string) => string;
}

function finding(
  facts: ModelFacts,
  { kind, title, surprise, found, columns, where, caveats }: Found,
): Finding {
  const listed = (of: string) => columns.map((name) => `${of}${name} AS ${name}`).join(", ");
  return {
    kind,
    title,
    surprise,
    numbers: [{
      name: "found",
      value: found.length,
      ...beside(facts, () => found.length),
      derived: null,
    }],
    queries: queries(facts.asking, {
      cypher: (words) =>
        `MATCH (l:${words.layer})\nWHERE ${words.of("l")} AND ${where("l.")}\nRETURN count(l) AS found`,
      sql: (words) => `SELECT count(*) AS found\nFROM ${words.table("layers")}\nWHERE ${where("")}`,
    }),
    table: {
      title: "These layers",
      columns: ["layer", "name", ...columns],
      rows: found.map(({ index, name, metrics }): Cell[] => [
        index,
        name,
        ...columns.map((column) => metrics[column] ?? null),
      ]),
      control: null,
      control_spread: null,
      queries: queries(facts.asking, {
        cypher: (words) =>
          `MATCH (l:${words.layer})\nWHERE ${words.of("l")} AND ${
            where("l.")
          }\nRETURN l.layer AS layer, l.name AS name, ${listed("l.")} ORDER BY layer`,
        sql: (words) =>
          `SELECT layer_index AS layer, name, ${listed("")}\nFROM ${words.table("layers")}\nWHERE ${
            where("")
          } ORDER BY layer`,
      }),
    },
    null_control: CONTROL,
    caveats: [...caveats, ...facts.caveats],
  };
}

function names(layers: readonly LayerFacts[]): string {
  const said = layers.slice(0, NAMED).map(({ name }) => shortened(name)).join(", ");
  return layers.length > NAMED ? `${said} and others` : said;
}
