/** What LoRA leaves that full fine-tuning does not (arXiv 2410.21228), on the demo's small decoder: NumPy has counted the intruders. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runConfigOf } from "../../../config/load.ts";
import { CHANGE_SETTINGS } from "../../../src/compare/layer-change.ts";
import { comparisonSentences } from "../../../src/report/comparison-text.ts";
import { comparisonOf } from "../../../src/run/compare.ts";

const models = ["base", "full", "lora"].map((name) =>
  fileURLToPath(new URL(`../../../pipelines/models/small-llama/${name}`, import.meta.url))
);

it("full fine-tuning leaves no intruder, LoRA of rank 4 many, and four in each up_proj and down_proj", async () => {
  const golden = JSON.parse(
    await readFile(new URL("../files/comparison/intruders.json", import.meta.url), "utf8"),
  ) as Readonly<Record<"full" | "lora", Readonly<Record<string, number>>>>;
  const report = await comparisonOf(runConfigOf({ models, cache: "off", threads: 1 }), CHANGE_SETTINGS);
  const [full, lora] = report.comparisons;
  for (const [found, known] of [[full!, golden.full], [lora!, golden.lora]] as const) {
    const counts = found.correspondences.map((row) => [row.other_layer, row.intruders.length] as const);
    expect(Object.fromEntries(counts)).toEqual(known);
    // Both have learned from the base, and say so.
    expect(found.kinship.log_p).toBeLessThan(Math.log(1e-20));
  }
  for (const row of lora!.correspondences.filter(({ other_layer: name }) => /\.(up|down)_proj$/.test(name))) {
    expect(row.intruders, row.other_layer).toHaveLength(4);
    expect(row.change_rank, row.other_layer).toBe(4);
  }
  expect(comparisonSentences(full!).join("\n")).toContain("0 of 160 leading neurons are intruders");
  expect(comparisonSentences(lora!).join("\n")).toContain(
    "43 of 160 leading neurons are intruders: 8 in up_proj, 8 in down_proj, 7 in gate_proj",
  );
});
