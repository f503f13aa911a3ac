/** Data that an ONNX file keeps in files beside it. */

import { realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, sep } from "node:path";
import { codeOf, messageOf, show } from "../../../src/model/errors.ts";
import type { ByteSource } from "../../bytes.ts";
import { openPlace } from "../../places/open.ts";
import { beside, isRemote } from "../../places/place.ts";
import { type OnnxTensor, rawBytes } from "./tensor.ts";

/** One file of an exporter holds all weights, or each weight has its own; open files are a scarce thing. */
const MOST_FILES = 200;

/** Where external data of one tensor begins. */
export interface ExternalPlace {
  readonly source: ByteSource;
  readonly start: number;
}

/** The files beside one model, each opened once. */
export class ExternalFiles {
  readonly #path: string;
  readonly #open = new Map<string, ByteSource>();

  constructor(path: string) {
    this.#path = path;
  }

  /** The files that were opened, by path. */
  get files(): ReadonlyMap<string, ByteSource> {
    return this.#open;
  }

  /**
   * Where a tensor's bytes are.
   *
   * @throws {SyntaxError} when the place is not within a file in the model's own folder, or not within that file; names the tensor
   */
  async place(
    tensor: OnnxTensor,
    entries: ReadonlyMap<string, string>,
    signal?: AbortSignal,
  ): Promise<ExternalPlace> {
    const location = entries.get("location") ?? "";
    const refuse = (what: string, found: string, required: string, cause?: unknown): never => {
      const place = `${this.#path}: tensor ${show(tensor.name)}, external data, ${what}`;
      throw new SyntaxError(`${place}: found ${found}, required ${required}`, { cause });
    };
    const inside = "a file in the model's own folder";
    if (location === "" || isAbsolute(location) || /[\\:\0]|(^|\/)\.\.(\/|$)/.test(location)) {
      refuse("location", show(location), inside);
    }
    const file = isRemote(this.#path)
      ? beside(this.#path, location)
      : await realFile(this.#path, location, (found, cause) => refuse("location", found, inside, cause));
    const source = this.#open.get(file) ?? await this.#opened(file, signal);
    const bytes = rawBytes(tensor);
    const number = (key: string, missing: number) => {
      const text = entries.get(key);
      if (text === undefined) return missing;
      return /^\d{1,15}$/.test(text) ? Number(text) : refuse(key, show(text), "a number of bytes");
    };
    const start = number("offset", 0);
    const length = number("length", bytes);
    if (length !== bytes) refuse("length", String(length), `${bytes} for shape ${show(tensor.shape)}`);
    if (start + bytes > source.size) {
      refuse("offset", `${start} and ${bytes} bytes`, `within the ${source.size} bytes of ${show(location)}`);
    }
    return { source, start };
  }

  async close(): Promise<void> {
    for (const source of this.#open.values()) await source.close();
    this.#open.clear();
  }

  async #opened(file: string, signal?: AbortSignal): Promise<ByteSource> {
    if (this.#open.size === MOST_FILES) {
      throw new SyntaxError(`${this.#path}: found over ${MOST_FILES} files of external data, required fewer`);
    }
    const source = await openPlace(file, signal);
    this.#open.set(file, source);
    return source;
  }
}

/**
 * A file of this machine in the model's folder, links followed; one that leads out of the folder is refused, but to where the model
 * itself is a link to: in a hub's cache both are.
 */
async function realFile(
  model: string,
  location: string,
  refuse: (found: string, cause?: unknown) => never,
): Promise<string> {
  const folder = await realpath(dirname(model));
  const own = dirname(await realpath(model));
  const file = await realpath(join(folder, location)).catch((cause: unknown): string =>
    refuse(codeOf(cause) === "ENOENT" ? `no file ${show(location)}` : messageOf(cause), cause)
  );
  if (!isWithin(folder, file) && !isWithin(own, file)) refuse(`${show(location)}, a link out of the folder`);
  return file;
}

function isWithin(folder: string, file: string): boolean {
  const within = relative(folder, file);
  return within !== "" && within !== ".." && !within.startsWith(`..${sep}`) && !isAbsolute(within);
}
