/** YAML and JSON files as plain values that remember where they stood. */

import { isUtf8 } from "node:buffer";
import { readFile, stat } from "node:fs/promises";
import { isNode, LineCounter, parseDocument } from "yaml";

/**
 * A config that cannot be used. The message names file, line and column, the value found and what is required.
 *
 * @example
 * import { ConfigError, loadRunConfig } from "svrflow/run";
 *
 * await loadRunConfig("my-run.yaml").catch((cause) => {
 *   if (!(cause instanceof ConfigError)) throw cause;
 *   console.error(cause.message); // my-run.yaml:2:8: sigma: found "three", required a value of type number
 * });
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** The file that is wrong; undefined where it is an option, or several files together. */
  readonly file: string | undefined;

  constructor(message: string, { file, ...options }: ErrorOptions & { readonly file?: string } = {}) {
    super(message, options);
    this.file = file;
  }
}

/** A parsed file. */
export interface ConfigDocument {
  /** The file, as the user named it. */
  readonly path: string;
  /** Plain arrays, objects, strings, numbers, truth values and null. */
  readonly value: unknown;
  /** `path:line:column` of the value at these keys, or of the nearest one around it that exists. */
  place(keys: readonly PropertyKey[]): string;
}

/** A topology of a thousand layers takes less than a tenth of this. */
const LONGEST = 4 * 2 ** 20;

/**
 * Reads a YAML file (JSON is a part of YAML).
 *
 * @throws {ConfigError} when it cannot be read, is longer than 4 MiB, or does not parse
 */
export async function readDocument(path: string): Promise<ConfigDocument> {
  return parseConfigDocument(path, await readText(path, LONGEST));
}

/** The text of a file of at most `most` bytes. @throws {ConfigError} when it cannot be read, is longer, or is not UTF-8; names the line */
export async function readText(path: string, most: number): Promise<string> {
  try {
    const found = await stat(path);
    if (!found.isFile()) {
      throw new ConfigError(`${path}: found a folder or device, required a file`, { file: path });
    }
    if (found.size > most) {
      throw new ConfigError(`${path}: found ${found.size} bytes, required at most ${most}`, { file: path });
    }
    return textOf(path, await readFile(path));
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    const found = missing ? "no such file" : cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`${path}: found ${found}, required a readable file`, { cause, file: path });
  }
}

/** Text in UTF-8, with its byte order mark: other encodings would be misread, and paths in them name other files. */
function textOf(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    // No character of UTF-8 has a line's end within it.
    let start = 0;
    for (let line = 1;; line++) {
      const end = bytes.indexOf(0x0A, start);
      const piece = bytes.subarray(start, end < 0 ? bytes.length : end);
      if (end < 0 || !isUtf8(piece)) {
        throw new ConfigError(
          `${path}:${line}: found bytes that are no UTF-8 (${
            JSON.stringify(new TextDecoder("latin1").decode(piece)).slice(0, 80)
          } if they are Latin-1), required text in UTF-8; iconv -f latin1 -t utf-8 converts it`,
          { cause, file: path },
        );
      }
      start = end + 1;
    }
  }
}

/**
 * Parses YAML. Keys are always text (a plain `null:` is the setting of that name, not YAML's null), tags build nothing, and
 * what YAML merely warns about is an error.
 *
 * @param path named in messages
 * @throws {ConfigError} when it does not parse
 */
export function parseConfigDocument(path: string, text: string): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, stringKeys: true, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    throw new ConfigError(`${at(problem.pos[0])}: ${oneLine(problem.message)}`, {
      cause: problem,
      file: path,
    });
  }
  return { path, value: plain(path, () => document.toJS({ maxAliasCount: 100 })), place };

  function place(keys: readonly PropertyKey[]): string {
    for (let depth = keys.length; depth > 0; depth--) {
      const node = document.getIn(keys.slice(0, depth), true);
      if (isNode(node) && node.range) return at(node.range[0]);
    }
    return `${path}:1:1`;
  }
}

function plain(path: string, convert: () => unknown): unknown {
  try {
    // Aliases that would multiply without bound, or that stand inside what they stand for, end here.
    const value = convert();
    JSON.stringify(value);
    return value;
  } catch (cause) {
    throw new ConfigError(
      `${path}: found an alias that has no end (${
        cause instanceof Error ? oneLine(cause.message) : ""
      }), required plain values`,
      { cause, file: path },
    );
  }
}

const oneLine = (text: string) => text.replaceAll(/\s+/g, " ");
