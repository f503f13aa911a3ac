import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHANGE_SETTINGS } from "../../src/compare/layer-change.ts";
import { hiddenSpaces, kinshipLogP } from "../../src/compare/kinship.ts";
import { compareModels, type ModelComparison } from "../../src/flow/compare-models.ts";
import type { TopologyDeclaration } from "../../src/model/topology.ts";
import { openModel } from "../../src/run/collection/models.ts";
import { type OpenEngine, openEngine } from "../../src/run/open-engine.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { distanceFromUniform } from "../calibration/sampling-error.ts";
import { gaussian, layerOf } from "../support/layer-fixture.ts";
import { normalMatrix, withSpectrum } from "../support/matrices.ts";
import { writeTensors } from "../support/files/safetensors-file.ts";
import { trainedMlp, WIDTHS } from "./trained-mlp.ts";

let folder = "";
let engine: OpenEngine;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "svr-compare-"));
  engine = await openEngine({ kernel: "wasm", threads: 1 });
});
afterAll(async () => {
  await engine.dispose();
  await rm(folder, { recursive: true, force: true });
});

type Weights = Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float64Array }>>;

let written = 0;
/** The topology of `mlp`, as a user declares it. */
const CHAIN: TopologyDeclaration = { chain: ["fc1", "fc2", "fc3"] };

async function side(weights: Weights, topology?: TopologyDeclaration) {
  const path = join(folder, `${written++}.safetensors`);
  await writeTensors(
    path,
    Object.entries(weights).map(([name, { shape, data }]) => [`${name}.weight`, shape, data] as const),
  );
  const model = await openModel(path);
  return { model, graph: layerGraph(model, topology === undefined ? {} : { topology }) };
}

async function compared(
  base: Weights,
  other: Weights,
  topology?: TopologyDeclaration,
): Promise<ModelComparison> {
  const [a, b] = [await side(base, topology), await side(other, topology)];
  try {
    return await compareModels(a, b, engine, CHANGE_SETTINGS);
  } finally {
    await a.model.close();
    await b.model.close();
  }
}

const mlp = (weights: readonly Float64Array[]): Weights =>
  Object.fromEntries(
    weights.map((data, at) => [`fc${at + 1}`, { shape: [WIDTHS[at + 1]!, WIDTHS[at]!], data }]),
  );

describe("kinship", () => {
  it("has a uniform p over independent trainings on the same data", { timeout: 60_000 }, async () => {
    const logPs = { declared: [] as number[], guessed: [] as number[] };
    for (let pair = 0; pair < 20; pair++) {
      const [one, other] = [mlp(trainedMlp(2 * pair + 1)), mlp(trainedMlp(2 * pair + 2))];
      logPs.declared.push((await compared(one, other, CHAIN)).kinship.logP!);
      logPs.guessed.push((await compared(one, other)).kinship.logP!);
    }
    for (const all of Object.values(logPs)) {
      // The 1 % point for 20 values.
      expect(distanceFromUniform(Float64Array.from(all, (logP) => Math.exp(logP)))).toBeLessThan(0.352);
      expect(Math.min(...all)).toBeGreaterThan(Math.log(1e-4));
    }
  });

  it("is found after more training, quantization and pruning", async () => {
    const weights = trainedMlp(1);
    const next = gaussian(3);
    const changed = {
      moved: weights.map((data) => data.map((value) => value + 0.02 * next())),
      quantized: weights.map((data) => data.map((value) => Math.round(8 * value) / 8)),
      pruned: weights.map((data) => data.map((value) => Math.abs(value) < 0.15 ? 0 : value)),
    };
    for (const [name, others] of Object.entries(changed)) {
      const { kinship } = await compared(mlp(weights), mlp(others));
      expect(kinship.logP, name).toBeLessThan(Math.log(1e-8));
    }
  });

  it("is joined by Fisher over known spaces; of guessed ones the widest is tested", async () => {
    const logPs = [Math.log(0.01), Math.log(0.02), Math.log(0.5)];
    // P(Gamma(3) >= x), x = -sum ln p: e^-x (1 + x + x^2/2).
    const x = -logPs.reduce((sum, logP) => sum + logP, 0);
    expect(kinshipLogP(logPs)).toBeCloseTo(-x + Math.log(1 + x + x * x / 2), 12);
    expect(kinshipLogP([])).toBeNull();
    const weights = mlp(trainedMlp(1));
    expect((await compared(weights, weights, CHAIN)).kinship.spaces).toBe(2);
    expect((await compared(weights, weights)).kinship.spaces).toBe(1);
  });

  it("leaves out channels of input and output, groups, heads and gates", () => {
    const layers = [layerOf(0, 6, 4), layerOf(1, 6, 6), layerOf(2, 8, 6), layerOf(3, 3, 8), layerOf(4, 5, 3)];
    const link = (
      source: number,
      target: number,
      via: "direct" | "residual" | "attention-head",
      length: number,
    ) => ({
      source,
      target,
      part: 0,
      via,
      evidence: "graph" as const,
      channels: [{ source: 0, target: 0, length }],
    });
    const connections = [
      link(0, 1, "direct", 6),
      link(0, 2, "residual", 6),
      link(1, 2, "residual", 6),
      link(2, 3, "attention-head", 8),
      link(3, 4, "direct", 3),
    ];
    expect(hiddenSpaces({ layers, connections })).toEqual([
      { channels: 6, writers: [0, 1] },
      { channels: 3, writers: [3] },
    ]);
    const grouped = layers.map((layer) => layer.index === 4 ? layerOf(4, 6, 3, { groups: 3 }) : layer);
    expect(hiddenSpaces({ layers: grouped, connections })).toEqual([{ channels: 6, writers: [0, 1] }]);
  });
});

