/** The console: Cypher or SQL that only reads, or a query of the library with its parameters as fields. */

import { h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { messageOf } from "../../model/errors.ts";
import { counted } from "../../model/counted.ts";
import { type Address, LANGUAGES } from "./address.ts";
import { askServer } from "./asking.ts";
import type { Change } from "./navigation.ts";
import { figure } from "./numbers.ts";
import type { Index, LibraryEntry, SqlEntry } from "./protocol.ts";

interface QueryAnswer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  /** False where there are more rows than are answered. */
  readonly whole?: boolean;
}

type Asked = QueryAnswer | { readonly failure: string } | { readonly progress: string } | null;

const TITLES: Readonly<Record<Address["language"], string>> = { cypher: "Cypher", sql: "SQL" };

/** Said of a question that was stopped: a graph has no way to be told. */
const STOPPED: Readonly<Record<Address["language"], string>> = {
  cypher: "The page waits for it no longer. The graph may still be at work.",
  sql: "It was stopped.",
};

/** Rows of an answer that are shown. */
const SHOWN = 500;

/** A statement, its parameters, its answer as a table. */
export function AskView({ address, change, index, model, token }: {
  readonly address: Address;
  readonly change: Change;
  readonly index: Index;
  /** The model that the page stands in; a query's `model` is filled with it. */
  readonly model: string | null;
  readonly token: string;
}) {
  const language = index.queries === null || address.language === "sql" && index.sql !== null
    ? "sql"
    : "cypher";
  const library: readonly (LibraryEntry | SqlEntry)[] =
    (language === "sql" ? index.sql?.queries : index.queries) ?? [];
  const [text, setText] = useState(address.query);
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const [answer, setAnswer] = useState<Asked>(null);
  // Of several questions only the last one's answer is shown.
  const asked = useRef({ number: 0, query: "", stop: new AbortController() });
  const leave = (query: string) => {
    asked.current.stop.abort(new Error("stopped"));
    asked.current = { number: asked.current.number + 1, query, stop: new AbortController() };
    return asked.current;
  };
  useEffect(() => {
    if (address.query === asked.current.query) return;
    leave(address.query);
    setText(address.query);
    setAnswer(null);
  }, [address.query]);
  useEffect(() => () => asked.current.stop.abort(), []);
  const query = text.trim();
  const entry = library.find(({ name }) => `@${name}` === query) ?? null;
  const form = language === "sql"
    ? index.sql?.queries.find(({ name }) => name === entry?.name)?.text
    : undefined;
  const fields = entry?.parameters ?? (language === "sql" ? parametersIn(query) : []);
  const valueOf = ({ name, default: otherwise }: LibraryEntry["parameters"][number]) =>
    values[name] ?? (name === "model" ? model ?? otherwise : otherwise) ?? "";

  const ask = async () => {
    const { number, stop } = leave(query);
    change({ query }, "replace");
    const show: typeof setAnswer = (answered) => {
      if (asked.current.number === number) setAnswer(answered);
    };
    show({ progress: "Asking …" });
    const parameters = Object.fromEntries(
      fields.map((each) => [each.name, valueOf(each)] as const)
        // A query of the library has its own values for what is left out; a statement has none.
        .filter(([, value]) => entry === null || value !== ""),
    );
    try {
      const where = language === "sql" ? "sql" : "query";
      const waiting = { signal: stop.signal, progress: (progress: string) => show({ progress }) };
      show(await askServer<QueryAnswer>(where, token, { query, parameters }, waiting));
    } catch (failure) {
      show({ failure: messageOf(failure) });
    }
  };
  const asking = answer !== null && "progress" in answer;
  const lacks = language === "sql" ? index.sql?.lacks ?? null : null;

  return h(
    "div",
    { class: "page" },
    h(
      "form",
      {
        class: "ask",
        onSubmit: (event: Event) => {
          event.preventDefault();
          if (!asking) void ask();
        },
      },
      index.queries === null || index.sql === null ? null : h(
        "fieldset",
        { class: "languages" },
        h("legend", null, "asked in"),
        LANGUAGES.map((each) =>
          h(
            "label",
            { key: each },
            h("input", {
              type: "radio",
              name: "language",
              value: each,
              checked: each === language,
              onChange: () => {
                leave(address.query);
                setAnswer(null);
                change({ language: each });
              },
            }),
            ` ${TITLES[each]}`,
          )
        ),
      ),
      lacks === null ? null : h("p", { role: "status" }, lacks),
      library.length === 0 ? null : h(
        "label",
        null,
        "a query of the library ",
        h(
          "select",
          {
            value: entry === null ? "" : query,
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
        language === "cypher" && index.graph === "neo4j" ? "Cypher, answered by Neo4j" : TITLES[language],
        h("textarea", {
          rows: 5,
          spellcheck: false,
          value: text,
          onInput: (event: Event) => setText((event.currentTarget as HTMLTextAreaElement).value),
        }),
      ),
      entry !== null && form !== undefined
        ? h(
          "details",
          null,
          h("summary", null, `@${entry.name} in SQL`),
          h("pre", { tabIndex: 0 }, form),
          h("button", {
            type: "button",
            onClick: () => {
              setValues({
                ...values,
                ...Object.fromEntries(fields.map((each) => [each.name, valueOf(each)])),
              });
              setText(form);
            },
          }, "change it"),
        )
        : null,
      fields.map((parameter) =>
        h(
          "label",
          { key: parameter.name },
          parameter.type === "" ? `${parameter.name} ` : `${parameter.name} (${parameter.type}) `,
          h("input", {
            name: parameter.name,
            value: valueOf(parameter),
            onInput: (event: Event) =>
              setValues({ ...values, [parameter.name]: (event.currentTarget as HTMLInputElement).value }),
          }),
        )
      ),
      h("button", { type: "submit", disabled: asking || lacks !== null }, "Ask"),
    ),
    answer === null ? null : "progress" in answer
      ? h(
        "p",
        { role: "status" },
        `${answer.progress} `,
        h(
          "button",
          {
            type: "button",
            onClick: () => {
              leave(asked.current.query);
              setAnswer({ failure: STOPPED[language] });
            },
          },
          "stop",
        ),
      )
      : "failure" in answer
      ? h("p", { role: "alert", class: "failure" }, answer.failure)
      : h(AnswerTable, answer),
  );
}

/** What a statement of one's own takes: names behind `$`. */
function parametersIn(statement: string): LibraryEntry["parameters"] {
  const names = new Set([...statement.matchAll(/\$([A-Za-z_]\w*)/g)].map(([, name]) => name!));
  return [...names].map((name) => ({ name, type: "", default: null }));
}

function AnswerTable({ columns, rows, whole = true }: QueryAnswer) {
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
        rows.length > SHOWN
          ? `the first ${SHOWN} of ${rows.length} rows${whole ? "" : ", and there are more"}`
          : counted(rows.length, "row"),
      ),
      h("thead", null, h("tr", null, columns.map((name) => h("th", { key: name, scope: "col" }, name)))),
      h(
        "tbody",
        null,
        rows.slice(0, SHOWN).map((row, at) =>
          h(
            "tr",
            { key: at },
            row.map((value, each) =>
              h("td", { key: each, class: typeof value === "number" ? "number" : undefined }, cell(value))
            ),
          )
        ),
      ),
    ),
  );
}
