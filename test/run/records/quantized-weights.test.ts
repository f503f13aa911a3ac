/** What a run and an inspection say of quantized weights. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runConfigOf } from "../../../config/load.ts";
import { inspectionText } from "../../../src/cli/inspect-text.ts";
import { planModels } from "../../../src/run/collection/models.ts";
import { inspectModel } from "../../../src/run/inspect.ts";
import { layerSettings } from "../../../src/run/layer-settings.ts";
import { run } from "../../../src/run.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-quantized-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("names the rule by which they were read", async () => {
  const settings = {
    models: ["test/golden/files/quantized/awq/model.safetensors"],
    out: folder,
    kernel: "reference" as const,
    graph: "none" as const,
    sinks: ["parquet" as const],
    cache: "off" as const,
  };
  const quantized = [{
    rule: "AWQ (gemm), 4 bits, groups of 32 in channels (quantization_config)",
    tensors: 1,
    first: "model.layers.0.mlp.up_proj.weight",
  }];
  for (const again of [false, true]) {
    await run(settings);
    const record = JSON.parse(await readFile(join(folder, "run.json"), "utf8")) as {
      models: { quantized: unknown }[];
      counts: { layers: number; up_to_date: number };
    };
    expect(record.models.map((model) => model.quantized)).toEqual([quantized]);
    expect(record.counts).toMatchObject({ up_to_date: again ? 1 : 0, layers: 1 });
  }
  const { config } = runConfigOf(settings);
  const [planned] = await planModels(config, process.cwd());
  const inspection = await inspectModel(planned!, layerSettings(config));
  expect(inspection.layers.map(({ dtype, matrix }) => [dtype, matrix])).toEqual([["AWQ4", "32 x 64"]]);
  expect(inspection.tensors).toEqual([
    {
      name: quantized[0]!.first,
      use: "weight",
      what: quantized[0]!.first.slice(0, -7),
      rule: quantized[0]!.rule,
    },
  ]);
  expect(inspectionText([inspection], "table")).toMatch(
    /Quantized\n.*\n.*\nAWQ \(gemm\), 4 bits, groups of 32 in channels/,
  );
});
