/** The console: Cypher that only reads, or a query of the library with its parameters as fields. */

import { h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { messageOf } from "../../model/errors.ts";
import { counted } from "../../model/counted.ts";
import type { Address } from "./address.ts";
import { askServer } from "./asking.ts";
import type { Change } from "./navigation.ts";
import { figure } from "./numbers.ts";
import type { LibraryEntry } from "./protocol.ts";

interface QueryAnswer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/** Rows of an answer that are shown. */
const SHOWN = 500;

/** A statement, its parameters, its answer as a table. */
export function AskView({ address, change, library, model, token }: {
  readonly address: Address;
  readonly change: Change;
  readonly library: readonly LibraryEntry[];
  /** The model that the page stands in; a query's `model` is filled with it. */
  readonly model: string | null;
  readonly token: string;
}) {
  const [text, setText] = useState(address.query);
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const [answer, setAnswer] = useState<QueryAnswer | { readonly failure: string } | "asking" | null>(null);
  // Of several questions only the last one's answer is shown.
  const asked = useRef({ number: 0, query: "" });
  useEffect(() => {
    if (address.query === asked.current.query) return;
    asked.current = { number: asked.current.number + 1, query: address.query };
    setText(address.query);
    setAnswer(null);
  }, [address.query]);
  const entry = library.find(({ name }) => `@${name}` === text.trim()) ?? null;
  const valueOf = ({ name, default: otherwise }: LibraryEntry["parameters"][number]) =>
    values[name] ?? (name === "model" ? model ?? otherwise : otherwise) ?? "";

  const ask = async () => {
    const query = text.trim();
    const number = asked.current.number + 1;
    asked.current = { number, query };
    change({ query }, "replace");
    setAnswer("asking");
    const show: typeof setAnswer = (answered) => {
      if (asked.current.number === number) setAnswer(answered);
    };
    const parameters = Object.fromEntries(
      (entry?.parameters ?? []).map((each) => [each.name, valueOf(each)] as const).filter(([, value]) =>
        value !== ""
      ),
    );
    try {
      show(await askServer<QueryAnswer>("query", token, { query, parameters }));
    } catch (failure) {
      show({ failure: messageOf(failure) });
    }
  };

  return h(
    "div",
    { class: "page" },
    h(
      "form",
      {
        class: "ask",
        onSubmit: (event: Event) => {
          event.preventDefault();
          void ask();
        },
      },
      h(
        "label",
        null,
        "a query of the library ",
        h(
          "select",
          {
            value: entry === null ? "" : text.trim(),
            onChange: (event: Event) => setText((event.currentTarget as HTMLSelectElement).value),
          },
          h("option", { value: "" }, "a statement of your own"),
          library.map(({ name }) => h("option", { key: name, value: `@${name}` }, `@${name}`)),
        ),
      ),
      entry === null ? null : h("p", { class: "quiet" }, entry.answers),
      h(
        "label",
        null,
        "Cypher",
        h("textarea", {
          rows: 5,
          spellcheck: false,
          value: text,
          onInput: (event: Event) => setText((event.currentTarget as HTMLTextAreaElement).value),
        }),
      ),
      entry?.parameters.map((parameter) =>
        h(
          "label",
          { key: parameter.name },
          `${parameter.name} (${parameter.type}) `,
          h("input", {
            name: parameter.name,
            value: valueOf(parameter),
            onInput: (event: Event) =>
              setValues({ ...values, [parameter.name]: (event.currentTarget as HTMLInputElement).value }),
          }),
        )
      ),
      h("button", { type: "submit", disabled: answer === "asking" }, "Ask"),
    ),
    answer === "asking" ? h("p", { role: "status" }, "Asking …") : null,
    answer === null || answer === "asking"
      ? null
      : "failure" in answer
      ? h("p", { role: "alert", class: "failure" }, answer.failure)
      : h(AnswerTable, answer),
  );
}

function AnswerTable({ columns, rows }: QueryAnswer) {
  const cell = (value: unknown) =>
    typeof value === "object" && value !== null ? JSON.stringify(value) : figure(value);
  return h(
    "div",
    { class: "rows wide", tabIndex: 0, role: "region", "aria-label": "Answer" },
    h(
      "table",
      null,
      h(
        "caption",
        null,
        rows.length > SHOWN ? `the first ${SHOWN} of ${rows.length} rows` : counted(rows.length, "row"),
      ),
      h("thead", null, h("tr", null, columns.map((name) => h("th", { key: name, scope: "col" }, name)))),
      h(
        "tbody",
        null,
        rows.slice(0, SHOWN).map((row, at) =>
          h("tr", { key: at }, row.map((value, each) => h("td", { key: each }, cell(value))))
        ),
      ),
    ),
  );
}
