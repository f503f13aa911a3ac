/** The layers of two models by what changed: sorted by any column, saved as CSV and Parquet. */

import { parquetWriteBuffer } from "hyparquet-writer";
import { h } from "preact";
import { useState } from "preact/hooks";
import type { TableColumn } from "../../../model/tables/column.ts";
import { CORRESPONDENCE_COLUMNS } from "../../../model/tables/comparisons/correspondences.ts";
import type { Change } from "../navigation.ts";
import { figure } from "../numbers.ts";
import type { IndexedComparison, Row } from "../protocol.ts";
import { fileName, quoted, save } from "../saved-file.ts";
import type { LayerPair } from "./comparison.ts";

/** Columns of the table `correspondences` that are shown, with what a head says. */
const COLUMNS = [
  ["other_name", "layer"],
  ["relative_change", "change"],
  ["kept", "kept"],
  ["intruders", "intruders"],
] as const;

/** Layers, and of which comparison. */
export interface LayerTableProps {
  /** Those that changed most first. */
  readonly pairs: readonly LayerPair[];
  readonly of: IndexedComparison;
  readonly change: Change;
}

/** A click on a head sorts: text upwards, numbers the largest first; another click turns the order. Saved are all columns, in this order. */
export function LayerTable({ pairs, of: { base, other }, change }: LayerTableProps) {
  const [{ by, down }, setOrder] = useState<
    { readonly by: typeof COLUMNS[number][0]; readonly down: boolean }
  >({
    by: "relative_change",
    down: true,
  });
  const sorted = [...pairs].sort((a, b) => compared(a.row[by] ?? null, b.row[by] ?? null, down));
  const name = `${fileName(other)}-${fileName(base)}-layers`;
  const rows = sorted.map(({ row }) => row);
  return h(
    "div",
    null,
    h(
      "table",
      null,
      h("caption", null, "Corresponding layers"),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          COLUMNS.map(([column, head]) =>
            h(
              "th",
              {
                key: column,
                scope: "col",
                "aria-sort": by !== column ? "none" : down ? "descending" : "ascending",
              },
              h("button", {
                type: "button",
                class: "link",
                onClick: () =>
                  setOrder({ by: column, down: by === column ? !down : column !== "other_name" }),
              }, head),
            )
          ),
        ),
      ),
      h(
        "tbody",
        null,
        sorted.map((pair) =>
          h(
            "tr",
            { key: `${pair.base}-${pair.other}` },
            h(
              "td",
              null,
              h("button", {
                type: "button",
                class: "link",
                onClick: () => change({ pair: [pair.base, pair.other] }),
              }, pair.otherName),
            ),
            COLUMNS.slice(1).map(([column]) =>
              h("td", { key: column, class: "number" }, figure(pair.row[column]))
            ),
          )
        ),
      ),
    ),
    h(
      "p",
      { class: "exports", role: "group", "aria-label": "Save the layers" },
      h("button", {
        type: "button",
        onClick: () => save(`${name}.csv`, new Blob([csvOf(rows)], { type: "text/csv" })),
      }, "layers as CSV"),
      h("button", {
        type: "button",
        onClick: () =>
          save(`${name}.parquet`, new Blob([parquetOf(rows)], { type: "application/vnd.apache.parquet" })),
      }, "layers as Parquet"),
    ),
  );
}

/** Rows without a value stand last in either order. */
function compared(one: Row[string], other: Row[string], down: boolean): number {
  if (one === null || other === null) return Number(one === null) - Number(other === null);
  const ascending = typeof one === "number" && typeof other === "number"
    ? one - other
    : String(one).localeCompare(String(other), "en", { numeric: true });
  return down ? -ascending : ascending;
}

/** All columns of the table; a cell is empty where there is no value. */
function csvOf(rows: readonly Row[]): string {
  const lines = [CORRESPONDENCE_COLUMNS.map(({ name }) => name).join(",")];
  for (const row of rows) {
    lines.push(CORRESPONDENCE_COLUMNS.map(({ name }) => quoted(String(row[name] ?? ""))).join(","));
  }
  return `${lines.join("\n")}\n`;
}

const TYPES = { utf8: "STRING", int32: "INT32", int64: "INT64", float64: "DOUBLE", bool: "BOOLEAN" } as const;

/** The same, columns typed as in the table. */
function parquetOf(rows: readonly Row[]): ArrayBuffer {
  const value = (row: Row, { name, type }: TableColumn) => {
    const found = row[name] ?? null;
    return type === "int64" && found !== null ? BigInt(found) : found;
  };
  return parquetWriteBuffer({
    columnData: CORRESPONDENCE_COLUMNS.map((column) => ({
      name: column.name,
      data: rows.map((row) => value(row, column)),
      type: TYPES[column.type],
      nullable: true,
    })),
  });
}
