/** Holds a lake against its manifest. */

import { parquetMetadataAsync } from "hyparquet";
import { messageOf } from "../../src/model/errors.ts";
import type { WrittenFile } from "../../src/model/ports.ts";
import { type AnyTableName, COMPARISON_TABLE_NAMES } from "../../src/model/comparison-tables.ts";
import { TABLE_NAMES } from "../../src/model/tables.ts";
import { isGone } from "../places/identity.ts";
import { digestOf, type LakeModel, MANIFEST, readManifest } from "./manifest.ts";
import { keptFormats } from "./table-formats/kept-formats.ts";
import { namedByVersions } from "./table-formats/versions.ts";
import type { LakeFile, LakePlace } from "./place.ts";

/** What can be wrong with a lake. */
export interface Defect {
  /**
   * `missing`: named, not there. `truncated`: shorter than it was. `altered`: longer, or with another digest. `rows`: its footer counts other
   * rows. `unreadable`: it cannot be read, or is no Parquet file. `unknown`: no manifest names it. `no-manifest`: there is none.
   */
  readonly kind: "missing" | "truncated" | "altered" | "rows" | "unreadable" | "unknown" | "no-manifest";
  /** From the lake's root. */
  readonly path: string;
  readonly found: string | number;
  readonly required: string | number;
}

/** What a check found. */
export interface LakeCheck {
  readonly models: number;
  readonly comparisons: number;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
  readonly defects: readonly Defect[];
  /** Models whose file is not there any more, as far as this machine can tell; their tables may be as good as ever. */
  readonly gone: readonly { readonly id: string; readonly uri: string }[];
}

/** How a lake is checked. */
export interface CheckOptions {
  /** Sizes and footers only: a file whose bytes were altered, but not their number, passes. */
  readonly quick?: boolean;
  readonly signal?: AbortSignal;
  readonly progress?: (done: number, of: number) => void;
}

/**
 * Verifies every file that the manifest names, and looks for files that it does not name.
 *
 * @throws {SyntaxError} when the manifest is not valid; Error when the lake cannot be reached
 */
export async function checkLake(place: LakePlace, options: CheckOptions = {}): Promise<LakeCheck> {
  const manifest = await readManifest(place);
  const models = manifest?.models ?? [];
  const comparisons = manifest?.comparisons ?? [];
  const files = [...models, ...comparisons].flatMap((entry) => entry.files);
  const defects: Defect[] = [];
  if (manifest === null) {
    defects.push({ kind: "no-manifest", path: MANIFEST, found: "none", required: "one, written by svr run" });
  }
  for (const [at, file] of files.entries()) {
    options.signal?.throwIfAborted();
    options.progress?.(at, files.length);
    defects.push(...await checkFile(place, file, options.quick === true));
  }
  // The tables that always have a row; others leave no file where they have none.
  const requireFile = (entry: Pick<LakeModel, "files" | "partition">, table: AnyTableName) => {
    if (entry.files.some((file) => file.table === table)) return;
    const path = `${table}/${entry.partition}`;
    defects.push({ kind: "missing", path, found: "no file in the manifest", required: "at least one" });
  };
  for (const model of models) requireFile(model, "models");
  for (const comparison of comparisons) requireFile(comparison, "kinship");
  const named = new Set(files.map(({ path }) => path));
  const formats = await keptFormats(place);
  for (const table of [...TABLE_NAMES, ...COMPARISON_TABLE_NAMES]) {
    const others = (await place.list(`${table}/`)).filter((path) =>
      !named.has(path) && !path.startsWith(`${table}/_delta_log/`)
    );
    if (others.length === 0) continue;
    const versions = await namedByVersions(place, table, formats);
    for (const path of others) {
      if (versions.has(path)) continue;
      defects.push({ kind: "unknown", path, found: "a file", required: "to be named in the manifest" });
    }
  }
  const sum = (of: "rows" | "bytes") => files.reduce((total, file) => total + file[of], 0);
  const gone: { readonly id: string; readonly uri: string }[] = [];
  for (const { id, uri } of models) {
    if (await isGone(uri)) gone.push({ id, uri });
  }
  return {
    models: models.length,
    comparisons: comparisons.length,
    files: files.length,
    rows: sum("rows"),
    bytes: sum("bytes"),
    defects,
    gone,
  };
}

/** At most one defect: what is missing is not also altered. */
async function checkFile(place: LakePlace, file: WrittenFile, quick: boolean): Promise<Defect[]> {
  const { path, rows, bytes, sha256 } = file;
  const defect = (kind: Defect["kind"], found: Defect["found"], required: Defect["required"]) => [
    { kind, path, found, required },
  ];
  let opened: LakeFile | null = null;
  try {
    opened = await place.open(path);
    if (opened === null) return defect("missing", "no file", `${bytes} bytes`);
    if (opened.bytes !== bytes) {
      return defect(
        opened.bytes < bytes ? "truncated" : "altered",
        `${opened.bytes} bytes`,
        `${bytes} bytes`,
      );
    }
    if (!quick) {
      const digest = await digestOf(opened.pieces());
      if (digest !== sha256) return defect("altered", `SHA-256 ${digest}`, sha256);
    }
    const counted = await rowsOf(opened);
    return counted === rows ? [] : defect("rows", counted, rows);
  } catch (failure) {
    return defect("unreadable", messageOf(failure), "a Parquet file");
  } finally {
    await opened?.close();
  }
}

/** Rows as the footer counts them, in all and by row group. */
async function rowsOf({ bytes, slice }: LakeFile): Promise<number> {
  const metadata = await parquetMetadataAsync({
    byteLength: bytes,
    slice: async (start, end = bytes) => (await slice(start, end)).buffer,
  });
  const groups = metadata.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
  const rows = Number(metadata.num_rows);
  if (groups !== rows) throw new Error(`the footer counts ${rows} rows, its row groups ${groups}`);
  return rows;
}
