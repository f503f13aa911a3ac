/** What a sink has left: its files, its rows in one order, and damage to them. */

import { readdir, rm, truncate } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import type { Row } from "../../../src/model/tables.ts";

/** Spoils a file that a sink has written. */
export type Spoil = (out: string, path: string, how: "truncated" | "removed") => Promise<void>;

export const spoilFile: Spoil = async (out, path, how) => {
  await (how === "truncated" ? truncate(join(out, path), 10) : rm(join(out, path)));
};

/** All files below a folder but the manifest of a lake, with `/`, sorted. */
export async function filesIn(out: string): Promise<string[]> {
  const entries = await readdir(out, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory() && entry.name !== "_manifest.json")
    .map((entry) => relative(out, join(entry.parentPath, entry.name)).split(sep).join("/")).sort();
}

/** Rows in one order, whatever order the sink keeps. */
export function sorted(rows: readonly Row[]): Row[] {
  const key = (row: Row) =>
    JSON.stringify(Object.values(row), (_, v: unknown) => typeof v === "bigint" ? `${v}n` : v);
  return rows.map((row) => ({ row, key: key(row) })).sort((a, b) => a.key < b.key ? -1 : 1).map(({ row }) =>
    row
  );
}

/** Ids that a careless sink takes for paths, patterns, queries or objects. */
export const WEIRD_IDS = [
  "../../escape",
  "a/b",
  "..",
  ".",
  ".hidden",
  "model=x",
  "100%2F",
  'it\'s "quoted" `ticked`',
  "}) DETACH DELETE (n",
  "line\nbreak\ttab",
  "naïve 模型 🧠",
  "__proto__",
  "constructor",
  "back\\slash",
  "*?[a]{b}",
  "~$HOME;#&|<>",
  "NULL",
  "007",
  "trailing space ",
  "🧠 `}\"\n'".repeat(1000),
  "🧠 `}\"\n'".repeat(1001),
];
