/** Finding: connections between deep layers hold more edges than chance gives, or fewer. */

import { logBinomialTwoSided } from "../../stats/binomial.ts";
import { pValueMeaning } from "../../model/p-value.ts";
import { float } from "./query-words.ts";
import { doubted, smallCaveat, sparseCaveat, unconvergedCaveat, unsharedCaveat } from "./caveats.ts";
import { beside, controlsMeaning, controlText, overControls, reachText } from "./controls.ts";
import { type ConnectionFacts, type Measured, type ModelFacts, scopeOf, total } from "./facts.ts";
import { type Finding, NO_CONTROL } from "./finding.ts";
import { type Figure, overScope, perConnection, sumOf } from "./scope.ts";
import { counted } from "../../model/counted.ts";
import { decimal, pText } from "./words.ts";

/** What the p-value of a count supposes. */
export const DEPENDENT =
  "its p is that of a binomial count, as if all tests were independent; tests of a connection share singular vectors, so it " +
  "is a measure of size more than a probability";

/** Edges over those expected by chance; null where no connection was tested. */
export function excessRatio(facts: ModelFacts, measured: Measured): number | null {
  const { connections } = scopeOf(facts, measured);
  const tests = total(connections, (each) => each.tests);
  return tests > 0 ? total(connections, (each) => each.nominal) / (facts.test.alpha * tests) : null;
}

/** At most one finding. */
export function excessEdges(facts: ModelFacts): Finding[] {
  const { deep, connections } = scopeOf(facts, facts);
  const ratio = excessRatio(facts, facts);
  if (ratio === null) return [];
  const { alpha } = facts.test;
  const tests = total(connections, (each) => each.tests);
  const edges = total(connections, (each) => each.nominal);
  const logP = logBinomialTwoSided(edges, tests, alpha);
  const figures = edgeFigures(alpha);
  const { numbers, queries } = overScope(facts, figures);
  const where = deep ? `between deep layers` : "of the model";
  return [{
    kind: "excess-edges",
    title: doubted(
      `The ${counted(connections.length, "connection")} ${where} hold${connections.length === 1 ? "s" : ""} ${
        decimal(ratio)
      } times the edges expected by chance: ${edges} of ${tests} pairs have p <= ${
        decimal(alpha)
      }, where chance gives ${decimal(alpha * tests)} (as a binomial count, p = ${pText(logP)}).`,
      connections,
    ),
    surprise: logP,
    numbers: [
      ...numbers,
      {
        name: "log_p",
        value: logP,
        ...beside(facts, (control) => controlLogP(facts, control)),
        derived: "ln of twice the smaller binomial tail of edges among pairs at alpha",
      },
    ],
    queries,
    table: perConnection(facts, "Edges per connection", figures),
    null_control: controlInWords(facts, ratio),
    caveats: [
      pValueMeaning(facts.test.null).short,
      DEPENDENT,
      ...smallCaveat(facts, connections),
      ...unsharedCaveat(facts, connections),
      ...sparseCaveat(connections),
      ...unconvergedCaveat(facts, connections),
      ...facts.caveats,
    ],
  }];
}

function controlInWords(facts: ModelFacts, own: number): string {
  const { controls } = facts;
  const ratios = controls.map((control) => excessRatio(facts, control));
  const figure = overControls(ratios);
  if (figure.control === null) return NO_CONTROL;
  const said = `${controlText(figure)} times the edges expected by chance`;
  return controls.length === 1
    ? said
    : `${said} (${controlsMeaning(controls)}); ${reachText(ratios, own, 1)}`;
}

function controlLogP(facts: ModelFacts, control: Measured): number {
  const { connections } = scopeOf(facts, control);
  return logBinomialTwoSided(
    total(connections, (each) => each.nominal),
    total(connections, (each) => each.tests),
    facts.test.alpha,
  );
}

/** Figures of edges up to alpha, and of those that are significant. */
export function edgeFigures(alpha: number): Figure[] {
  const nominal = sumOf("edges", "nominal", (each) => each.nominal);
  const pairs = sumOf("pairs", "tests", (each) => each.tests);
  const chance = (connections: readonly ConnectionFacts[]) =>
    alpha * total(connections, (each) => each.tests);
  return [
    nominal,
    pairs,
    { name: "by_chance", value: chance, text: (sum) => `${float(alpha)} * ${sum("tests")}` },
    {
      name: "ratio",
      value: (connections) => total(connections, (each) => each.nominal) / chance(connections),
      text: (sum) => `${sum("nominal")} / (${float(alpha)} * ${sum("tests")})`,
    },
    sumOf("significant", "significant", (each) => each.significant),
  ];
}
