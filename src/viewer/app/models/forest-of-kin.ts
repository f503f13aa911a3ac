/** The forest of kin: models joined by their least distances, of all comparisons that are there. */

import { h } from "preact";
import { useEffect, useState } from "preact/hooks";
import { areKin } from "../../../compare/comparison-report.ts";
import { forestOf } from "../../../compare/forest.ts";
import { messageOf } from "../../../model/errors.ts";
import { forestPlaces, type PicturedForest } from "../../comparisons/forest-places.ts";
import { counted, percent } from "../../label.ts";
import type { TableClient } from "../client.ts";
import type { Change } from "../navigation.ts";
import type { Index, Row } from "../protocol.ts";

/** Comparisons that are read: each is a file. */
const MOST = 1000;
const ROW = 30;

/** Where it is, and who hears of a click. */
export interface ForestOfKinProps {
  readonly index: Index;
  readonly client: TableClient;
  readonly open: (model: string) => void;
  readonly change: Change;
}

/** Families below each other; a model opens its page, a distance the comparison. Which of two came first, weights do not tell. */
export function ForestOfKin({ index, client, open, change }: ForestOfKinProps) {
  const { comparisons } = index;
  const [rows, setRows] = useState<readonly (readonly Row[])[] | { readonly failure: string } | null>(null);
  useEffect(() => {
    if (comparisons.length === 0 || comparisons.length > MOST) return;
    let gone = false;
    client.rows(comparisons.map(({ tables }) => tables.kinship)).then(
      (found) => gone || setRows(found),
      (cause: unknown) => gone || setRows({ failure: messageOf(cause) }),
    );
    return () => {
      gone = true;
    };
  }, [client, comparisons]);
  if (comparisons.length === 0) return null;
  const title = h("h2", null, "Kin, joined by least distances");
  if (comparisons.length > MOST) {
    return h(
      "section",
      null,
      title,
      h("p", null, `Of ${comparisons.length} comparisons the page reads none: ${MOST} at most.`),
    );
  }
  if (rows === null) return h("section", null, title, h("p", { role: "status" }, "Reading kinship …"));
  if ("failure" in rows) {
    return h("section", null, title, h("p", { role: "alert", class: "failure" }, rows.failure));
  }
  const forest = forestIn(index, rows);
  const placed = forestPlaces(forest.models, forest.links);
  const families = placed.filter(({ from }) => from === null).length;
  const right = placed.reduce((most, { x }) => Math.max(most, x), 0);
  const y = (row: number) => 20 + row * ROW;
  return h(
    "section",
    { "aria-label": "Kin" },
    title,
    h(
      "p",
      { class: "quiet" },
      `${counted(placed.length, "model")} in ${counted(families, "family", "families")}, by ` +
        `${
          counted(comparisons.length, "comparison")
        }. A number says by how much of their length weights differ. ` +
        "Which of two models came first, weights do not tell.",
    ),
    h(
      "div",
      { class: "forest" },
      h(
        "svg",
        { width: right + 30, height: y(placed.length), "aria-hidden": "true" },
        placed.map(({ id, x, row, from }) => [
          from === null ? null : h("path", {
            key: `${id}-link`,
            class: "curve",
            d: `M${from.x},${y(from.row)}L${from.x},${y(row)}L${x},${y(row)}`,
          }),
          h("circle", { key: id, class: from === null ? "chosen" : "leaf", cx: x, cy: y(row), r: 5 }),
        ]),
      ),
      h(
        "ol",
        { class: "kin" },
        placed.map(({ id, from }) =>
          h(
            "li",
            { key: id },
            index.models.some((model) => model.id === id)
              ? h("button", { type: "button", class: "link", onClick: () => open(id) }, id)
              : id,
            from === null ? null : link(id, placed.find((each) => each.row === from.row)!.id, from.distance),
          )
        ),
      ),
    ),
  );

  function link(id: string, to: string, distance: number) {
    const comparison = comparisons.find(({ base, other }) =>
      (base === id && other === to) || (base === to && other === id)
    );
    return h(
      "button",
      {
        type: "button",
        class: "link quiet",
        onClick: () =>
          change({
            view: "compare",
            base: comparison?.base ?? null,
            model: comparison?.other ?? null,
            pair: null,
          }),
      },
      `${percent(distance)} % from ${to}`,
    );
  }
}

function forestIn({ models, comparisons }: Index, rows: readonly (readonly Row[])[]): PicturedForest {
  const ids = [
    ...new Set([...models.map(({ id }) => id), ...comparisons.flatMap(({ base, other }) => [base, other])]),
  ];
  const kin = comparisons.flatMap(({ base, other }, at) => {
    const row = rows[at]?.[0];
    const logP = row?.["log_p_corrected"];
    const distance = row?.["distance"];
    const kinship = {
      log_p_corrected: typeof logP === "number" ? logP : null,
      reordered: Number(row?.["reordered"] ?? 0),
    };
    if (typeof distance !== "number" || areKin(kinship) !== true) return [];
    return [{ base: ids.indexOf(base), other: ids.indexOf(other), distance }];
  });
  const links = forestOf(ids.length, kin).map(({ base, other, distance }) => ({
    base: ids[base]!,
    other: ids[other]!,
    distance,
  }));
  return { models: ids, links };
}
