/** DuckDB's command line as far as the documentation uses it: `duckdb -c "<sql>"`, and `duckdb <file>` with SQL on stdin. */

import { argv, stdin } from "node:process";
import { text as textOf } from "node:stream/consumers";
import { DuckDBInstance } from "@duckdb/node-api";

const [first = ":memory:", sql] = argv.slice(2);
const [path, text] = first === "-c" ? [":memory:", sql ?? ""] : [first, await textOf(stdin)];
const connection = await (await DuckDBInstance.create(path)).connect();
const answer = await connection.runAndReadAll(text);
console.log(answer.columnNames().join("|"));
for (const row of answer.getRows()) console.log(row.map(String).join("|"));
connection.closeSync();
