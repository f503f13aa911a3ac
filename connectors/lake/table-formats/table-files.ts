/** What a table of a lake consists of: the files that the manifest names, with what engines may know of them without reading them. */

import { parquetMetadataAsync } from "hyparquet";
import type { AnyTableName } from "../../../src/model/comparison-tables.ts";
import { messageOf, show } from "../../../src/model/errors.ts";
import { Semaphore } from "../../../src/base/semaphore.ts";
import { SCHEMA_VERSION } from "../../../src/model/tables.ts";
import { type PartitionKey, storedColumns } from "../../../src/model/tables/stored-columns.ts";
import { NAN_KEY } from "../../sinks/tables/column-metadata.ts";
import type { Manifest } from "../manifest.ts";
import type { LakePlace } from "../place.ts";
import { LANES } from "./new-files.ts";

/** Since this version files have ids of columns, and the models' ids as columns. */
const FIRST_SCHEMA = 6;

/** A file of a table. */
export interface DataFile {
  /** From the lake's root. */
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  readonly partition: Readonly<Partial<Record<PartitionKey, string>>>;
}

/** What is known of a column of a file; null where it is not. */
export interface ColumnStatistics {
  readonly min: number | bigint | string | null;
  readonly max: number | bigint | string | null;
  readonly nulls: number | null;
  /** 0 where the column holds no floating-point numbers. */
  readonly nans: number | null;
}

/** Columns by name. */
export type FileStatistics = ReadonlyMap<string, ColumnStatistics>;

/** The files of a table, and what a manifest names that cannot be one of them. */
export interface TableFiles {
  readonly files: readonly DataFile[];
  /** Ids of models whose files are too old: they lack the ids of columns. */
  readonly old: readonly string[];
}

/**
 * The files of a table.
 *
 * @throws {RangeError} when a newer version of the program has written some: their columns are not known
 */
export function filesOfTable({ models, comparisons }: Manifest, table: AnyTableName): TableFiles {
  const entries = [
    ...models.map((entry) => ({ entry, partition: { model: entry.id } })),
    ...comparisons.map((entry) => ({ entry, partition: { model: entry.other, base: entry.base } })),
  ];
  const files: DataFile[] = [];
  const old = new Set<string>();
  for (const { entry, partition } of entries) {
    const { schema_version: version } = entry;
    const own = entry.files.filter((file) => file.table === table);
    if (version > SCHEMA_VERSION) {
      throw new RangeError(
        `model ${
          show(partition.model)
        }: found tables of schema ${version}, required at most ${SCHEMA_VERSION} (a newer svrflow wrote them)`,
      );
    }
    if (version < FIRST_SCHEMA) old.add(partition.model);
    // Engines stumble over files without row groups.
    else {files.push(...own.flatMap(({ path, rows, bytes }) =>
        rows === 0 ? [] : [{ path, rows, bytes, partition }]
      ));}
  }
  return { files, old: [...old] };
}

/** Reads footers of a lake's files, each once. */
export class Footers {
  readonly #place: LakePlace;
  readonly #turn = new Semaphore(LANES);
  readonly #read = new Map<string, Promise<FileStatistics>>();

  constructor(place: LakePlace) {
    this.#place = place;
  }

  /** What a file's footer says of its columns. @throws {SyntaxError} when it cannot be read; names the file */
  of(table: AnyTableName, file: DataFile): Promise<FileStatistics> {
    const found = this.#read.get(file.path) ?? this.#turn.run(() => statisticsOf(this.#place, table, file));
    this.#read.set(file.path, found);
    return found;
  }
}

async function statisticsOf(place: LakePlace, table: AnyTableName, file: DataFile): Promise<FileStatistics> {
  const { path, partition } = file;
  const opened = await place.open(path);
  if (opened === null) {
    throw new Error(`${place.name}/${path}: found no such file, required the one that is recorded`);
  }
  try {
    const { row_groups: groups, key_value_metadata: pairs } = await parquetMetadataAsync({
      byteLength: opened.bytes,
      slice: async (start, end = opened.bytes) => (await opened.slice(start, end)).buffer,
    });
    const said = pairs?.find(({ key }) => key === NAN_KEY)?.value;
    const nanCounts = said === undefined ? null : JSON.parse(said) as Readonly<Record<string, number>>;
    return new Map(
      storedColumns(table).map(({ name, type, nullable }): readonly [string, ColumnStatistics] => {
        const key = partition[name as PartitionKey];
        if (key !== undefined) return [name, { min: key, max: key, nulls: 0, nans: 0 }];
        const chunks = groups.map(({ columns }) =>
          columns.find(({ meta_data: chunk }) => chunk?.path_in_schema.join(".") === name)?.meta_data
            ?.statistics
        );
        const counts = chunks.map((chunk) => chunk?.null_count);
        const nulls = counts.reduce<bigint | null>(
          (sum, count) => sum === null || count === undefined ? null : sum + count,
          0n,
        );
        return [name, {
          min: bound(chunks.map((chunk) => chunk?.min_value), -1),
          max: bound(chunks.map((chunk) => chunk?.max_value), 1),
          nulls: nullable ? (nulls === null ? null : Number(nulls)) : 0,
          nans: type !== "float64" ? 0 : nanCounts === null ? null : nanCounts[name] ?? 0,
        }];
      }),
    );
  } catch (cause) {
    throw new SyntaxError(`${place.name}/${path}: ${messageOf(cause)}`, { cause });
  } finally {
    await opened.close();
  }
}

/** The least or the greatest of the row groups' bounds; null where one has none, as a group of nulls has not. */
function bound(values: readonly unknown[], sign: -1 | 1): number | bigint | null {
  let best: number | bigint | null = null;
  for (const value of values) {
    if (typeof value !== "number" && typeof value !== "bigint") return null;
    if (best === null || (sign > 0 ? value > best : value < best)) best = value;
  }
  return best;
}
