/** Tiny-llama against four relatives and a stranger, as another program has compared them. */

import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { CHANGE_SETTINGS } from "../../../src/compare/layer-change.ts";
import { type ComparedSide, compareModels, type ModelComparison } from "../../../src/flow/compare-models.ts";
import type { NeuronMatch } from "../../../src/compare/neuron-matches.ts";
import type { Model } from "../../../src/model/ports.ts";
import { openModel } from "../../../src/run/collection/models.ts";
import { type OpenEngine, openEngine } from "../../../src/run/open-engine.ts";
import { layerGraph } from "../../../src/stages/layers.ts";
import { nullDistribution } from "../../../src/stats/null-distribution.ts";
import { describeWithShared, shared } from "../../support/shared.ts";

interface GoldenLayer {
  readonly name: string;
  readonly rows: number;
  readonly cols: number;
  readonly relativeChange: number;
  readonly singularValues: readonly number[];
  readonly bestMatchOfTop: readonly {
    readonly neuron: number;
    readonly match: number;
    readonly leftCosine: number;
    readonly rightCosine: number;
    readonly leftLogP: number;
    readonly rightLogP: number;
    readonly gap: number;
    readonly logP: number;
  }[];
  readonly intrudersLeft: number;
  readonly subspace: Readonly<Record<string, { readonly left: number; readonly right: number }>>;
}

const BASE = "our-models/tiny-llama/model.safetensors";
const PAIRS = [
  { golden: "full-050", other: "our-models/tiny-llama-full/step-050.safetensors", intruders: 0, kin: true },
  { golden: "full-400", other: "our-models/tiny-llama-full/step-400.safetensors", intruders: 0, kin: true },
  {
    golden: "lora-merged",
    other: "our-models/tiny-llama-lora-merged/model.safetensors",
    intruders: 66,
    kin: true,
  },
  {
    golden: "other-seed",
    other: "our-models/tiny-llama-other-seed/model.safetensors",
    intruders: 292,
    kin: false,
  },
] as const;

/** Of a cosine so near 1 the p is that of the last bits. */
const ALMOST_ONE = 1 - 1e-6;

const needed = [BASE, ...PAIRS.flatMap(({ golden, other }) => [`golden/compare/${golden}.json`, other])];

describeWithShared("comparisons with tiny-llama", needed, () => {
  let engine: OpenEngine;
  let base: ComparedSide & { readonly model: Model };
  const sideOf = async (path: string) => {
    const model = await openModel(shared(path));
    return { model, graph: layerGraph(model) };
  };
  beforeAll(async () => {
    engine = await openEngine({ kernel: "wasm", threads: 2 });
    base = await sideOf(BASE);
  });
  afterAll(async () => {
    await base.model.close();
    await engine.dispose();
  });

  /** The base with the hidden units of every MLP in the order that NumPy gave them. */
  const permuted = async (): Promise<ComparedSide> => {
    const order = JSON.parse(
      await readFile(new URL("../files/comparison/mlp-order.json", import.meta.url), "utf8"),
    ) as readonly number[];
    const { model, graph } = base;
    const read = async (name: string, signal?: AbortSignal) => {
      const values = await model.read(name, signal);
      const width = values.length / order.length;
      if (/mlp\.(gate|up)_proj/.test(name)) {
        return values.map((_, at) => values[order[Math.floor(at / width)]! * width + at % width]!);
      }
      return !/mlp\.down_proj/.test(name)
        ? values
        : values.map((_, at) => values[at - at % order.length + order[at % order.length]!]!);
    };
    return { graph, model: { ...model, id: "permuted", read } };
  };

  it("mlp-permuted: as its channels stand in the file", async () => {
    const { layers: golden } = JSON.parse(
      await readFile(shared("golden/compare/mlp-permuted.json"), "utf8"),
    ) as { layers: readonly GoldenLayer[] };
    const found = await compareModels(base, await permuted(), engine, {
      ...CHANGE_SETTINGS,
      fileOrder: true,
    });
    const intruders = found.layers.map(({ base: layer, change }) =>
      [base.graph.layers[layer]!.name, change.intruders.length] as const
    );
    expect(Object.fromEntries(intruders)).toEqual(
      Object.fromEntries(golden.map(({ name, intrudersLeft }) => [name, intrudersLeft])),
    );
    expect(intruders.reduce((sum, [, count]) => sum + count, 0)).toBe(77);
    expect(found.kinship.logP).toBeLessThan(Math.log(1e-20));
  });

  it("mlp-permuted: nothing has changed once its channels are in order, and it is kin", async () => {
    const found = await compareModels(base, await permuted(), engine, CHANGE_SETTINGS);
    for (const { base: layer, change, reordered } of found.layers) {
      const { name } = base.graph.layers[layer]!;
      expect(reordered, name).toEqual({
        out: /gate|up/.test(name),
        into: name.includes("down"),
      });
      expect(change.intruders, name).toEqual([]);
      expect(change.relativeChange, name).toBe(0);
      for (const match of change.matches) expect(match.similarity).toBeCloseTo(1, 9);
    }
    expect(found.kinship.logP).toBeLessThan(Math.log(1e-20));
  });

  it.each(PAIRS)("$golden: cosines, p, intruders, subspaces, change, lineage", async (pair) => {
    const { layers: golden } = JSON.parse(
      await readFile(shared(`golden/compare/${pair.golden}.json`), "utf8"),
    ) as { layers: readonly GoldenLayer[] };
    const other = await sideOf(pair.other);
    const found = await compareModels(base, other, engine, CHANGE_SETTINGS).finally(() =>
      other.model.close()
    );
    expect(found.layers).toHaveLength(golden.length);
    for (const layer of golden) expectLayer(found, turned(layer, base), base);
    const intruders = found.layers.reduce((sum, { change }) => sum + change.intruders.length, 0);
    expect(intruders).toBe(pair.intruders);
    expect(found.layers.filter(({ reordered }) => reordered.out || reordered.into)).toEqual([]);
    if (pair.kin) expect(found.kinship.logP).toBeLessThan(Math.log(1e-20));
    else expect(found.kinship.logP).toBeGreaterThan(Math.log(1e-3));
  });
});

