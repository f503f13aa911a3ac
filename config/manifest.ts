/** Manifests: lists of models in files of their own, YAML (and so JSON) or CSV. */

import { extname } from "node:path";
import { z } from "zod";
import { type ConfigDocument, ConfigError, readDocument, readText } from "./document.ts";
import { complaints } from "./issues.ts";
import { type FileEntry, fileEntrySchema } from "./schema.ts";

/** Every model is a row in memory and a folder on disk; collections are of thousands. */
const MOST_MODELS = 100_000;

/** A line of CSV per model, with a path and a digest. */
const LONGEST_CSV = 32 * 2 ** 20;

const listed = z.union([z.string().min(1), fileEntrySchema]);
const list = z.array(listed).min(1).max(MOST_MODELS);
const manifestSchema = z.union([list, z.strictObject({ models: list })]);

/** Columns of a CSV manifest; only the first must be there. */
const COLUMNS = ["path", "id", "series", "step", "topology", "sha256"] as const;

/**
 * Reads a manifest: in YAML or JSON a list of what `models` of a run config takes (paths, or objects with `path`), in CSV lines under
 * a header of the columns path, id, series, step, topology and sha256. Paths in it start from its own folder.
 *
 * @throws {ConfigError} when it cannot be read or parsed, is too long, or is not valid; names file and line
 */
export async function loadManifest(path: string): Promise<readonly FileEntry[]> {
  if (extname(path).toLowerCase() === ".csv") return csvEntries(path, await readText(path, LONGEST_CSV));
  const document: ConfigDocument = await readDocument(path);
  const result = manifestSchema.safeParse(document.value);
  if (!result.success) {
    const found = complaints(result.error.issues, document.value, [
      ...COLUMNS,
      "include",
      "exclude",
      "models",
    ]);
    throw new ConfigError(
      found.map(({ keys, message }) => `${document.place(keys)}: ${message}`).join("; "),
      { cause: result.error },
    );
  }
  const entries = Array.isArray(result.data) ? result.data : result.data.models;
  return entries.map((entry) => typeof entry === "string" ? { path: entry } : entry);
}

function csvEntries(path: string, text: string): FileEntry[] {
  const rows = csvRows(path, text);
  const header = rows.shift()?.cells.map((name) => name.trim().toLowerCase()) ?? [];
  const unknown = header.find((name) => !COLUMNS.some((column) => column === name));
  if (unknown !== undefined || !header.includes("path") || new Set(header).size < header.length) {
    throw new ConfigError(
      `${path}:1: found columns ${JSON.stringify(header).slice(0, 80)}, required path, and of ${
        COLUMNS.slice(1).join(", ")
      } any, once each`,
    );
  }
  if (rows.length === 0) throw new ConfigError(`${path}: found no model, required at least one line`);
  return rows.map(({ line, cells }) => {
    if (cells.length !== header.length) {
      throw new ConfigError(`${path}:${line}: found ${cells.length} cells, required ${header.length}`);
    }
    const said = header.flatMap((name, at) => cells[at] === "" ? [] : [[name, cells[at]] as const]);
    const entry: Record<string, unknown> = Object.fromEntries(said);
    if (entry["step"] !== undefined) entry["step"] = Number(entry["step"]);
    const result = fileEntrySchema.safeParse(entry);
    if (result.success) return result.data;
    const found = complaints(result.error.issues, entry, COLUMNS);
    throw new ConfigError(`${path}:${line}: ${found.map(({ message }) => message).join("; ")}`);
  });
}

/** Lines of comma-separated cells, as RFC 4180 has them: quotes around what holds commas, quotes or line breaks; empty lines go. */
function csvRows(path: string, text: string): { readonly line: number; readonly cells: string[] }[] {
  const rows: { line: number; cells: string[] }[] = [];
  // A cell and what ends it; a quoted one first. Sticky, so that nothing is passed over.
  const cell = /(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r?\n|$)/uy;
  let line = 1;
  let cells: string[] = [];
  for (let start = 1; cell.lastIndex < text.length || cells.length > 0;) {
    const found = cell.exec(text.startsWith("\uFEFF") && cell.lastIndex === 0 ? ` ${text.slice(1)}` : text);
    if (found === null) {
      throw new ConfigError(
        `${path}:${line}: found a quote inside a cell, or one without an end, required "…" around cells`,
      );
    }
    const [all, quoted, plain = "", end] = found;
    cells.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'));
    line += all.split("\n").length - 1;
    if (end === ",") continue;
    if (cells.some((each) => each !== "")) rows.push({ line: start, cells });
    if (rows.length > MOST_MODELS + 1) {
      throw new ConfigError(
        `${path}:${line}: found more than ${MOST_MODELS} models, required at most so many`,
      );
    }
    cells = [];
    start = line;
  }
  return rows;
}
