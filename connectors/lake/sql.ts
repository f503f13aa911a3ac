/** The views of a lake as SQL for DuckDB. */

import { type AnyTableName, COMPARISON_TABLE_NAMES } from "../../src/model/comparison-tables.ts";
import { type ColumnType, SCHEMA_VERSION, TABLE_NAMES } from "../../src/model/tables.ts";
import { storedColumns } from "../../src/model/tables/stored-columns.ts";
import type { Manifest } from "./manifest.ts";

/** What the text depends on beside the manifest. */
export interface ViewSettings {
  /** The lake's folder, absolute, or `s3://bucket/prefix`; without a `/` at its end. */
  readonly root: string;
  /** The files that the manifest names now, instead of whatever lies in the folders when the view is asked. */
  readonly pinned: boolean;
  /** Of the server, where it is not Amazon's. */
  readonly endpoint?: string;
  readonly region?: string;
}

/**
 * Statements that make one view per table, those of comparisons where there are some; they may be given to `duckdb` as they are. Paths start from DuckDB's variable `lake`
 * where a session has set it, else from the place that the lake has now: so a lake may move, and a database of views be asked again.
 */
export function viewStatements(manifest: Manifest, settings: ViewSettings): string {
  const { root } = settings;
  const { models, comparisons } = manifest;
  const ids = [
    ...models.map(({ id, partition }) => [partition, id] as const),
    ...comparisons.flatMap(({ base, other, partition }) => {
      const [model = "", from = ""] = partition.split("/");
      return [[model, other], [from, base]] as const;
    }),
  ];
  const cut = new Map(
    ids.filter(([partition]) => partition.includes("~")).map(([folder, id]) => [nameOf(folder), id]),
  );
  const entries = [...models, ...comparisons];
  // Columns differ only between schemas; to unite them by name, every file's footer must be read first.
  const schemas = new Set(entries.map(({ schema_version }) => schema_version));
  const unite = schemas.size > 1 ? ", union_by_name = true" : "";
  const place = `coalesce(getvariable('lake'), ${text(pattern(root))})`;
  const filled = new Set(entries.flatMap(({ files }) => files.map(({ table }) => table)));
  const view = (table: AnyTableName, keys: readonly string[]) => {
    // A pattern without a file is an error to DuckDB.
    if (!filled.has(table)) return emptyView(table, keys);
    const files = settings.pinned
      ? `[${place} || file FOR file IN [\n    ${
        entries.flatMap(({ files }) => paths(table, files)).join(",\n    ")
      }\n  ]]`
      : `${place} || ${text(`/${table}/${"*/".repeat(keys.length)}*.parquet`)}`;
    const types = keys.map((key) => `'${key}': VARCHAR`).join(", ");
    return `CREATE OR REPLACE VIEW ${table} AS\n` +
      `  SELECT ${keys.map((key) => idColumn(key, cut)).join(", ")}, * EXCLUDE (${keys.join(", ")})\n` +
      `  FROM read_parquet(${files}, hive_partitioning = true, hive_types = {${types}}${unite});`;
  };
  const views = [
    ...TABLE_NAMES.map((table) => view(table, ["model"])),
    ...comparisons.length === 0 ? [] : COMPARISON_TABLE_NAMES.map((table) => view(table, ["model", "base"])),
  ];
  return `${[...bucketSettings(settings), MOVED, ...views, EXAMPLE].join("\n\n")}\n`;
}

/** DuckDB's types. */
export const SQL_TYPES: Readonly<Record<ColumnType, string>> = {
  utf8: "VARCHAR",
  int32: "INTEGER",
  int64: "BIGINT",
  float64: "DOUBLE",
  bool: "BOOLEAN",
};

/** The columns in the order of the other views. */
function emptyView(table: AnyTableName, keys: readonly string[]): string {
  const columns = storedColumns(table);
  const ordered = [
    ...columns.filter(({ name }) => keys.includes(name)),
    ...columns.filter(({ name }) => !keys.includes(name)),
  ];
  const nothing = ordered.map(({ name, type }) => `NULL::${SQL_TYPES[type]} AS "${name}"`).join(", ");
  return `-- No model has rows of ${table}. Make the views again when one has.\n` +
    `CREATE OR REPLACE VIEW ${table} AS\n  SELECT ${nothing} WHERE false;`;
}

const MOVED =
  `-- Where the lake lies elsewhere, in each session: SET VARIABLE lake = '…'; a folder or s3://bucket/prefix, with no / at its end.`;

const EXAMPLE =
  `-- Tables of svrflow's schema ${SCHEMA_VERSION}. Rows of edges ascend by source layer and neuron within each model: conditions on model,
-- source_layer and source_neuron read only the files and row groups that they need. For instance:
--   SELECT model, source_layer, source_neuron, count(*) FROM edges GROUP BY ALL ORDER BY 4 DESC LIMIT 10;`;

/**
 * A model's id: that of the folder, but where the folder's name is a cut one. DuckDB decodes names of folders, and prunes through this.
 *
 * @param cut whole ids by the folders' names
 */
function idColumn(key: string, cut: ReadonlyMap<string, string>): string {
  if (cut.size === 0) return key;
  const cases = [...cut].map(([folder, id]) => `\n    WHEN ${text(folder)} THEN ${text(id)}`);
  return `CASE ${key}${cases.join("")}\n    ELSE ${key} END AS ${key}`;
}

/** The value of a partition's folder as DuckDB decodes it. */
const nameOf = (folder: string) => decodeURIComponent(folder.slice(folder.indexOf("=") + 1));

function paths(table: AnyTableName, files: Manifest["models"][number]["files"]): string[] {
  return files.filter((file) => file.table === table).map(({ path }) => text(`/${path}`));
}

/** What a session needs that does not know the bucket yet, as a comment; nothing for a folder. */
export function bucketSettings({ root, endpoint, region }: ViewSettings): string[] {
  if (!root.startsWith("s3://")) return [];
  const url = endpoint === undefined ? null : URL.parse(endpoint);
  const server = url === null ? [] : [
    `ENDPOINT ${text(url.host + url.pathname.replace(/\/$/, ""))}`,
    "URL_STYLE 'path'",
    `USE_SSL ${url.protocol === "https:"}`,
  ];
  const where = region === undefined ? [] : [`REGION ${text(region)}`];
  // A comment, because sessions differ in how they come by their credentials. No line may leave it.
  const lines = [
    "Once per session, where DuckDB does not know the bucket yet:",
    "  INSTALL httpfs; LOAD httpfs; INSTALL aws; LOAD aws;",
    `  CREATE SECRET lake (${["TYPE s3", "PROVIDER credential_chain", ...where, ...server].join(", ")});`,
    "or, with keys of your own:",
    `  CREATE SECRET lake (${["TYPE s3", "KEY_ID '…'", "SECRET '…'", ...where, ...server].join(", ")});`,
  ];
  return [lines.map((line) => `-- ${line.replaceAll(/\s/g, " ")}`).join("\n")];
}

/** A path that DuckDB takes for itself and not for a pattern. */
export function pattern(path: string): string {
  return path.replaceAll(/[[*?]/g, "[$&]");
}

/** A literal; DuckDB's know no escape but the doubled quote. */
export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
