/**
 * Tells Cypher that only asks from Cypher that does more. The embedded store, even opened for reading, still copies tables
 * into files, reads any file, attaches databases and installs code; a graph server's transaction that reads still
 * fetches any address and calls any procedure. So statements are judged by their words before the store sees them. Words
 * inside string literals, comments and quoted names never count.
 */

import { show } from "../../src/model/errors.ts";
import type { CypherDialect } from "../../src/model/graph-reader.ts";

/** Clauses that a reading statement begins with. */
const BEGINNINGS = new Set(["MATCH", "OPTIONAL", "WITH", "UNWIND", "RETURN", "CALL"]);

/** Procedures that tell about the store and touch nothing else. Others read files, and some crash the store. */
const PROCEDURES = new Set([
  "SHOW_TABLES",
  "TABLE_INFO",
  "SHOW_INDEXES",
  "SHOW_FUNCTIONS",
  "SHOW_MACROS",
  "SHOW_CONNECTION",
  "DB_VERSION",
  "STORAGE_VERSION",
  "CATALOG_VERSION",
  "CURRENT_SETTING",
  "STATS_INFO",
  "STORAGE_INFO",
  "DISK_INFO",
  "DISK_SIZE_INFO",
]);

/** The same of a graph server. */
const SERVER_PROCEDURES = new Set([
  "DB.LABELS",
  "DB.RELATIONSHIPTYPES",
  "DB.PROPERTYKEYS",
  "DB.SCHEMA.VISUALIZATION",
  "DB.SCHEMA.NODETYPEPROPERTIES",
  "DB.SCHEMA.RELTYPEPROPERTIES",
  "DBMS.COMPONENTS",
]);

/** A word in capitals, one character of punctuation, or what stands for a literal or a quoted name. */
type Token = string;

/** Stands for a string literal, which no keyword can be. */
const LITERAL: Token = "''";
/** Stands for a name in backticks. */
const QUOTED: Token = "``";

/**
 * Refuses every statement but one that only reads the graph.
 *
 * Allowed: `MATCH`, `OPTIONAL MATCH`, `WITH`, `UNWIND`, `RETURN` and `CALL` of a procedure that describes the store, with
 * `EXPLAIN` or `PROFILE` before them. Clauses that write (`CREATE`, `SET`, …) are left to the store, which says of a
 * prepared statement whether it only reads.
 *
 * For a graph server also subqueries (`CALL { … }`) are allowed; `\u` escapes, which it resolves before it looks for
 * words, are refused.
 *
 * @throws {SyntaxError} names what was found
 */
export function requireReading(cypher: string, dialect: CypherDialect = "embedded"): void {
  if (dialect === "neo4j" && /\\u/.test(cypher)) {
    throw refusal(cypher, String.raw`an escape \u (write the character itself, or pass a parameter)`);
  }
  const calls = dialect === "neo4j" ? callsOnServer : callsOnStore;
  const tokens = tokenize(cypher);
  while (tokens.at(-1) === ";") tokens.pop();
  if (tokens.length === 0) throw refusal(cypher, "nothing but white space and comments");
  if (tokens.includes(";")) throw refusal(cypher, "more than one statement");
  const first = tokens[0] === "EXPLAIN" || tokens[0] === "PROFILE" ? tokens[1] : tokens[0];
  if (first === undefined || !BEGINNINGS.has(first)) throw refusal(cypher, show(first ?? tokens[0]));
  tokens.forEach((token, at) => {
    if (token === "LOAD" && loads(tokens, at)) throw refusal(cypher, `LOAD ${tokens[at + 1] ?? ""}`);
    if (token === "CALL" && calls(tokens, at)) throw refusal(cypher, `CALL ${tokens[at + 1] ?? ""}`);
  });
}

function refusal(cypher: string, found: string): SyntaxError {
  return new SyntaxError(
    `reading the graph with ${
      show(cypher)
    }: found ${found}, required one statement that only reads the graph`,
  );
}

/** What makes the word behind it a name: a variable, property, label or parameter that is called like a clause. */
const NAMES_NEXT = new Set([".", ":", "$", "|", "AS", ","]);

/** Whether the word `LOAD` begins a clause that reads a file: `LOAD FROM`, `LOAD WITH HEADERS (…) FROM`, `LOAD CSV`. */
function loads(tokens: readonly Token[], at: number): boolean {
  if (NAMES_NEXT.has(tokens[at - 1] ?? "")) return false;
  return tokens[at + 1] === "FROM" || tokens[at + 1] === "CSV" ||
    (tokens[at + 1] === "WITH" && tokens[at + 2] === "HEADERS");
}

/** Whether the word `CALL` begins a clause that is not one of the allowed: an unknown procedure, or a setting. */
function callsOnStore(tokens: readonly Token[], at: number): boolean {
  if (NAMES_NEXT.has(tokens[at - 1] ?? "")) return false;
  const [name = "", next] = tokens.slice(at + 1, at + 3);
  const clause = name === QUOTED || /^[\p{L}_]/u.test(name);
  if (at > 0 && !(clause && (next === "(" || next === "=" || next === "."))) return false;
  return !(PROCEDURES.has(name) && next === "(");
}

/** The same for a graph server, where procedures have dots in their names and parentheses may be left out. */
function callsOnServer(tokens: readonly Token[], at: number): boolean {
  if (NAMES_NEXT.has(tokens[at - 1] ?? "")) return false;
  const next = tokens[at + 1] ?? "";
  // A subquery, with or without its variables, is judged by its own words. Other punctuation: a name that is called CALL.
  if (next !== QUOTED && !/^[\p{L}_]/u.test(next)) return false;
  let name = next;
  for (let dot = at + 2; tokens[dot] === "."; dot += 2) name += `.${tokens[dot + 1] ?? ""}`;
  return !SERVER_PROCEDURES.has(name);
}

// The store takes more characters for white space than JavaScript does, among them some controls.
const SPACE = /[\s\p{C}\p{Z}]+/uy;
const LINE_COMMENT = /\/\/[^\r\n]*/y;
const BLOCK_COMMENT = /\/\*[^]*?\*\//y;
const STRING = /'(?:[^'\\]|\\[^])*'|"(?:[^"\\]|\\[^])*"/y;
const QUOTED_NAME = /`(?:[^`]|``)*`/y;
const WORD = /[\p{L}\p{Nl}_][\p{L}\p{N}\p{M}\p{Pc}_]*/uy;

/** Splits a statement as the store does. @throws {SyntaxError} when a literal, name or comment does not end */
function tokenize(cypher: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < cypher.length;) {
    const match = (pattern: RegExp): string | undefined => {
      pattern.lastIndex = at;
      return pattern.exec(cypher)?.[0];
    };
    const ignored = match(SPACE) ?? match(LINE_COMMENT) ?? match(BLOCK_COMMENT);
    const literal = match(STRING);
    const name = match(QUOTED_NAME);
    const word = match(WORD);
    const piece = ignored ?? literal ?? name ?? word ?? cypher.charAt(at);
    if (ignored === undefined) {
      if (/^['"`]$/.test(piece) || cypher.startsWith("/*", at)) {
        throw refusal(cypher, `${show(cypher.slice(at, at + 20))}, which does not end,`);
      }
      tokens.push(
        literal !== undefined
          ? LITERAL
          : name !== undefined
          ? QUOTED
          : word !== undefined
          ? capitals(piece)
          : piece,
      );
    }
    at += piece.length;
  }
  return tokens;
}

/** Capitals for ASCII letters only: the store's keywords know no others. */
function capitals(word: string): string {
  return word.replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase());
}
