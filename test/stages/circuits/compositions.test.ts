/** Compositions of circuits: who is connected with whom, the score, planted heads that are found, and random weights in which nothing is. */

import { lastValueFrom } from "rxjs";
import { describe, expect, it } from "vitest";
import { spectralGraph } from "../../../src/flow/pipeline.ts";
import type { Model } from "../../../src/model/ports.ts";
import { logSurvivalOfSigma } from "../../../src/stats/normal.ts";
import type { Unfolding } from "../../../src/model/layer.ts";
import { openEngine } from "../../../src/run/open-engine.ts";
import { layerGraph, type LayerSettings } from "../../../src/stages/layers.ts";
import { memorySink } from "../../support/memory-sink.ts";
import { pipelineSettings } from "../../support/pipeline-settings.ts";
import { EACH, gpt2, HEADS, llama, WIDTH, writesForKeys, writesForQueries } from "./decoders.ts";

const CONFIG = { model_type: "llama", num_attention_heads: HEADS, num_key_value_heads: 2 };

/** A composition or another connection of an OV circuit, with the names of its ends. */
function named(model: Model, settings: LayerSettings = {}) {
  const { layers, connections } = layerGraph(model, { ...settings, circuits: true });
  return connections.filter(({ source }) => layers[source]!.circuit !== undefined).map(
    ({ source, target, composition = "-" }) =>
      `${layers[source]!.name} ${composition} ${layers[target]!.name}`,
  );
}

/** The connections of a model's OV circuits, as the pipeline tests them together. */
async function tested(model: Model, unfolding: Unfolding = "svr") {
  const engine = await openEngine({ kernel: "reference", memory: 2 ** 28 });
  const { sink, models } = memorySink();
  const settings = pipelineSettings(engine, logSurvivalOfSigma(3));
  try {
    await lastValueFrom(spectralGraph(model, {
      ...settings,
      unfolding,
      layers: { circuits: true },
      test: { ...settings.test, over: "model" },
      sinks: [sink],
    }));
  } finally {
    await engine.dispose();
  }
  const { tables } = models[0]!;
  const names = tables.get("layers")!.map(({ name }) => String(name));
  return tables.get("connections")!.flatMap((row) => {
    const [source, target] = [names[Number(row["source_layer"])]!, names[Number(row["target_layer"])]!];
    return source.endsWith(".ov") ? [{ ...row, source, target }] : [];
  }) as readonly (Readonly<Record<string, unknown>> & { readonly source: string; readonly target: string })[];
}

describe("compositions", () => {
  it("lead from each head's OV circuit to the circuits and layers that read its outputs' layer", () => {
    const found = named(gpt2(1, 2));
    const heads = Array.from({ length: HEADS }, (_, head) => head);
    const ov = (block: number, head: number) => `h.${block}.attn.head_${head}.ov`;
    const expected = heads.flatMap((a) => [
      ...heads.flatMap((b) => [
        `${ov(0, a)} Q h.1.attn.head_${b}.qk`,
        `${ov(0, a)} K h.1.attn.head_${b}.qk`,
        `${ov(0, a)} V ${ov(1, b)}`,
      ]),
      `${ov(0, a)} - h.0.mlp.c_fc`,
      `${ov(0, a)} - h.1.mlp.c_fc`,
      `${ov(1, a)} - h.1.mlp.c_fc`,
      `${ov(0, a)} - lm_head`,
      `${ov(1, a)} - lm_head`,
    ]);
    expect(found.toSorted()).toEqual(expected.toSorted());
  });

  it("are left out where the outputs' layer is too far", () => {
    const model = gpt2(1, 3);
    const near = named(model, { residualSpan: 2 });
    // Of block 2 the nearest writers are the layers of block 1.
    expect(near).toContain("h.1.attn.head_0.ov Q h.2.attn.head_3.qk");
    expect(named(model)).toContain("h.0.attn.head_0.ov Q h.2.attn.head_3.qk");
    expect(near).not.toContain("h.0.attn.head_0.ov Q h.2.attn.head_3.qk");
  });
});

type Dense = (i: number, j: number) => number;