/** An embedding's table has a row per token, which is its in channel: left there is right here. */
function turned(golden: GoldenLayer, { graph }: ComparedSide): GoldenLayer {
  if (graph.layers.find(({ name }) => name === golden.name)!.kind !== "embedding") return golden;
  return {
    ...golden,
    rows: golden.cols,
    cols: golden.rows,
    bestMatchOfTop: golden.bestMatchOfTop.map((best) => ({
      ...best,
      leftCosine: best.rightCosine,
      rightCosine: best.leftCosine,
      leftLogP: best.rightLogP,
      rightLogP: best.leftLogP,
    })),
    subspace: Object.fromEntries(
      Object.entries(golden.subspace).map(([k, { left, right }]) => [k, { left: right, right: left }]),
    ),
  };
}

function expectLayer({ layers }: ModelComparison, golden: GoldenLayer, { graph }: ComparedSide): void {
  const { change } = layers.find(({ base }) => graph.layers[base]!.name === golden.name)!;
  expect(change.relativeChange, golden.name).toBeCloseTo(golden.relativeChange, 9);
  expect(change.intruders.length, golden.name).toBe(golden.intrudersLeft);
  for (const { dimensions, left, right } of change.subspaces.filter((each) => each.dimensions <= 16)) {
    const known = golden.subspace[dimensions]!;
    expect(Math.abs(left - known.left), `${golden.name}, ${dimensions}`).toBeLessThan(1e-9);
    expect(Math.abs(right - known.right), `${golden.name}, ${dimensions}`).toBeLessThan(1e-9);
  }
  for (const best of golden.bestMatchOfTop) {
    const match = change.matches.find(({ other }) => other === best.neuron);
    // The best of a neuron need not have it as its own best.
    if (match === undefined) continue;
    expect(match.base, golden.name).toBe(best.match);
    expectMatch(match, best, golden);
  }
}

function expectMatch(
  match: NeuronMatch,
  best: GoldenLayer["bestMatchOfTop"][number],
  { name, rows, cols, singularValues }: GoldenLayer,
): void {
  const tolerance = Math.max(1e-10, 100 * 2 ** -52 * singularValues[0]! / best.gap);
  expect(Math.abs(Math.abs(match.leftCosine) - Math.abs(best.leftCosine)), name).toBeLessThan(tolerance);
  expect(Math.abs(Math.abs(match.rightCosine) - Math.abs(best.rightCosine)), name).toBeLessThan(tolerance);
  expect(Math.sign(match.similarity), name).toBe(Math.sign(best.leftCosine * best.rightCosine));
  if (Math.max(Math.abs(best.leftCosine), Math.abs(best.rightCosine)) > ALMOST_ONE) return;
  const logP = (cosine: number, dimensions: number) =>
    nullDistribution("beta", { positions: 1, testedChannels: dimensions, otherChannels: dimensions })!
      .logSurvival(cosine * cosine);
  expect(logP(best.leftCosine, rows) / best.leftLogP, name).toBeCloseTo(1, 9);
  expect(logP(best.rightCosine, cols) / best.rightLogP, name).toBeCloseTo(1, 9);
  expect(match.logP! / best.logP, name).toBeCloseTo(1, 6);
}