describe("what changed in a layer", () => {
  const SIZE = { rows: 40, cols: 24 };
  const values = Array.from({ length: 24 }, (_, at) => 12 - 0.4 * at);
  const base = withSpectrum(SIZE.rows, SIZE.cols, values, 5);
  const weight = (data: Float64Array): Weights => ({ fc: { shape: [SIZE.rows, SIZE.cols], data } });

  it("is a planted change of rank 2, with its size and its intruders", async () => {
    const [u, v] = [normalMatrix(2, SIZE.rows, 6), normalMatrix(2, SIZE.cols, 7)];
    const added = base.data.map((_, at) => {
      const [i, j] = [Math.floor(at / SIZE.cols), at % SIZE.cols];
      return u.data[i]! * v.data[j]! + u.data[SIZE.rows + i]! * v.data[SIZE.cols + j]!;
    });
    const { layers: [layer] } = await compared(
      weight(base.data),
      weight(base.data.map((x, at) => x + added[at]!)),
    );
    const { change, evidence } = layer!;
    expect(evidence).toBe("name");
    expect(change.changeRank).toBe(2);
    const length = (data: Float64Array) => Math.sqrt(data.reduce((sum, x) => sum + x * x, 0));
    expect(change.relativeChange).toBeCloseTo(length(added) / length(base.data), 6);
    expect(change.changeStableRank).toBeGreaterThan(1);
    expect(change.changeStableRank).toBeLessThanOrEqual(2);
    // Two vectors of length 6 by 5 outweigh all that was there.
    expect(change.intruders.map(({ neuron }) => neuron)).toEqual([0, 1]);
    expect(change.leading).toBe(10);
  });

  it("is nothing where the weights are the same, and every neuron is its own match", async () => {
    const { layers: [layer] } = await compared(weight(base.data), weight(base.data));
    const { change } = layer!;
    expect(change).toMatchObject({
      relativeChange: 0,
      changeStableRank: null,
      changeRank: 0,
      spectrumDistance: 0,
    });
    expect(change).toMatchObject({ kept: 24, lost: 0, gained: 0, intruders: [] });
    expect(change.matches.map((match) => [match.base, match.other])).toEqual(values.map((_, at) => [at, at]));
    for (const each of change.subspaces) expect(each.left).toBeCloseTo(1, 6);
  });

  it("is everything where the weights are others: no match is more than chance", async () => {
    const other = withSpectrum(SIZE.rows, SIZE.cols, values, 99);
    const { layers: [layer] } = await compared(weight(base.data), weight(other.data));
    const { change } = layer!;
    expect(change).toMatchObject({
      kept: 0,
      lost: 24,
      gained: 24,
      spectrumDistance: expect.closeTo(0, 6) as number,
    });
    const [, four] = change.subspaces;
    expect(four!.dimensions).toBe(4);
    expect(four!.leftChance).toBeCloseTo(4 / SIZE.rows, 12);
    expect(four!.leftLogP).toBeGreaterThan(Math.log(1e-3));
  });

  it("says nothing of neurons that share one singular value", async () => {
    const diagonal = Float64Array.from(base.data, (_, at) => {
      const [i, j] = [Math.floor(at / SIZE.cols), at % SIZE.cols];
      return i !== j ? 0 : j < 3 ? 90 : 80 - j;
    });
    const { layers: [layer] } = await compared(weight(diagonal), weight(diagonal));
    const { change } = layer!;
    expect(change.matches.some((match) => match.base < 3)).toBe(false);
    expect(change.leading).toBe(7);
    expect(change.subspaces.map(({ dimensions }) => dimensions)).toEqual([4, 16]);
  });
});

