import type { Row, TableBatch } from "../../src/model/tables.ts";

/** The rows of a batch as objects, null where there is no value: what `batchOfRows` was given. */
export function rowsOf({ rows, schema, columns }: TableBatch): Row[] {
  return Array.from(
    { length: rows },
    (_, row) =>
      Object.fromEntries(columns.map(({ type, values, valid }, at) => {
        const value = valid?.[row] === 0 ? null : type === "bool" ? values[row] === 1 : values[row]!;
        return [schema[at]!.name, value];
      })) as Row,
  );
}
