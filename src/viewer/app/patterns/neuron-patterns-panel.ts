/** What the selected neuron looks like. */

import { h } from "preact";
import type { NeuronPatterns } from "../../../model/patterns/neuron-patterns.ts";
import { askServer, type Waiting } from "../asking.ts";
import type { Change } from "../navigation.ts";
import type { NeuronAt } from "../pictures/scene.ts";
import { OnDemand } from "./on-demand.ts";
import { VectorFigure } from "./vector-figure.ts";

/** Where the page has patterns from. */
export interface PatternSource {
  readonly model: string;
  /** What the server takes questions with; null for a page without one. */
  readonly token: string | null;
  /** Whether the server has the weights. */
  readonly weights: boolean;
  /** Address of the patterns of some neurons; null where there are none. */
  readonly exported: string | null;
}

/** `data/patterns/….json`. */
interface ExportedPatterns {
  /** By `<layer>-<neuron>`. */
  readonly neurons: Readonly<Record<string, NeuronPatterns>>;
  /** Why there are none; null where there are. */
  readonly failure: string | null;
}

const CHOICES = {
  null:
    "Its singular value is rounding: the vectors are a choice, together with those of the other null neurons.",
  cluster: "It shares its singular value with others: the vectors are a choice within a subspace.",
} as const;

/** Both vectors of a neuron, once somebody wants to see them; of each neuron that is selected then. */
export function NeuronPatternsPanel({ source, at, open, change }: {
  readonly source: PatternSource;
  readonly at: NeuronAt;
  readonly open: boolean;
  readonly change: Change;
}) {
  return h(
    "div",
    { class: "patterns" },
    h(
      "button",
      { type: "button", "aria-expanded": open, onClick: () => change({ patterns: !open }) },
      open ? "Hide what it looks like" : "What it looks like",
    ),
    open
      ? h(OnDemand<NeuronPatterns>, {
        of: JSON.stringify([source.model, at]),
        ask: (waiting) => patternsOf(source, at, waiting),
        show: ({ input, output, choice }) => [
          choice === null ? null : h("p", { class: "quiet" }, CHOICES[choice]),
          h(VectorFigure, { title: "It reads (v)", pattern: input }),
          h(VectorFigure, { title: "It writes (u)", pattern: output }),
          h(
            "p",
            { class: "quiet" },
            "The sign of both together is a convention: with the other sign it is the same neuron.",
          ),
        ],
      })
      : null,
  );
}

async function patternsOf(
  { model, token, weights, exported }: PatternSource,
  { layer, neuron }: NeuronAt,
  waiting: Waiting,
): Promise<NeuronPatterns> {
  if (weights && token !== null) {
    return await askServer("patterns", token, { model, neuron: [layer, neuron] }, waiting);
  }
  if (exported === null) {
    throw new Error("Patterns need the weights: svr view shows them where it is given the folder of the run");
  }
  const answer = await fetch(exported, waiting.signal === undefined ? {} : { signal: waiting.signal });
  if (!answer.ok) throw new Error(`${exported}: found status ${answer.status}`);
  const { neurons, failure } = await answer.json() as ExportedPatterns;
  const found = neurons[`${layer}-${neuron}`];
  if (found !== undefined) return found;
  throw new Error(
    failure ??
      `This page has the patterns of ${Object.keys(neurons).length} neurons; svr view shows those of all`,
  );
}