/** A copy whose hidden units stand in another order: rows of one layer, columns of the next. */
function reordered(weights: readonly Float64Array[]): Float64Array[] {
  const orders = WIDTHS.map((width, at) =>
    Array.from(
      { length: width },
      (_, unit) => at === 0 || at + 1 === WIDTHS.length ? unit : (5 * unit + 3 * at) % width,
    )
  );
  return weights.map((weight, at) => {
    const [rows, cols] = [orders[at + 1]!, orders[at]!];
    return weight.map((_, index) => {
      const [row, col] = [Math.floor(index / cols.length), index % cols.length];
      return weight[rows[row]! * cols.length + cols[col]!]!;
    });
  });
}

describe("hidden units in another order", () => {
  it("are put in the base's, also after more training: what is left is what changed", async () => {
    const weights = trainedMlp(4);
    const next = gaussian(8);
    const later = weights.map((weight) => weight.map((value) => value + 0.01 * next()));
    const straight = await compared(mlp(weights), mlp(later), CHAIN);
    const turned = await compared(mlp(weights), mlp(reordered(later)), CHAIN);
    expect(turned.layers.map((each) => each.reordered)).toEqual([
      { out: true, into: false },
      { out: true, into: true },
      { out: false, into: true },
    ]);
    for (const [at, { change }] of turned.layers.entries()) {
      const known = straight.layers[at]!.change;
      expect(change.relativeChange).toBeCloseTo(known.relativeChange!, 12);
      expect(change.kept).toBe(known.kept);
      for (const [index, match] of change.matches.entries()) {
        expect(match.similarity).toBeCloseTo(known.matches[index]!.similarity, 9);
      }
    }
    // The test of lineage knows the order of the files only.
    expect(straight.kinship.logP).toBeLessThan(Math.log(1e-8));
    expect(turned.kinship.logP).toBeGreaterThan(Math.log(1e-3));
  });

  it("are those that a layer reads: the outputs of the last layer are not among them", async () => {
    const [hidden, outputs] = [normalMatrix(24, 12, 5).data, normalMatrix(10, 24, 6).data];
    const last = (data: Float64Array): Weights => ({
      fc1: { shape: [24, 12], data: hidden },
      fc2: { shape: [10, 24], data },
    });
    const turned = outputs.map((_, at) => outputs[(at + 3 * 24) % outputs.length]!);
    for (const topology of [{ chain: ["fc1", "fc2"] }, undefined]) {
      const { layers } = await compared(last(outputs), last(turned), topology);
      expect(layers.map(({ reordered }) => reordered)).toEqual([
        { out: false, into: false },
        { out: false, into: false },
      ]);
    }
  });

  it("are sought within the budget: products of all with all take memory", async () => {
    const [wide, next] = [normalMatrix(1600, 9, 5).data, normalMatrix(9, 1600, 6).data];
    const both: Weights = { fc1: { shape: [1600, 9], data: wide }, fc2: { shape: [9, 1600], data: next } };
    const small = await openEngine({ kernel: "wasm", threads: 1, memory: 8 * 2 ** 20 });
    const [a, b] = [await side(both, { chain: ["fc1", "fc2"] }), await side(both)];
    try {
      await expect(compareModels(a, b, small, CHANGE_SETTINGS)).rejects.toThrow(
        /memory: found a budget of 8388608 bytes, required at least 2\d{7} bytes/,
      );
    } finally {
      await a.model.close();
      await b.model.close();
      await small.dispose();
    }
  });

  it("stay where they are among networks that were trained apart", { timeout: 60_000 }, async () => {
    for (let pair = 0; pair < 20; pair++) {
      const [one, other] = [mlp(trainedMlp(2 * pair + 1)), mlp(trainedMlp(2 * pair + 2))];
      for (const { reordered } of (await compared(one, other, CHAIN)).layers) {
        expect(reordered).toEqual({ out: false, into: false });
      }
    }
  });
});

describe("models whose layers have other names", () => {
  it("are paired by their singular values, also with hidden units in another order", async () => {
    const weights = trainedMlp(4);
    const renamed = Object.fromEntries(
      Object.values(mlp(reordered(weights))).map((weight, at) => [["stem", "body", "exit"][at]!, weight]),
    );
    const { layers, left } = await compared(mlp(weights), renamed);
    expect(layers.map(({ base, other, evidence }) => [base, other, evidence])).toEqual([
      [0, 0, "spectrum"],
      [1, 1, "spectrum"],
      [2, 2, "spectrum"],
    ]);
    expect(left).toEqual([]);
  });
});
