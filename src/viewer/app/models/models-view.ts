/** All models of a run or a lake: a table to sort and filter, with their layers as small curves, and the forest of kin. */

import { h } from "preact";
import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../../../model/errors.ts";
import type { TableClient } from "../client.ts";
import type { Change } from "../navigation.ts";
import { figure } from "../numbers.ts";
import type { Index, IndexedModel, Row } from "../protocol.ts";
import { ForestOfKin } from "./forest-of-kin.ts";
import { Sparkline } from "./sparkline.ts";

/** Columns of the table `models`. */
const COLUMNS = [
  "id",
  "format",
  "series",
  "step",
  "layers",
  "neurons",
  "connections",
  "edges",
  "skipped",
  "uri",
] as const;

type Column = typeof COLUMNS[number];

/** Columns of the table `layers` that are drawn over the layers of a model. */
const CURVES = [["stable_rank", "stable rank by layer"], ["near_kernels", "near-kernels by layer"]] as const;

/** Rows that are shown at first: for each of them a table is read. */
const ROWS = 50;

/** Index, and who reads tables. */
export interface ModelsViewProps {
  readonly index: Index;
  readonly client: TableClient;
  readonly change: Change;
}

function valueOf(model: IndexedModel, column: Column): string | number | null {
  switch (column) {
    case "id":
    case "format":
    case "series":
    case "step":
    case "uri":
      return model[column];
    default:
      return model.rows?.[column] ?? null;
  }
}

/** A row a model; a click on a head sorts, the field filters. */
export function ModelsView({ index, client, change }: ModelsViewProps) {
  const [order, setOrder] = useState<{ readonly by: Column; readonly down: boolean } | null>(null);
  const [wanted, setWanted] = useState("");
  const [most, setMost] = useState(ROWS);
  const { models } = index;
  const passing = models.filter(({ id, uri, series, format }) =>
    `${id} ${uri} ${series ?? ""} ${format}`.toLowerCase().includes(wanted.toLowerCase())
  );
  const sorted = order === null ? passing : [...passing].sort((a, b) => {
    const [one, other] = [valueOf(a, order.by), valueOf(b, order.by)];
    const ascending = typeof one === "number" && typeof other === "number"
      ? one - other
      : String(one ?? "").localeCompare(String(other ?? ""), "en", { numeric: true });
    return order.down ? -ascending : ascending;
  });
  const shown = sorted.slice(0, most);
  const { layers, failure } = useLayers(client, shown);
  const open = (model: string) =>
    change({ view: "model", model, layer: null, neuron: null, connection: null });
  return h(
    "div",
    { class: "page" },
    h(
      "label",
      null,
      "filter ",
      h("input", {
        type: "search",
        value: wanted,
        onInput: (event: Event) => setWanted((event.currentTarget as HTMLInputElement).value),
      }),
    ),
    failure === null ? null : h("p", { role: "alert", class: "failure" }, failure),
    h(
      "div",
      { class: "wide", tabIndex: 0, role: "region", "aria-label": "Table of models" },
      h(
        "table",
        { class: "models" },
        h("caption", null, `${passing.length} of ${models.length} models`),
        h(
          "thead",
          null,
          h(
            "tr",
            null,
            COLUMNS.map((name) =>
              h(
                "th",
                {
                  key: name,
                  scope: "col",
                  "aria-sort": order?.by !== name ? "none" : order.down ? "descending" : "ascending",
                },
                h(
                  "button",
                  {
                    type: "button",
                    class: "link",
                    onClick: () => setOrder({ by: name, down: order?.by === name && !order.down }),
                  },
                  name,
                ),
              )
            ),
            CURVES.map(([name, title]) => h("th", { key: name, scope: "col" }, title)),
          ),
        ),
        h(
          "tbody",
          null,
          shown.map((model) =>
            h(
              "tr",
              { key: model.id },
              COLUMNS.map((name) =>
                name === "id"
                  ? h(
                    "td",
                    { key: name },
                    h("button", { type: "button", class: "link", onClick: () => open(model.id) }, model.id),
                  )
                  : h(
                    "td",
                    { key: name, class: typeof valueOf(model, name) === "number" ? "number" : "" },
                    figure(valueOf(model, name)),
                  )
              ),
              CURVES.map(([name, title]) =>
                h(
                  "td",
                  { key: name },
                  h(Sparkline, {
                    title: `${title} of ${model.id}`,
                    values: (layers.get(model.id) ?? []).flatMap((row) =>
                      typeof row[name] === "number" ? [row[name]] : []
                    ),
                  }),
                )
              ),
            )
          ),
        ),
      ),
    ),
    passing.length > most
      ? h(
        "button",
        { type: "button", onClick: () => setMost(most + ROWS) },
        `${Math.min(ROWS, passing.length - most)} more`,
      )
      : null,
    h(ForestOfKin, { index, client, open, change }),
  );
}

/** Rows of the table `layers` of the models that are shown; each is read once. */
function useLayers(
  client: TableClient,
  shown: readonly IndexedModel[],
): { readonly layers: ReadonlyMap<string, readonly Row[]>; readonly failure: string | null } {
  const [layers, setLayers] = useState<ReadonlyMap<string, readonly Row[]>>(new Map());
  const [failure, setFailure] = useState<string | null>(null);
  const missing = shown.filter(({ id }) => !layers.has(id));
  const key = missing.map(({ id }) => id).join("\n");
  useEffect(() => {
    if (missing.length === 0) return;
    let gone = false;
    client.rows(missing.map(({ tables }) => tables.layers)).then(
      (rows) =>
        gone ||
        setLayers((before) => new Map([...before, ...missing.map(({ id }, at) => [id, rows[at]!] as const)])),
      (cause: unknown) => gone || setFailure(messageOf(cause)),
    );
    return () => {
      gone = true;
    };
  }, [client, key]);
  return { layers, failure };
}
