/** The property graph's tables in the words of the embedded store. */

import type { ColumnType } from "../../src/model/tables.ts";
import { ENDS, type GraphTable } from "./graph-schema.ts";

const STORE_TYPES: Readonly<Record<ColumnType, string>> = {
  utf8: "STRING",
  int32: "INT32",
  int64: "INT64",
  float64: "DOUBLE",
  bool: "BOOLEAN",
};

/** The statement that makes a table where it does not exist. Names are quoted: `group` is a word of the language. */
export function createStatement({ name, ends, columns }: GraphTable): string {
  const own = ends === undefined ? columns : columns.slice(ENDS.length);
  const types = own.map((column) => `\`${column.name}\` ${STORE_TYPES[column.type]}`);
  if (ends === undefined) {
    return `CREATE NODE TABLE IF NOT EXISTS ${name}(${types.join(", ")}, PRIMARY KEY(\`${
      columns[0]?.name
    }\`))`;
  }
  return `CREATE REL TABLE IF NOT EXISTS ${name}(${[`FROM ${ends[0]} TO ${ends[1]}`, ...types].join(", ")})`;
}
