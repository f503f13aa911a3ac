/** The page: its head, and the view that the address names. */

import { h, render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../../model/errors.ts";
import type { Address } from "./address.ts";
import { AskView } from "./ask-view.ts";
import { TableClient } from "./client.ts";
import { CompareView } from "./compare/compare-view.ts";
import { ModelView } from "./model-view.ts";
import { ModelsView } from "./models/models-view.ts";
import { type Change, useAddress } from "./navigation.ts";
import type { Index } from "./protocol.ts";
import { readReport, type Report } from "./report.ts";
import { ReportView } from "./report-view.ts";
import { seriesIn } from "./series/checkpoints.ts";
import { SeriesView } from "./series/series-view.ts";

const client = new TableClient(new Worker("worker.js", { type: "module" }));

/** Given with the page by a server that answers questions; a page in a folder has none. */
const token = new URLSearchParams(location.search).get("token") ?? "";

function App({ index, report, warning }: Opening) {
  const [address, change] = useAddress();
  const model = index.models.find(({ id }) => id === address.model) ?? index.models[0];
  useEffect(() => {
    document.title = `${model?.id ?? index.name} · svrflow`;
  }, [model]);
  return h(
    "div",
    { class: "shell" },
    h(Head, { index, address, change, id: model?.id ?? null, hasReport: report !== null }),
    warning === null
      ? null
      : h("p", { role: "alert", class: "failure" }, `The report is not shown: ${warning}`),
    h("main", { id: "main" }, view()),
  );

  function view() {
    // Of a comparison a model's own tables may be elsewhere.
    if (address.model !== null && model?.id !== address.model && address.view !== "compare") {
      return h(
        "div",
        { class: "page" },
        h("p", { role: "alert", class: "failure" }, `There is no model ${address.model} in ${index.name}.`),
        h(ModelsView, { index, client, change }),
      );
    }
    if (address.view === "report" && report !== null) return h(ReportView, { report, index, change });
    if (address.view === "compare" && index.comparisons.length > 0) {
      return h(CompareView, { index, client, address, change });
    }
    if (address.view === "series" && hasSeries(index)) {
      return h(SeriesView, { index, client, address, change });
    }
    if (address.view === "ask" && canBeAsked(index)) {
      return h(AskView, { address, change, index, model: model?.id ?? null, token });
    }
    if (address.view === "models" || model === undefined) {
      return h(ModelsView, { index, client, change });
    }
    const chain = report?.models.find(({ id }) => id === model.id)?.measures.chains[0]?.edges ?? null;
    const source = { model: model.id, token, weights: index.weights, exported: model.patterns };
    return h(ModelView, { key: model.id, indexed: model, client, address, change, chain, source });
  }
}

const canBeAsked = ({ queries, sql }: Index) => queries !== null || sql !== null;

const hasSeries = ({ models }: Index) => seriesIn(models).size > 0;

const TABS: readonly (readonly [view: Address["view"], label: string])[] = [
  ["model", "Model"],
  ["models", "Models"],
  ["compare", "Compare"],
  ["series", "Series"],
  ["report", "Report"],
  ["ask", "Ask"],
];

function Head({ index, address, change, id, hasReport }: {
  readonly index: Index;
  readonly address: Address;
  readonly change: Change;
  readonly id: string | null;
  readonly hasReport: boolean;
}) {
  const there = (view: Address["view"]) =>
    ({
      report: hasReport,
      ask: canBeAsked(index),
      compare: index.comparisons.length > 0,
      series: hasSeries(index),
      model: true,
      models: true,
    })[view];
  return h(
    "header",
    null,
    h("a", {
      class: "skip",
      href: "#main",
      onClick: (event: Event) => {
        event.preventDefault();
        const main = document.getElementById("main");
        main?.setAttribute("tabindex", "-1");
        main?.focus();
      },
    }, "to the content"),
    h("h1", null, "svrflow"),
    h("span", { class: "quiet" }, index.name),
    h(
      "nav",
      { "aria-label": "Views" },
      TABS.filter(([view]) => there(view)).map(([view, label]) =>
        h(
          "button",
          {
            key: view,
            type: "button",
            "aria-current": address.view === view ? "page" : undefined,
            onClick: () => change({ view }),
          },
          label,
        )
      ),
    ),
    index.models.length < 2 ? h("strong", null, id ?? "") : h(
      "label",
      null,
      "model ",
      h(
        "select",
        {
          value: id ?? "",
          onChange: (event: Event) =>
            change({
              model: (event.currentTarget as HTMLSelectElement).value,
              layer: null,
              neuron: null,
              connection: null,
            }),
        },
        index.models.map((model) => h("option", { key: model.id, value: model.id }, model.id)),
      ),
    ),
  );
}

/** What the page opens with. */
interface Opening {
  readonly index: Index;
  readonly report: Report | null;
  /** Why the report is not shown, where there is one. */
  readonly warning: string | null;
}

function Start() {
  const [state, setState] = useState<Opening | { readonly failure: string } | null>(null);
  useEffect(() => {
    open().then(setState, (failure: unknown) => setState({ failure: messageOf(failure) }));
  }, []);
  if (state === null) return h("p", { role: "status" }, "Opening …");
  if ("failure" in state) {
    return h("p", { role: "alert", class: "failure" }, `${state.failure}. Is svr view still running?`);
  }
  return h(App, state);
}

async function open(): Promise<Opening> {
  const answer = await fetch("data/index.json");
  if (!answer.ok) throw new Error(`data/index.json: found status ${answer.status}`);
  const index = await answer.json() as Index;
  if (!index.report) return { index, report: null, warning: null };
  try {
    return { index, report: await readReport(), warning: null };
  } catch (failure) {
    // The tables can be seen without it.
    return { index, report: null, warning: messageOf(failure) };
  }
}

render(h(Start, null), document.getElementById("app")!);
