/** What is known of two layers that correspond. */

import { type ComponentChildren, h } from "preact";
import { probability } from "../../label.ts";
import type { Change } from "../navigation.ts";
import { figure } from "../numbers.ts";
import { Facts } from "../selection-panels.ts";
import type { LayerPair } from "./comparison.ts";
import { PairPicture } from "./pair-picture.ts";

/** Neurons of a layer that are drawn, and matches that are listed. */
const MOST_NEURONS = 1000;
const SHOWN = 200;

/** Two layers, and where their neurons can be looked at. */
export interface PairPanelProps {
  readonly pair: LayerPair;
  /** Ids of the models; null where their tables are not there. */
  readonly base: string | null;
  readonly other: string | null;
  readonly change: Change;
}

/** The picture of both layers, their row of the table, their subspaces, intruders and matches. */
export function PairPanel({ pair, base, other, change }: PairPanelProps) {
  const select = (side: "base" | "other", neuron: number) => {
    const model = side === "base" ? base : other;
    if (model !== null) change({ view: "model", model, layer: pair[side], neuron, connection: null });
  };
  const neuron = (side: "base" | "other", at: number) =>
    (side === "base" ? base : other) === null ? String(at) : h(
      "button",
      { type: "button", class: "link", onClick: () => select(side, at) },
      `neuron ${at}`,
    );
  const { baseName, otherName, matches, intruders, subspaces, values } = pair;
  return h(
    "section",
    { "aria-label": "Layers" },
    h("button", { type: "button", onClick: () => change({ pair: null }) }, "Let go of the layers"),
    h("h2", null, baseName === otherName ? baseName : `${baseName} and ${otherName}`),
    values.base.length === 0 || values.other.length === 0
      ? h(
        "p",
        { class: "quiet" },
        "The spectra are not there: the tables of both models are needed for a picture.",
      )
      : h(PairPicture, { pair, width: 340, height: 420, most: MOST_NEURONS, select }),
    h(Facts, {
      row: pair.row,
      without: ["base_layer", "other_layer", "base_name", "other_name", "model", "base"],
    }),
    table(
      "Leading subspaces: what they have in common, and random ones",
      ["neurons", "left", "by chance", "right", "by chance"],
      subspaces.map((row) =>
        ["dimensions", "left_similarity", "left_chance", "right_similarity", "right_chance"].map((name) =>
          figure(row[name])
        )
      ),
    ),
    table(
      "Intruders",
      ["other model", "singular value", "cosine"],
      intruders.map((row) => [
        neuron("other", Number(row["other_neuron"])),
        figure(row["singular_value"]),
        figure(row["cosine"]),
      ]),
    ),
    table(
      `Matched neurons${matches.length > SHOWN ? `, the most similar ${SHOWN} of ${matches.length}` : ""}`,
      ["base", "other model", "similarity", "p"],
      matches.slice(0, SHOWN).map((match) => [
        neuron("base", match.base),
        neuron("other", match.other),
        figure(match.similarity),
        Number.isNaN(match.logP) ? "–" : probability(match.logP),
      ]),
    ),
  );
}

function table(title: string, head: readonly string[], rows: readonly (readonly ComponentChildren[])[]) {
  if (rows.length === 0) return null;
  return h(
    "table",
    null,
    h("caption", null, title),
    h("thead", null, h("tr", null, head.map((name) => h("th", { key: name, scope: "col" }, name)))),
    h(
      "tbody",
      null,
      rows.map((row, at) => h("tr", { key: at }, row.map((cell, each) => h("td", { key: each }, cell)))),
    ),
  );
}
