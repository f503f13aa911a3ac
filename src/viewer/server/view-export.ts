/** The page as a folder that any file server can serve. */

import { lstat, mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type FileContent, writeWhole } from "../../../connectors/whole-files.ts";
import { show } from "../../model/errors.ts";
import type { View } from "./view-server.ts";

/** Bytes of a table that are copied at a time. */
const PIECE = 4 * 2 ** 20;

/**
 * Writes the page, its index, its report and the tables that it reads, all or none. Questions need a server: the page has no console there.
 *
 * @returns how many files, and their bytes
 * @param folder a new or empty one, or one of an earlier export: that page is replaced
 * @param patterns those of some neurons, by their models' ids
 * @throws {Error} when a file cannot be written, or the folder holds something else
 * @throws the signal's reason when it is aborted
 */
export async function exportView(
  { files, index: { index, paths }, lake, report }: View,
  folder: string,
  patterns: ReadonlyMap<string, object> = new Map(),
  signal?: AbortSignal,
): Promise<{ readonly files: number; readonly bytes: number }> {
  await refuseOthers(folder, [...files.keys()]);
  const bytes = { sum: 0 };
  const written: (readonly [name: string, content: FileContent])[] = [];
  for (const [address, path] of paths) written.push([address, piecesOf(lake, path, bytes, signal)]);
  const models = index.models.map((model, at) => ({
    ...model,
    patterns: patterns.has(model.id) ? `data/patterns/${at}.json` : null,
  }));
  const texts: (readonly [string, string])[] = [
    ["data/index.json", JSON.stringify({ ...index, models, queries: null, sql: null, weights: false })],
  ];
  for (const { id, patterns: address } of models) {
    if (address !== null) texts.push([address, JSON.stringify(patterns.get(id))]);
  }
  for (const name of ["report.json", "report.html"] as const) {
    const text = index.report ? await report(name) : null;
    if (text !== null) texts.push([`data/${name}`, text]);
  }
  const encoder = new TextEncoder();
  // The page comes last: what it reads is there when it is.
  for (const [name, content] of [...texts, ...files]) {
    const encoded = typeof content === "string" ? encoder.encode(content) : content;
    bytes.sum += encoded.length;
    written.push([name, encoded]);
  }
  await mkdir(join(folder, "tables"), { recursive: true });
  for (const [name] of written) await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeWhole(...written.map(([name, content]) => [join(folder, name), content] as const));
  await removeOthers(folder, new Set(written.map(([name]) => name)));
  return { files: written.length, bytes: bytes.sum };
}

/** @throws {Error} when the folder holds something, and not a page of an earlier export: files of somebody else would be overwritten */
async function refuseOthers(folder: string, page: readonly string[]): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  // One that was killed has left folders, and files that are not whole.
  const ours = (name: string) => name === "tables" || name === "data" || /^\..*\.partial$/.test(name);
  const interrupted = names.includes("tables") && names.every(ours);
  if (names.length === 0 || interrupted || [...page, "data"].every((name) => names.includes(name))) return;
  throw new Error(
    `${folder}: found ${
      show(names[0])
    } and no page in it, required a new or empty folder, or one of an earlier export`,
  );
}

/** Removes what an earlier export has left of models and reports that are not there any more. */
async function removeOthers(folder: string, kept: ReadonlySet<string>): Promise<void> {
  for (const room of ["tables", "data"]) {
    for (const entry of await readdir(join(folder, room), { recursive: true })) {
      const path = join(folder, room, entry);
      const name = `${room}/${entry.replaceAll("\\", "/")}`;
      if (!kept.has(name) && (await lstat(path)).isFile()) await rm(path);
    }
  }
}

async function* piecesOf(
  lake: View["lake"],
  path: string,
  bytes: { sum: number },
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  const file = await lake.open(path);
  if (file === null) {
    throw new Error(`${lake.name}/${path}: found no such file, required the one that is recorded`);
  }
  try {
    for (let at = 0; at < file.bytes; at += PIECE) {
      signal?.throwIfAborted();
      yield await file.slice(at, Math.min(file.bytes, at + PIECE));
    }
    bytes.sum += file.bytes;
  } finally {
    await file.close();
  }
}
