/** What the columns of all tables mean, as Markdown: the page `docs/tables.md`, and a part of each output folder's README. */

import {
  ALL_TABLE_ROWS,
  ALL_TABLES,
  type AnyTableName,
  COMPARISON_TABLE_NAMES,
} from "../model/comparison-tables.ts";
import { TABLE_NAMES, type TableColumn } from "../model/tables.ts";

/** All tables: of a model, then of a comparison. */
export const ALL_TABLE_NAMES: readonly AnyTableName[] = [...TABLE_NAMES, ...COMPARISON_TABLE_NAMES];

const INTRODUCTION = `# Tables

\`npm run tables\` writes this page from the definitions of the columns. [Outputs](outputs-and-lake.md) says where the
tables lie, and [concepts](concepts.md) explain the words.

The same text lies in the files. Parquet has it as \`svrflow.columns\` (JSON) and as metadata of Arrow's fields, Arrow
as metadata of its fields:

\`\`\`sh run
duckdb -c "SELECT decode(value) FROM parquet_kv_metadata('my-run/edges/*/*.parquet')
    WHERE decode(key) = 'svrflow.columns'"
\`\`\`

\`\`\`python
import pyarrow.parquet as pq

for field in pq.ParquetDataset("my-run/edges").fragments[0].physical_schema:
    print(field.name, field.metadata)
\`\`\`

Logarithms are natural. Indices count from 0. The model's id is the partition \`model=\` of the path, where it may be
cut, and \`model\`, the last column of Parquet files, where it is whole. Tables of a [comparison](comparing.md) have two
partitions and two such columns: \`model\` is the other model, \`base\` the base. Arrow files lack them. A table without
rows leaves no file. New columns are appended before \`model\`, and none ever takes the \`field_id\` of another.
`;

/** The page \`docs/tables.md\`. */
export function tablesPage(): string {
  return [INTRODUCTION, ...ALL_TABLE_NAMES.map(wholeTable)].join("\n");
}

function wholeTable(table: AnyTableName): string {
  return section(
    table,
    ["column", "type", "unit", "meaning", "range", "formula", "null"],
    ({ name, type, meaning: { unit, description, range, formula, whenNull } }) => [
      `\`${name}\``,
      `\`${type}\``,
      unit,
      description,
      range,
      formula,
      whenNull,
    ],
  );
}

/** A table's columns with their units and meanings. */
export function briefTable(table: AnyTableName): string {
  return section(
    table,
    ["column", "unit", "meaning"],
    ({ name, meaning: { unit, description } }) => [`\`${name}\``, unit, description],
  );
}

function section(
  table: AnyTableName,
  header: readonly string[],
  cells: (column: TableColumn) => readonly string[],
): string {
  const line = (texts: readonly string[]) => `| ${texts.join(" | ")} |`;
  return [
    `## ${table}`,
    "",
    `A row is ${ALL_TABLE_ROWS[table]}.`,
    "",
    line(header),
    line(header.map(() => "---")),
    ...ALL_TABLES[table].map((column) => line(cells(column))),
    "",
  ].join("\n");
}
