import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { tokensBeside } from "../../../connectors/sources/tokenizer.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-tokenizer-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function tokensOf(tokenizer: unknown): Promise<[number, string][] | null> {
  await writeFile(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  const tokens = await tokensBeside(join(folder, "model.safetensors"));
  return tokens === null ? null : [...tokens];
}

it("reads numbers by tokens, lists of tokens with scores, and tokens that were added", async () => {
  expect(await tokensOf({ model: { vocab: { "Ġa": 1, "b": 0 } }, added_tokens: [{ id: 2, content: "<s>" }] }))
    .toEqual([[1, "Ġa"], [0, "b"], [2, "<s>"]]);
  expect(await tokensOf({ model: { type: "Unigram", vocab: [["<unk>", 0], ["▁a", -1.5]] } })).toEqual([
    [0, "<unk>"],
    [1, "▁a"],
  ]);
});

it("finds none where there is no tokenizer", async () => {
  expect(await tokensBeside(join(folder, "elsewhere", "model.safetensors"))).toBeNull();
});

it("says what is wrong with one", async () => {
  await expect(tokensOf({})).rejects.toThrow(
    /tokenizer\.json: found no vocabulary, required tokens in model\.vocab/,
  );
  await expect(tokensOf({ model: { vocab: { a: -1 } } })).rejects.toThrow(
    /tokenizer\.json, token "a": found number "-1", required a whole number from 0 on/,
  );
});
