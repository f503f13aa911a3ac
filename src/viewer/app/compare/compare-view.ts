/** Two models compared: whether they are kin, their layers by change, and the neurons of both. */

import { h } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { lineageSentence } from "../../../compare/lineage.ts";
import type { Kinship } from "../../../compare/comparison-report.ts";
import { messageOf } from "../../../model/errors.ts";
import { counted, ending, percent, probability } from "../../label.ts";
import type { Address } from "../address.ts";
import type { TableClient } from "../client.ts";
import type { Change } from "../navigation.ts";
import type { Comparison, Index, IndexedComparison } from "../protocol.ts";
import { layerPairs } from "./comparison.ts";
import { LayerTable } from "./layer-table.ts";
import { PairPanel } from "./pair-panel.ts";
import { PairPicture } from "./pair-picture.ts";

/** Panels that are drawn at first, and neurons of each. */
const PANELS = 24;
const NEURONS = 40;

/** What is compared, and where the page stands. */
export interface CompareViewProps {
  readonly index: Index;
  readonly client: TableClient;
  readonly address: Address;
  readonly change: Change;
}

/** The comparison that the address names, else the first of its model, else the first of all. */
function chosen({ comparisons }: Index, { base, model }: Address): IndexedComparison | undefined {
  return comparisons.find((each) => each.base === base && each.other === model) ??
    comparisons.find((each) => each.other === model || each.base === model) ?? comparisons[0];
}

/** Reads the comparison, then shows it. */
export function CompareView({ index, client, address, change }: CompareViewProps) {
  const comparison = chosen(index, address);
  const [loaded, setLoaded] = useState<
    { readonly of: IndexedComparison; readonly found: Comparison } | { readonly failure: string } | null
  >(null);
  const modelOf = (id: string) => index.models.find((model) => model.id === id) ?? null;
  useEffect(() => {
    if (comparison === undefined) return;
    let gone = false;
    setLoaded(null);
    client.comparison(comparison, modelOf(comparison.base), modelOf(comparison.other)).then(
      (found) => gone || setLoaded({ of: comparison, found }),
      (failure: unknown) => gone || setLoaded({ failure: messageOf(failure) }),
    );
    return () => {
      gone = true;
    };
  }, [comparison, client]);
  if (comparison === undefined) {
    return h(
      "p",
      { class: "page" },
      "No models were compared here: svr run --compare and svr compare --out do that.",
    );
  }
  return h(
    "div",
    { class: "model" },
    h(
      "div",
      { class: "picture scrolled", tabIndex: 0, role: "region", "aria-label": "Comparison" },
      h(Choice, { comparisons: index.comparisons, chosen: comparison, change }),
      loaded === null
        ? h("p", { role: "status" }, "Reading the comparison …")
        : "failure" in loaded
        ? h("p", { role: "alert", class: "failure" }, loaded.failure)
        : h(Overview, { comparison: loaded.found, of: loaded.of, address, change }),
    ),
    h(
      "div",
      { class: "side", tabIndex: 0, role: "region", "aria-label": "Selection" },
      loaded === null || "failure" in loaded ? null : h(Side, {
        comparison: loaded.found,
        of: loaded.of,
        address,
        change,
        has: (id) => modelOf(id) !== null,
      }),
    ),
  );
}

function Choice({ comparisons, chosen, change }: {
  readonly comparisons: readonly IndexedComparison[];
  readonly chosen: IndexedComparison;
  readonly change: Change;
}) {
  return h(
    "label",
    null,
    "comparison ",
    h(
      "select",
      {
        name: "comparison",
        value: comparisons.indexOf(chosen),
        onChange: (event: Event) => {
          const { base, other } = comparisons[Number((event.currentTarget as HTMLSelectElement).value)]!;
          change({ base, model: other, pair: null, layer: null, neuron: null, connection: null });
        },
      },
      comparisons.map(({ base, other }, at) =>
        h("option", { key: at, value: at }, `${other}, compared with ${base}`)
      ),
    ),
  );
}

interface LoadedProps {
  readonly comparison: Comparison;
  readonly of: IndexedComparison;
  readonly address: Address;
  readonly change: Change;
}

function Overview({ comparison, of: { base, other }, address, change }: LoadedProps) {
  const pairs = useMemo(() => layerPairs(comparison), [comparison]);
  const [most, setMost] = useState(PANELS);
  const { kinship } = comparison;
  // A row of the table `kinship` has what the sentence needs.
  const sentence = lineageSentence(base, other, kinship as unknown as Kinship, probability);
  const distance = kinship["distance"];
  const drawable = pairs.filter(({ values }) => values.base.length > 0 && values.other.length > 0);
  return h(
    "div",
    null,
    h("p", { class: "sentence" }, sentence),
    h(
      "p",
      { class: "quiet" },
      `${counted(pairs.length, "layer")} correspond; ${counted(comparison.intruders.length, "intruder")}` +
        `${
          typeof distance === "number" ? `; weights differ by ${percent(distance)} % of their length` : ""
        }. ` +
        "Layers that changed most come first. Left the base, right the other model; singular values up. A line joins neurons " +
        "that match by their vectors, the darker the more alike; a diamond is an intruder.",
    ),
    h(
      "div",
      { class: "panels" },
      drawable.slice(0, most).map((pair) =>
        h(
          "button",
          {
            key: `${pair.base}-${pair.other}`,
            type: "button",
            class: "panel",
            "aria-pressed": address.pair?.join() === `${pair.base},${pair.other}`,
            onClick: () => change({ pair: [pair.base, pair.other] }),
          },
          h("span", { class: "name" }, h("bdi", null, ending(pair.otherName, 18))),
          h("span", { class: "quiet" }, changeText(pair.row["relative_change"])),
          h(PairPicture, { pair, width: 150, height: 150, most: NEURONS }),
        )
      ),
    ),
    drawable.length > most
      ? h(
        "button",
        { type: "button", onClick: () => setMost(most + PANELS) },
        `${Math.min(PANELS, drawable.length - most)} more of ${drawable.length}`,
      )
      : null,
  );
}

const changeText = (change: unknown) =>
  typeof change === "number"
    // More than the whole weight may have changed; a share may not.
    ? `${change > 1 ? Math.round(100 * change) : percent(change)} % changed`
    : "change not known";

function Side(
  { comparison, of, address, change, has }: LoadedProps & { readonly has: (id: string) => boolean },
) {
  const pairs = useMemo(() => layerPairs(comparison), [comparison]);
  const selected = pairs.find(({ base, other }) => address.pair?.join() === `${base},${other}`);
  if (selected !== undefined) {
    return h(PairPanel, {
      pair: selected,
      base: has(of.base) ? of.base : null,
      other: has(of.other) ? of.other : null,
      change,
    });
  }
  return h(LayerTable, { pairs, of, change });
}
