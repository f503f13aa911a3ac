/** The top of a model's report: what the model is, what stands out, how sure that is, what to do next. */

import { type ConnectionFacts, type LayerFacts, type ModelFacts, total } from "./facts.ts";
import type { Finding } from "./finding.ts";
import { controlsMeaning, controlText, overControls, reachText } from "./controls.ts";
import { excessRatio } from "./excess-edges.ts";
import { counted } from "../../model/counted.ts";
import { decimal, pText } from "./words.ts";

/** A line of a summary, under one of four questions. */
export interface SummaryLine {
  readonly question: "What it is" | "What stands out" | "How sure" | "What next";
  /** One plain sentence. */
  readonly answer: string;
}

/** Findings that a summary repeats. */
const MOST_FINDINGS = 3;

/**
 * At most ten lines.
 *
 * @param format the file's format
 * @param findings of the same model, ranked
 */
export function summary(facts: ModelFacts, format: string, findings: readonly Finding[]): SummaryLine[] {
  const tested = facts.connections.filter(({ tests }) => tests > 0);
  // What chance explains does not stand out.
  const outstanding = findings.filter(({ surprise }) => surprise === null || surprise <= facts.logAlpha);
  return [
    ...[sizes(facts, format), wiring(facts.connections)].map((answer) => ({
      question: "What it is" as const,
      answer,
    })),
    ...[
      ...tested.length > 0 ? [edges(facts, tested)] : [],
      ...outstanding.length === 0
        ? [tested.length === 0 ? "Nothing was tested." : "No finding is more than chance."]
        : [],
      ...outstanding.slice(0, MOST_FINDINGS).map(({ title }, at) => `Finding ${at + 1}: ${title}`),
    ].map((answer) => ({ question: "What stands out" as const, answer })),
    ...[...shared(facts), chance(facts), ...doubts(facts)]
      .map((answer) => ({ question: "How sure" as const, answer })),
    { question: "What next", answer: next(facts, outstanding) },
  ];
}

function sizes({ layers, names }: ModelFacts, format: string): string {
  const kinds = [...Map.groupBy(layers, ({ kind }) => kind)].sort(([, a], [, b]) => b.length - a.length)
    .map(([kind, all]) => `${all.length} ${kind}`).join(", ");
  const without = names.length - layers.length;
  const sum = (figure: (layer: LayerFacts) => number) =>
    layers.reduce((all, layer) => all + figure(layer), 0);
  return `A model of ${counted(layers.length, "layer")} (${kinds}) with ${
    sum(({ weights }) => weights)
  } weights and ${sum(({ neurons }) => neurons)} spectral neurons, from a file of the format ${format}${
    without === 0 ? "" : `; ${counted(without, "layer")} more could not be decomposed`
  }.`;
}

const KNOWN_BY: Readonly<Record<string, string>> = {
  graph: "read from the file's own graph",
  declared: "known from the names of its tensors or declared",
  inferred: "inferred from the weights (the p of their edges is corrected for that choice)",
  guessed: "guessed from names and shapes",
};

function wiring(connections: readonly ConnectionFacts[]): string {
  if (connections.length === 0) return "No connection between its layers is known: nothing could be tested.";
  const by = [...Map.groupBy(connections, ({ evidence }) => evidence)]
    .map(([evidence, all]) =>
      `${all.length === connections.length ? "all" : all.length} ${KNOWN_BY[evidence] ?? evidence}`
    );
  return `${counted(connections.length, "connection")} join${
    connections.length === 1 ? "s" : ""
  } its layers: ${by.join(", ")}.`;
}

function edges({ layers, test }: ModelFacts, tested: readonly ConnectionFacts[]): string {
  const joined = tested.filter(({ significant }) => significant > 0);
  const ends = new Set(joined.flatMap(({ source, target }) => [source, target]));
  return `${counted(total(tested, (each) => each.significant), "pair")} of neurons of ${
    total(tested, (each) => each.tests)
  } ${
    total(tested, (each) => each.significant) === 1 ? "is a significant edge" : "are significant edges"
  } (alpha ${decimal(test.alpha)}, corrected by ${test.correction}): in ${joined.length} of ${
    counted(tested.length, "connection")
  }, at ${ends.size} of ${counted(layers.length, "layer")}.`;
}

/** What the test says that supposes nothing about vectors. */
function shared({ logAlpha, connections }: ModelFacts): string[] {
  const asked = connections.filter(({ sharedLogP }) => sharedLogP !== null);
  if (asked.length === 0) return [];
  const seen = asked.filter(({ sharedLogP }) => sharedLogP! <= logAlpha).length;
  return [
    `The permutation test, which supposes nothing about vectors, sees shared channels in ${seen} of ${
      counted(asked.length, "connection")
    } (p at most ${pText(logAlpha)}).`,
  ];
}

function chance(facts: ModelFacts): string {
  const { controls } = facts;
  if (controls.length === 0) {
    return "No null control was run: --null-control shows what chance gives in this very model.";
  }
  const ratios = controls.map((control) => excessRatio(facts, control));
  const ratio = overControls(ratios);
  const own = excessRatio(facts, facts);
  return ratio.control === null || own === null
    ? "The null control has nothing that was tested."
    : `With its channels turned at random the same model has ${
      controlText(ratio)
    } times the edges of chance, as it stands ${decimal(own)} times (${
      controls.length === 1 ? "null control" : `${controlsMeaning(controls)}; ${reachText(ratios, own, 1)}`
    }).`;
}

/** Doubts that stand with each finding, the first of them. */
function doubts({ caveats }: ModelFacts): string[] {
  const [first, ...more] = caveats;
  if (first === undefined) return [];
  return [
    `To be kept in mind: ${first}${more.length === 0 ? "" : `; and ${more.length} more with the findings`}.`,
  ];
}

function next({ connections }: ModelFacts, findings: readonly Finding[]): string {
  if (connections.length === 0 || connections.some(({ evidence }) => evidence === "guessed")) {
    return "Say how its layers are joined: write what svr inspect --format topology prints, corrected, and run again.";
  }
  const [strongest] = findings;
  if (strongest === undefined) {
    return "Compare it with another checkpoint of the same model, or with the same architecture trained otherwise.";
  }
  return "Look at finding 1 and its table below; where the run has a graph, at the strongest paths (svr query @strongest-paths).";
}
