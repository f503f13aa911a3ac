/** The findings of a run: each with its queries, and the way to the picture. */

import { h } from "preact";
import type { Address } from "./address.ts";
import type { Change } from "./navigation.ts";
import type { Report, ReportedFinding } from "./report.ts";
import type { Index } from "./protocol.ts";

/** A model as a whole: what is selected belongs to another. */
const modelAlone = (model: string): Partial<Address> => ({
  view: "model",
  model,
  layer: null,
  neuron: null,
  connection: null,
  filter: null,
});

/** Findings of one model, or of all. */
export function ReportView({ report, index, change }: {
  readonly report: Report;
  readonly index: Index;
  readonly change: Change;
}) {
  return h(
    "div",
    { class: "page report" },
    h(
      "p",
      null,
      h(
        "a",
        { href: "data/report.html", target: "_blank", rel: "noopener" },
        "The whole report, as one page",
      ),
    ),
    report.models.map(({ id, findings }) =>
      h(
        "section",
        { key: id },
        h(
          "h2",
          null,
          h(
            "button",
            { type: "button", class: "link", onClick: () => change(modelAlone(id)) },
            id,
          ),
        ),
        findings.length === 0 ? h("p", null, "Nothing stands out in this model.") : null,
        h("ol", null, findings.map((finding, at) => h(FindingItem, { key: at, finding, id, index, change }))),
      )
    ),
  );
}

function FindingItem({ finding, id, index, change }: {
  readonly finding: ReportedFinding;
  readonly id: string;
  readonly index: Index;
  readonly change: Change;
}) {
  const { title, caveats, null_control: control, queries } = finding;
  const asks = { cypher: index.queries !== null, sql: index.sql?.lacks === null };
  return h(
    "li",
    null,
    h("h3", null, title),
    h("p", { class: "quiet" }, `Null control: ${control}`),
    caveats.map((caveat) => h("p", { key: caveat, class: "quiet" }, caveat)),
    h(
      "p",
      null,
      h("button", { type: "button", onClick: () => change(modelAlone(id)) }, "show the model"),
    ),
    queries.length === 0 ? null : h(
      "details",
      null,
      h("summary", null, "Where these numbers come from"),
      queries.map(({ language, text }) =>
        h(
          "div",
          { key: text },
          h("pre", { tabIndex: 0 }, text),
          asks[language]
            ? h("button", {
              type: "button",
              onClick: () => change({ view: "ask", language, query: text }),
            }, "ask this")
            : h(
              "p",
              { class: "quiet" },
              language === "sql" ? "By DuckDB, in the run's folder." : "By svr query.",
            ),
        )
      ),
    ),
  );
}
