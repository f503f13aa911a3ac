/** Finding: whether heads read what earlier heads write, more or less than chance gives. */

import { counted } from "../../model/counted.ts";
import { pValueMeaning } from "../../model/p-value.ts";
import { logBinomialTwoSided } from "../../stats/binomial.ts";
import { doubted, sparseCaveat } from "./caveats.ts";
import { beside, controlsMeaning, controlText, overControls } from "./controls.ts";
import { DEPENDENT, edgeFigures } from "./excess-edges.ts";
import { type ConnectionFacts, type Measured, type ModelFacts, total } from "./facts.ts";
import { type Finding, type FindingTable, NO_CONTROL } from "./finding.ts";
import { type CypherWords, queries } from "./query-words.ts";
import { selected } from "./scope.ts";
import { decimal, pText, shortened } from "./words.ts";

/** So many compositions are shown. */
const MOST = 10;

const CYPHER = (words: CypherWords) =>
  `MATCH (a:${words.layer})-[f:FEEDS]->(b:${words.layer})
WHERE ${words.of("a")} AND f.composition IS NOT NULL AND f.tests > 0`;
const SQL = "composition IS NOT NULL AND tests > 0";

/** At most one finding, of a model whose circuits are layers. */
export function compositions(facts: ModelFacts): Finding[] {
  const found = composed(facts);
  const { alpha } = facts.test;
  const tests = total(found, (each) => each.tests);
  if (tests === 0) return [];
  const edges = total(found, (each) => each.nominal);
  const shown = found.filter(({ significant }) => significant > 0);
  const logP = logBinomialTwoSided(edges, tests, alpha);
  const figures = edgeFigures(alpha);
  return [{
    kind: "compositions",
    title: doubted(
      `${counted(found.length, "composition")} of attention heads hold${found.length === 1 ? "s" : ""} ${
        decimal(edges / (alpha * tests))
      } times the edges expected by chance (as a binomial count, p = ${pText(logP)}); ${shown.length} ${
        shown.length === 1 ? "has" : "have"
      } significant ones${strongest(facts, shown)}.`,
      found,
    ),
    surprise: logP,
    numbers: figures.map((figure) => ({
      name: figure.name,
      value: figure.value(found),
      ...beside(facts, (control) => figure.value(composed(control))),
      derived: null,
    })),
    queries: queries(facts.asking, {
      cypher: (words) => `${CYPHER(words)}\nRETURN ${selected(figures, (column) => `sum(f.${column})`)}`,
      sql: (words) =>
        `SELECT ${selected(figures, (column) => `sum(${column})`)}\nFROM ${
          words.table("connections")
        }\nWHERE ${SQL}`,
    }),
    table: table(facts, found),
    null_control: controlInWords(facts),
    caveats: [
      pValueMeaning(facts.test.null).short,
      "queries and keys are held together without their positions: what rotary positions do to them is left out",
      DEPENDENT,
      ...sparseCaveat(found),
      ...facts.caveats,
    ],
  }];
}

/** Compositions that were tested, those with the most significant edges first. */
function composed({ connections }: Measured): readonly ConnectionFacts[] {
  return connections.filter(({ composition, tests }) => composition !== null && tests > 0).sort((a, b) =>
    b.significant - a.significant || b.nominal - a.nominal || a.source - b.source || a.target - b.target ||
    a.part - b.part
  );
}

function strongest({ names }: ModelFacts, [first]: readonly ConnectionFacts[]): string {
  if (first === undefined) return "";
  const name = (layer: number) => shortened(names[layer] ?? String(layer));
  const how = { Q: "queries", K: "keys", V: "values" }[first.composition ?? ""] ?? "input";
  return `, above all what ${name(first.source)} writes and ${name(first.target)} reads as ${how}`;
}

function table(facts: ModelFacts, found: readonly ConnectionFacts[]): FindingTable {
  return {
    title: `The ${Math.min(MOST, found.length)} compositions with the most edges`,
    columns: ["source", "target", "composition", "edges", "pairs", "significant", "max_overlap", "score"],
    rows: found.slice(0, MOST).map((each) => [
      facts.names[each.source] ?? null,
      facts.names[each.target] ?? null,
      each.composition,
      each.nominal,
      each.tests,
      each.significant,
      each.maxOverlap,
      each.compositionScore,
    ]),
    control: null,
    control_spread: null,
    queries: queries(facts.asking, {
      cypher: (words) =>
        `${CYPHER(words)}
RETURN a.name AS source, b.name AS target, f.composition AS composition, f.nominal AS edges, f.tests AS pairs,
       f.significant AS significant, f.max_overlap AS max_overlap, f.composition_score AS score
ORDER BY significant DESC, edges DESC, a.layer, b.layer, f.part LIMIT ${MOST}`,
      sql: (words) =>
        `SELECT a.name AS source, b.name AS target, composition, nominal AS edges, tests AS pairs,
       significant, max_overlap, composition_score AS score
FROM ${words.table("connections")} AS f
JOIN ${words.table("layers")} AS a ON a.layer_index = source_layer
JOIN ${words.table("layers")} AS b ON b.layer_index = target_layer
WHERE ${SQL}
ORDER BY significant DESC, edges DESC, source_layer, target_layer, part LIMIT ${MOST}`,
    }),
  };
}

function controlInWords(facts: ModelFacts): string {
  const { controls, test: { alpha } } = facts;
  const figure = overControls(controls.map((control) => {
    const found = composed(control);
    const tests = total(found, (each) => each.tests);
    return tests > 0 ? total(found, (each) => each.nominal) / (alpha * tests) : null;
  }));
  if (figure.control === null) return NO_CONTROL;
  const said = `${controlText(figure)} times the edges expected by chance`;
  return controls.length === 1 ? said : `${said} (${controlsMeaning(controls)})`;
}
