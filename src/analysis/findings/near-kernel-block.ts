/** Finding: between the near-kernels of two layers lie more edges, or more overlap, than chance gives; or fewer, or less. */

import { logBinomialTwoSided } from "../../stats/binomial.ts";
import { logGammaSurvival } from "../../stats/special-functions.ts";
import { pValueMeaning } from "../../model/p-value.ts";
import { float } from "./query-words.ts";
import { doubted, smallCaveat, unconvergedCaveat } from "./caveats.ts";
import { beside, controlsMeaning, controlText, overControls, reachText } from "./controls.ts";
import { type ConnectionFacts, type Measured, type ModelFacts, scopeOf, total, totalKnown } from "./facts.ts";
import { type Finding, NO_CONTROL } from "./finding.ts";
import { type Figure, overScope, perConnection, sumOf } from "./scope.ts";
import { counted } from "../../model/counted.ts";
import { decimal } from "./words.ts";

/** What lies between near-kernels, against chance; null where it cannot be said. */
export interface BlockRatios {
  /** Edges with p <= alpha over those expected by chance. */
  readonly edges: number | null;
  /** Their total overlap over that expected by chance. */
  readonly energy: number | null;
}

/** The two ratios over the connections in scope. */
export function blockRatios(facts: ModelFacts, measured: Measured): BlockRatios {
  const { connections } = scopeOf(facts, measured);
  const chance = facts.test.alpha * total(connections, (each) => each.nearTests);
  const expected = totalKnown(connections, (each) => each.energyExpected);
  const energy = totalKnown(connections, (each) => each.energy);
  return {
    edges: chance > 0 ? total(connections, (each) => each.nearNominal) / chance : null,
    energy: energy !== null && expected !== null && expected > 0 ? energy / expected : null,
  };
}

/** At most one finding; none where no two near-kernels were tested. */
export function nearKernelBlock(facts: ModelFacts): Finding[] {
  const { deep, connections } = scopeOf(facts, facts);
  const { edges, energy } = blockRatios(facts, facts);
  if (edges === null || energy === null) return [];
  const { numbers, queries } = overScope(facts, blockFigures(facts.test.alpha));
  const mine = logPs(facts, connections, energy);
  const controlP = (control: Measured) =>
    logPs(facts, scopeOf(facts, control).connections, blockRatios(facts, control).energy ?? 1);
  const found = total(connections, (each) => each.nearNominal);
  const chance = facts.test.alpha * total(connections, (each) => each.nearTests);
  const where = deep ? "of deep layers" : "of connected layers";
  return [{
    kind: "near-kernel-block",
    title: doubted(
      found === 0 && chance < 1
        ? `Between near-kernels ${where} the total overlap is ${
          decimal(energy)
        } times what chance gives; no edge lies there, and chance gives ${decimal(chance)}.`
        : title(where, found, edges, energy, isSparsified(facts, { edges, energy }, mine)),
      connections,
    ),
    // The smaller of two p, after Bonferroni.
    surprise: Math.min(0, Math.LN2 + Math.min(mine.count, mine.energy ?? 0)),
    numbers: [
      ...numbers,
      {
        name: "edges_log_p",
        value: mine.count,
        ...beside(facts, (control) => controlP(control).count),
        derived: "ln of twice the smaller binomial tail of edges among pairs at alpha",
      },
      {
        name: "energy_log_p",
        value: mine.energy,
        ...beside(facts, (control) => controlP(control).energy),
        derived: mine.how,
      },
    ],
    queries,
    table: perConnection(facts, "Between near-kernels, per connection", [
      ...blockFigures(facts.test.alpha),
      ofOne("log_p_more_energy", "near_kernel_log_p", (each) => each.energyLogP),
      ofOne("log_p_less_energy", "near_kernel_log_p_low", (each) => each.energyLogPLow),
    ]),
    null_control: controlInWords(facts, edges, energy),
    caveats: [
      pValueMeaning(facts.test.null).short,
      "which neurons are near-kernels is set by the singular values, which are the model's own",
      ...smallCaveat(
        facts,
        connections,
      ),
      ...unconvergedCaveat(facts, connections),
      ...facts.caveats,
    ],
  }];
}

