/** All models of a run or a lake, sorted by any column. */

import { h } from "preact";
import { useState } from "preact/hooks";
import type { Change } from "./navigation.ts";
import { figure } from "./numbers.ts";
import type { IndexedModel } from "./protocol.ts";

const COLUMNS = ["id", "format", "series", "step", "uri"] as const;

/** A row a model; a click on a head sorts, the field filters. */
export function ModelsView(
  { models, change }: { readonly models: readonly IndexedModel[]; readonly change: Change },
) {
  const [order, setOrder] = useState<{ readonly by: typeof COLUMNS[number]; readonly down: boolean } | null>(
    null,
  );
  const [wanted, setWanted] = useState("");
  const shown = models.filter(({ id, uri }) => `${id} ${uri}`.toLowerCase().includes(wanted.toLowerCase()));
  const sorted = order === null ? shown : [...shown].sort((a, b) => {
    const [one, other] = [a[order.by], b[order.by]];
    const ascending = typeof one === "number" && typeof other === "number"
      ? one - other
      : String(one ?? "").localeCompare(String(other ?? ""), "en", { numeric: true });
    return order.down ? -ascending : ascending;
  });
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
    h(
      "table",
      { class: "wide" },
      h("caption", null, `${shown.length} of ${models.length} models`),
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
        ),
      ),
      h(
        "tbody",
        null,
        sorted.map((model) =>
          h(
            "tr",
            { key: model.id },
            COLUMNS.map((name) =>
              h(
                "td",
                { key: name },
                name === "id"
                  ? h(
                    "button",
                    {
                      type: "button",
                      class: "link",
                      onClick: () =>
                        change({
                          view: "model",
                          model: model.id,
                          layer: null,
                          neuron: null,
                          connection: null,
                        }),
                    },
                    model.id,
                  )
                  : figure(model[name]),
              )
            ),
          )
        ),
      ),
    ),
  );
}
