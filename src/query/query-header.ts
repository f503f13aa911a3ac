/**
 * A Cypher query that says what it answers and takes: the header of the files in `pipelines/queries`.
 *
 *     // One or more lines: what it answers.
 *     //
 *     // @param limit  integer 1.. = 20  what it means
 *     // @literal hops  integer 1..8 = 2  the same, for a place where no store takes a parameter (the length of a path)
 *     // @column overlap  number?  what it means; `?` where it may be null
 *     MATCH …
 *
 * Two or more spaces part the fields. A parameter without a default must be given.
 */

import { show } from "../model/errors.ts";

/** What a parameter holds; `model` is the id of a model in the graph. */
export type ParameterType = "model" | "text" | "integer" | "number" | "boolean";

/** A value that a query takes. */
export type ParameterValue = string | number | boolean;

/** A parameter of a query. */
export interface QueryParameter {
  readonly name: string;
  readonly type: ParameterType;
  /** Of a number: least and greatest value. */
  readonly least?: number;
  readonly greatest?: number;
  /** Absent where it must be given. */
  readonly default?: ParameterValue;
  /** Whether it is written into the text, digit by digit, instead of being handed over beside it. */
  readonly literal: boolean;
  readonly description: string;
}

/** A column of a query's answer. */
export interface QueryColumn {
  readonly name: string;
  readonly type: "text" | "integer" | "number" | "boolean" | "list";
  readonly nullable: boolean;
  readonly description: string;
}

/** What a header says. */
export interface QueryHeader {
  /** What the query answers, on one line. */
  readonly summary: string;
  readonly parameters: readonly QueryParameter[];
  readonly columns: readonly QueryColumn[];
}

const PARAMETER = /^(model|text|integer|number|boolean)(?: (-?[\d.]*?)\.\.(-?[\d.]*))?(?: = (.+))?$/;
const COLUMN = /^(text|integer|number|boolean|list)(\?)?$/;
const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

/** Whether a Cypher text begins with a header, and so takes typed parameters. */
export function hasHeader(text: string): boolean {
  return /^\/\/ @(?:param|literal|column) /m.test(text);
}

/**
 * Parts a query into its header and its statement.
 *
 * @param where names the query in errors
 * @returns the statement without the header's comments
 * @throws {SyntaxError} when the header is not as above; names the line
 */
export function parseHeader(text: string, where: string): { header: QueryHeader; statement: string } {
  const lines = text.split(/\r?\n/);
  const end = lines.findIndex((line) => !line.startsWith("//"));
  const comments = lines.slice(0, end < 0 ? lines.length : end).map((line) => line.slice(2).trim());
  const summary: string[] = [];
  const parameters: QueryParameter[] = [];
  const columns: QueryColumn[] = [];
  for (const [at, comment] of comments.entries()) {
    const fail = (required: string) =>
      new SyntaxError(`${where}, line ${at + 1}: found ${show(comment)}, required ${required}`);
    if (!comment.startsWith("@")) {
      if (comment !== "") summary.push(comment);
      continue;
    }
    const [head = "", kind = "", ...description] = comment.split(/ {2,}/);
    const [tag, name = ""] = head.split(" ");
    const said = { name, description: description.join(" ") };
    if (!NAME.test(name) || said.description === "") {
      throw fail("@param, @literal or @column, a name, a type and a description, two spaces apart");
    }
    if ([...parameters, ...columns].some((other) => other.name === name && tag === tagOf(other))) {
      throw fail("each name once");
    }
    if (tag === "@column") {
      const [, type, nullable] = COLUMN.exec(kind) ?? [];
      if (type === undefined) {
        throw fail("a column's type: text, integer, number, boolean or list, ? after it");
      }
      columns.push({ ...said, type: type as QueryColumn["type"], nullable: nullable !== undefined });
    } else if (tag === "@param" || tag === "@literal") {
      const parameter = parameterOf(kind, tag === "@literal", said);
      if (parameter === null) {
        throw fail("a parameter's type (model, text, integer 1..8, number or boolean) and = its default");
      }
      parameters.push(parameter);
    } else throw fail("@param, @literal or @column");
  }
  if (summary.length === 0) throw new SyntaxError(`${where}: found no line that says what it answers`);
  const statement = lines.slice(comments.length).join("\n").trim();
  if (statement === "") throw new SyntaxError(`${where}: found no statement below the header`);
  return { header: { summary: summary.join(" "), parameters, columns }, statement };
}

const tagOf = (item: QueryParameter | QueryColumn) =>
  "nullable" in item ? "@column" : item.literal ? "@literal" : "@param";

function parameterOf(
  kind: string,
  literal: boolean,
  said: { name: string; description: string },
): QueryParameter | null {
  const [, type, least, greatest, value] = PARAMETER.exec(kind) ?? [];
  const numeric = type === "integer" || type === "number";
  const bounded = least !== undefined || greatest !== undefined;
  // What stands in the text must not be able to say anything but a number or a truth value.
  if (type === undefined || (bounded && !numeric) || (literal && !numeric && type !== "boolean")) return null;
  const parsed = value === undefined ? undefined : defaultOf(value, type as ParameterType);
  if (parsed === null) return null;
  return {
    ...said,
    type: type as ParameterType,
    literal,
    ...least === undefined || least === "" ? {} : { least: Number(least) },
    ...greatest === undefined || greatest === "" ? {} : { greatest: Number(greatest) },
    ...parsed === undefined ? {} : { default: parsed },
  };
}

function defaultOf(text: string, type: ParameterType): ParameterValue | null {
  try {
    const value = JSON.parse(text) as unknown;
    return isOfType(value, type) ? value : null;
  } catch {
    return null;
  }
}

/** Whether a value is of a parameter's type; its range aside. */
export function isOfType(value: unknown, type: ParameterType): value is ParameterValue {
  switch (type) {
    case "boolean":
      return typeof value === "boolean";
    case "integer":
      return Number.isSafeInteger(value);
    case "number":
      return Number.isFinite(value);
    case "model":
    case "text":
      return typeof value === "string";
  }
}

/** A parameter's type in words: `integer from 1 to 8`. */
export function typeInWords({ type, least, greatest }: QueryParameter): string {
  const range = [
    ...least === undefined ? [] : [greatest === undefined ? `of at least ${least}` : `from ${least}`],
    ...greatest === undefined ? [] : [least === undefined ? `of at most ${greatest}` : `to ${greatest}`],
  ].join(" ");
  const words: Readonly<Record<ParameterType, string>> = {
    model: "a model's id",
    text: "text",
    integer: "an integer",
    number: "a number",
    boolean: "true or false",
  };
  return range === "" ? words[type] : `${words[type]} ${range}`;
}