function times(a: Dense, b: Dense, inner: number): Dense {
  const out = new Float64Array(WIDTH * WIDTH);
  for (let i = 0; i < WIDTH; i++) {
    for (let j = 0; j < WIDTH; j++) {
      for (let h = 0; h < inner; h++) out[i * WIDTH + j]! += a(i, h) * b(h, j);
    }
  }
  return (i, j) => out[i * WIDTH + j]!;
}

const turned = (a: Dense): Dense => (i, j) => a(j, i);

function norm(a: Dense): number {
  let sum = 0;
  for (let i = 0; i < WIDTH; i++) for (let j = 0; j < WIDTH; j++) sum += a(i, j) ** 2;
  return Math.sqrt(sum);
}

for (const unfolding of ["svr", "cosvr"] as const) {
  describe(`composition scores, ${unfolding}`, () => {
    it("are the norms of the multiplied circuits, grouped queries each with their key and value", async () => {
      const model = llama(5, 2, CONFIG);
      const rows = await tested(model, unfolding);
      const weight = async (block: number, name: string) => {
        const data = await model.read(`model.layers.${block}.self_attn.${name}_proj.weight`);
        return (i: number, j: number) => data[i * WIDTH + j]!;
      };
      const [v0, o0] = [await weight(0, "v"), await weight(0, "o")];
      const [q1, k1, v1, o1] = await Promise.all(["q", "k", "v", "o"].map((name) => weight(1, name))) as [
        Dense,
        Dense,
        Dense,
        Dense,
      ];
      const ov = (o: Dense, v: Dense, head: number) =>
        times((i, h) => o(i, head * EACH + h), (h, j) => v(Math.floor(head / 2) * EACH + h, j), EACH);
      const qk = (head: number) =>
        times((i, h) => q1(head * EACH + h, i), (h, j) => k1(Math.floor(head / 2) * EACH + h, j), EACH);
      let seen = 0;
      for (let a = 0; a < HEADS; a++) {
        for (let b = 0; b < HEADS; b++) {
          const first = ov(o0, v0, a);
          const products: readonly [string, string, Dense, Dense][] = [
            ["Q", "qk", turned(qk(b)), qk(b)],
            ["K", "qk", qk(b), qk(b)],
            ["V", "ov", ov(o1, v1, b), ov(o1, v1, b)],
          ];
          for (const [composition, kind, second, reader] of products) {
            const row = rows.find((each) =>
              each["composition"] === composition &&
              each.source === `model.layers.0.self_attn.head_${a}.ov` &&
              each.target === `model.layers.1.self_attn.head_${b}.${kind}`
            )!;
            const score = norm(times(second, first, WIDTH)) / (norm(reader) * norm(first));
            expect(row["composition_score"]).toBeCloseTo(score, 12);
            seen++;
          }
        }
      }
      expect(seen).toBe(3 * HEADS ** 2);
      const others = rows.filter((row) => row["composition"] === null);
      expect(others.length).toBeGreaterThan(0);
      expect(others.every((row) => row["composition_score"] === null)).toBe(true);
    });
  });
}

const significant = (rows: Awaited<ReturnType<typeof tested>>) =>
  rows.filter((row) => Number(row["significant"]) > 0).map(({ source, target, composition }) =>
    `${source} ${composition as string} ${target}`
  );

describe("heads of which one writes what the other reads", () => {
  it("are found by queries, and no others", async () => {
    for (const seed of [1, 2, 3]) {
      expect(significant(await tested(gpt2(seed, 2, writesForQueries)))).toEqual([
        "h.0.attn.head_0.ov Q h.1.attn.head_2.qk",
      ]);
    }
  });

  it("are found by keys, which two heads share", async () => {
    for (const unfolding of ["svr", "cosvr"] as const) {
      expect(significant(await tested(llama(4, 2, CONFIG, writesForKeys), unfolding))).toEqual([
        "model.layers.0.self_attn.head_1.ov K model.layers.1.self_attn.head_2.qk",
        "model.layers.0.self_attn.head_1.ov K model.layers.1.self_attn.head_3.qk",
      ]);
    }
  });

  it("are not found in random weights", async () => {
    for (const seed of [11, 12, 13, 14]) {
      expect(significant(await tested(gpt2(seed, 2)))).toEqual([]);
      expect(significant(await tested(llama(seed, 2, CONFIG)))).toEqual([]);
    }
  });
});
