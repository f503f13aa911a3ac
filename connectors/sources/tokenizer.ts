/** The tokens of a model, from the `tokenizer.json` that Hugging Face's tokenizers write beside weights. */

import { show } from "../../src/model/errors.ts";
import { openIfThere } from "../places/open.ts";
import { beside } from "../places/place.ts";
import { readJson } from "./json-file.ts";

/** Those of a quarter of a million tokens have 35 MB. */
const LONGEST = 2 ** 27;

/**
 * The tokens of the model at a place by their numbers, as the tokenizer writes them; null where no tokenizer lies beside it.
 *
 * @throws {SyntaxError} when the file is too long, no JSON, or has no vocabulary; names it
 */
export async function tokensBeside(
  model: string,
  signal?: AbortSignal,
): Promise<ReadonlyMap<number, string> | null> {
  const path = beside(model, "tokenizer.json");
  const source = await openIfThere(path, signal);
  if (source === null) return null;
  try {
    return vocabularyOf(await readJson(path, source, LONGEST, signal), path);
  } finally {
    await source.close();
  }
}

/** BPE, WordPiece and WordLevel hold numbers by tokens, Unigram a list of tokens and scores; tokens that were added stand apart. */
function vocabularyOf(value: unknown, path: string): ReadonlyMap<number, string> {
  const { model, added_tokens: added } = record(value);
  const { vocab } = record(model);
  const pairs: [unknown, unknown][] = Array.isArray(vocab)
    ? vocab.map((each: unknown, at) => [at, Array.isArray(each) ? each[0] : undefined])
    : Object.entries(record(vocab)).map(([token, id]) => [id, token]);
  if (pairs.length === 0) {
    throw new SyntaxError(`${path}: found no vocabulary, required tokens in model.vocab`);
  }
  for (const each of Array.isArray(added) ? added : []) {
    pairs.push([record(each)["id"], record(each)["content"]]);
  }
  const tokens = new Map<number, string>();
  for (const [id, token] of pairs) {
    if (typeof token !== "string" || typeof id !== "number" || !Number.isSafeInteger(id) || id < 0) {
      throw new SyntaxError(
        `${path}, token ${show(String(token))}: found number ${
          show(String(id))
        }, required a whole number from 0 on`,
      );
    }
    tokens.set(id, token);
  }
  return tokens;
}

/** An object's entries; none of what is no object. */
function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Readonly<Record<string, unknown>>
    : {};
}
