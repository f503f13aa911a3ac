/** The page as a folder that any file server can serve. */

import { mkdir, open, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeWhole } from "../../../connectors/whole-files.ts";
import { show } from "../../model/errors.ts";
import type { View } from "./view-server.ts";

/** Bytes of a table that are copied at a time. */
const PIECE = 4 * 2 ** 20;

/**
 * Writes the page, its index, its report and the tables that it reads. Questions need a server: the page has no console there.
 *
 * @returns how many files, and their bytes
 * @param folder a new or empty one, or one of an earlier export: that page is replaced
 * @throws {Error} when a file cannot be written, or the folder holds something else
 */
export async function exportView(
  { files, index: { index, paths }, lake, report }: View,
  folder: string,
): Promise<{ readonly files: number; readonly bytes: number }> {
  await refuseOthers(folder, [...files.keys()]);
  const texts: (readonly [string, string | Uint8Array])[] = [
    ...files,
    ["data/index.json", JSON.stringify({ ...index, queries: null })],
  ];
  for (const name of ["report.json", "report.html"] as const) {
    const text = index.report ? await report(name) : null;
    if (text !== null) texts.push([`data/${name}`, text]);
  }
  let bytes = 0;
  for (const [address, path] of paths) bytes += await copyTable(lake, path, join(folder, address));
  for (const [name] of texts) await mkdir(dirname(join(folder, name)), { recursive: true });
  // The page comes last: what it reads is there when it is.
  await writeWhole(...texts.map(([name, content]) => [join(folder, name), content] as const));
  for (const [, content] of texts) {
    bytes += typeof content === "string" ? new TextEncoder().encode(content).length : content.length;
  }
  return { files: paths.size + texts.length, bytes };
}

/** @throws {Error} when the folder holds something, and not a page of an earlier export: files of somebody else would be overwritten */
async function refuseOthers(folder: string, page: readonly string[]): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  // The page comes last: one that was interrupted has left tables alone.
  const interrupted = names.includes("tables") && names.every((name) => name === "tables" || name === "data");
  if (names.length === 0 || interrupted || [...page, "data"].every((name) => names.includes(name))) return;
  throw new Error(
    `${folder}: found ${
      show(names[0])
    } and no page in it, required a new or empty folder, or one of an earlier export`,
  );
}

async function copyTable(lake: View["lake"], path: string, to: string): Promise<number> {
  const file = await lake.open(path);
  if (file === null) {
    throw new Error(`${lake.name}/${path}: found no such file, required the one that is recorded`);
  }
  try {
    await mkdir(dirname(to), { recursive: true });
    const copy = await open(to, "w");
    try {
      for (let at = 0; at < file.bytes; at += PIECE) {
        await copy.writeFile(await file.slice(at, Math.min(file.bytes, at + PIECE)));
      }
    } finally {
      await copy.close();
    }
    return file.bytes;
  } finally {
    await file.close();
  }
}
