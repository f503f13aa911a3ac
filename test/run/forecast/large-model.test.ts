/** What a run of a model with hidden layers of 8192 would need: header and length of a file, of which nothing is read. */

import { mkdtemp, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { runConfigOf } from "../../../config/load.ts";
import { forecastText } from "../../../src/cli/dry-run-text.ts";
import { forecast } from "../../../src/run/forecast/dry-run.ts";
import { writeRaw } from "../../support/files/safetensors-file.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "large-model-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Half of what a machine of 8 GiB has free when it does little else. */
const MEMORY = "3.5GiB";

const weights = (vocabulary: number): readonly (readonly [string, readonly [number, number]])[] => [
  ["model.embed_tokens", [vocabulary, 8192]],
  ["model.layers.0.self_attn.q_proj", [8192, 8192]],
  ["model.layers.0.self_attn.k_proj", [1024, 8192]],
  ["model.layers.0.self_attn.v_proj", [1024, 8192]],
  ["model.layers.0.self_attn.o_proj", [8192, 8192]],
  ["model.layers.0.mlp.gate_proj", [28_672, 8192]],
  ["model.layers.0.mlp.up_proj", [28_672, 8192]],
  ["model.layers.0.mlp.down_proj", [8192, 28_672]],
  ["lm_head", [vocabulary, 8192]],
];

/** A file of zeros that takes no room. */
async function written(vocabulary: number): Promise<string> {
  const path = join(folder, "model.safetensors");
  let at = 0;
  const header = JSON.stringify(Object.fromEntries(
    weights(vocabulary).map(([name, shape]) => {
      const begin = at;
      at += 2 * shape[0] * shape[1];
      return [`${name}.weight`, { dtype: "BF16", shape, data_offsets: [begin, at] }];
    }),
  ));
  await writeRaw(path, header, new Uint8Array(0));
  await truncate(path, 8 + Buffer.byteLength(header) + at);
  return path;
}

it.each(
  [
    ["wasm", 32_000],
    ["auto", 32_000],
    ["wasm", 128_256],
    ["auto", 128_256],
    ["wasm", 256_000],
    ["auto", 256_000],
  ] as const,
)(
  "fits into a machine of 8 GiB with default settings: %s, %i tokens",
  async (kernel, vocabulary) => {
    const settings = { models: await written(vocabulary), out: join(folder, "out"), kernel, memory: MEMORY };
    const found = await forecast(runConfigOf(settings));
    expect(found.failed).toEqual([]);
    const [model] = found.models;
    expect([model!.layers, model!.leading]).toEqual([9, 7]);
    expect(model!.neurons).toBe(7 * 256 + 2 * 1024);
    expect(found.memory.needed_bytes).toBeLessThan(found.memory.budget_bytes);
    expect(forecastText(found)).toContain("Leading neurons only: of 7 layers");

    const whole = await forecast(runConfigOf({ ...settings, rank: "all" }));
    expect(whole.failed[0]!.error).toMatch(
      /^memory: found a budget of 3758096384 bytes, required at least \d+/,
    );
  },
);
