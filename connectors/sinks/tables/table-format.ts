/** Formats of table files. */

import { ALL_TABLES, type AnyTableName } from "../../../src/model/comparison-tables.ts";
import { type PartitionKey, storedColumns } from "../../../src/model/tables/stored-columns.ts";
import type { EngineFormat } from "../../lake/table-formats/kept-formats.ts";
import type { TableFilePlan } from "./table-file.ts";

/** How a format writes table files. */
export interface TableFormat {
  readonly name: TableFilePlan["format"];
  /** With the dot. */
  readonly extension: string;
  /** Folder of the tables within the place, `.` for the place itself. */
  readonly root: string;
  /** Bytes after which a table goes on in another file. */
  readonly mostBytes: number;
  /** Whether edges are sorted, and a manifest says which files there are. */
  readonly lake: boolean;
  /** Formats in which the lake keeps its tables from this run on, for engines that know them. */
  readonly keep?: readonly EngineFormat[];
}

/** Ids of the models that a file's rows are of. */
export type PartitionValues = Readonly<Partial<Record<PartitionKey, string>>>;

/** A file of a table. Parquet files hold the ids too, because engines that know tables take columns from files and not from paths. */
export function tableFilePlan(
  { name: format }: Pick<TableFormat, "name">,
  path: string,
  table: AnyTableName,
  metadata: Readonly<Record<string, string>>,
  constants: PartitionValues,
): TableFilePlan {
  return format === "parquet"
    ? { format, path, columns: storedColumns(table), metadata, choices: { constants } }
    : { format, path, columns: ALL_TABLES[table], metadata };
}