function controlInWords(facts: ModelFacts, edges: number, energy: number): string {
  const { controls } = facts;
  if (controls.length === 0) return NO_CONTROL;
  const ratios = controls.map((control) => blockRatios(facts, control));
  const [counts, sums] = [ratios.map((each) => each.edges), ratios.map((each) => each.energy)];
  const said = `${controlText(overControls(counts))} times the edges and ${
    controlText(overControls(sums))
  } times the overlap expected by chance`;
  if (controls.length === 1) return said;
  return `${said} (${controlsMeaning(controls)}); of the edges ${
    reachText(counts, edges, 1)
  }, of the overlap ${reachText(sums, energy, 1)}`;
}

/** Sparsification is more edges and less overlap than chance gives, each of them by itself more than chance. */
function isSparsified(
  { logAlpha }: Pick<ModelFacts, "logAlpha">,
  { edges, energy }: { readonly edges: number; readonly energy: number },
  p: { readonly count: number; readonly energy: number | null },
): boolean {
  return edges > 1 && energy < 1 && p.count <= logAlpha && p.energy !== null && p.energy <= logAlpha;
}

function title(where: string, found: number, edges: number, energy: number, sparsified: boolean): string {
  const count = `lie${found === 1 ? "s" : ""} ${counted(found, "edge")}, ${
    decimal(edges)
  } times what chance gives`;
  const overlap = `${decimal(energy)} times what chance gives`;
  if (sparsified) {
    return `Spontaneous sparsification: between near-kernels ${where} ${count}, while their total overlap is only ${overlap}.`;
  }
  const opposite = (edges - 1) * (energy - 1) < 0;
  return `Between near-kernels ${where} ${count}${
    opposite ? ", while" : ";"
  } their total overlap is ${overlap}.`;
}

/** `ln p` of the count, two-sided, and of the energy, on the side where it lies; and how the latter was had. */
function logPs(
  { test }: ModelFacts,
  connections: readonly ConnectionFacts[],
  energy: number,
): { readonly count: number; readonly energy: number | null; readonly how: string } {
  const count = logBinomialTwoSided(
    total(connections, (each) => each.nearNominal),
    total(connections, (each) => each.nearTests),
    test.alpha,
  );
  const tails = connections.flatMap((each) => {
    const logP = energy < 1 ? each.energyLogPLow : each.energyLogP;
    return logP === null ? [] : [{ logP, layer: each.random }];
  });
  const side = energy < 1 ? "log_p_less_energy" : "log_p_more_energy";
  if (tails.length === 0) {
    return { count, energy: null, how: "no connection's block has a null distribution" };
  }
  // Connections whose random vectors belong to different layers are independent under the null.
  if (new Set(tails.map(({ layer }) => layer)).size === tails.length) {
    const sum = tails.reduce((all, { logP }) => all + logP, 0);
    return {
      count,
      energy: logGammaSurvival(tails.length, -sum),
      how: `ln of Fisher's combined p of ${side} over connections`,
    };
  }
  const least = tails.reduce((low, { logP }) => Math.min(low, logP), 0);
  return {
    count,
    energy: Math.min(0, least + Math.log(tails.length)),
    how: `the smallest ${side}, after Bonferroni over connections`,
  };
}

function ofOne(name: string, column: string, figure: (connection: ConnectionFacts) => number | null): Figure {
  return {
    name,
    value: (connections) => {
      const [only] = connections;
      return only === undefined ? null : figure(only);
    },
    text: (sum) => sum(column),
  };
}

function blockFigures(alpha: number): Figure[] {
  return [
    sumOf("edges", "near_kernel_nominal", (each) => each.nearNominal),
    sumOf("pairs", "near_kernel_tests", (each) => each.nearTests),
    {
      name: "by_chance",
      value: (connections) => alpha * total(connections, (each) => each.nearTests),
      text: (sum) => `${float(alpha)} * ${sum("near_kernel_tests")}`,
    },
    sumOf("significant", "near_kernel_significant", (each) => each.nearSignificant),
    sumOf(
      "significant_by_chance",
      "near_kernel_significant_expected",
      (each) => each.nearSignificantExpected,
    ),
    sumOf("energy", "near_kernel_energy", (each) => each.energy),
    sumOf("energy_by_chance", "near_kernel_expected", (each) => each.energyExpected),
    sumOf("total_overlap", "total_overlap", (each) => each.totalOverlap),
  ];
}
