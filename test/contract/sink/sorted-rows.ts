/** Tables compared whatever the order of their rows. */

import type { Row } from "../../../src/model/tables.ts";

/** Rows in one order, whatever order the sink keeps. */
export function sorted(rows: readonly Row[]): Row[] {
  const key = (row: Row) =>
    JSON.stringify(Object.values(row), (_, v: unknown) => typeof v === "bigint" ? `${v}n` : v);
  return rows.map((row) => ({ row, key: key(row) })).sort((a, b) => a.key < b.key ? -1 : 1).map(({ row }) =>
    row
  );
}
