/** The figures of a layer, of its vectors and of its permuted weight. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Kernel } from "../../../src/kernels/kernel.ts";
import { random } from "../../../src/model/random.ts";
import type { Layer, Unfolding } from "../../../src/model/layer.ts";
import type { Spectrum } from "../../../src/model/spectrum.ts";
import { measured } from "../../../src/flow/layer-measurement.ts";
import { bulkMetrics } from "../../../src/stages/metrics/bulk-metrics.ts";
import { layerMetrics } from "../../../src/stages/metrics/layer-metrics.ts";
import { pooledMatrices, pooledMetrics } from "../../../src/stages/metrics/weight-metrics.ts";
import { matrix } from "../../../src/model/tensor.ts";
import { spectrum } from "../../../src/stages/svd.ts";
import { unfold } from "../../../src/stages/unfold.ts";
import { KERNELS } from "../../support/kernels.ts";
import { layerOf } from "../../support/layer-fixture.ts";

let kernel: Kernel;
beforeAll(async () => {
  kernel = await KERNELS.get("wasm")!();
});
afterAll(() => kernel.dispose());

const WANTED = { pooled: true, permuted: true, bootstrap: 20, seed: 3 };

function gaussian(layer: Layer, seed = 1): Float64Array {
  const { outChannels, inChannels, positions, groups } = layer;
  const weight = new Float64Array(outChannels * inChannels / groups * positions);
  random(seed, "weight").normals(weight);
  return weight;
}

/** A kernel that computes in the thread that calls it. */
function withoutThreads(kernel: Kernel): Kernel {
  const { within: _, ...alone } = kernel;
  return {
    ...alone,
    info: kernel.info,
    svd: kernel.svd.bind(kernel),
    multiply: kernel.multiply.bind(kernel),
    eigenvalues: kernel.eigenvalues.bind(kernel),
    workspace: kernel.workspace.bind(kernel),
  };
}

async function decomposed(
  layer: Layer,
  weight: Float64Array,
  unfolding: Unfolding = "svr",
): Promise<Spectrum> {
  return await spectrum(layer, unfold(layer, weight.slice(), unfolding), unfolding, kernel);
}

describe("the figures of vectors", () => {
  it("are those of numpy", async () => {
    // weightwatcher.RMT_Util.discrete_entropy, localization_ratio and participation_ratio of [0.5, 0.1, 0.7, 0.5].
    const [a, b] = [[0.5, 0.1, 0.7, 0.5], [0.5, -0.5, -0.5, 0.5]];
    // The right vectors are the shorter side of a 5 x 4 matrix.
    const tall = layerOf(0, 5, 4);
    const found = layerMetrics(
      {
        ...await decomposed(tall, gaussian(tall)),
        right: { rows: 4, cols: 4, data: Float64Array.from([a, b, a, b].flat()) },
      },
      "f64",
    ).neurons;
    expect(found.locRatio[0]).toBeCloseTo(1.8 / 0.7, 12);
    expect(found.partRatio[0]).toBeCloseTo(1 / (0.0625 + 1e-4 + 0.2401 + 0.0625) ** 0.25, 12);
    expect(found.vecEntropy[0]).toBeCloseTo(1.0397207731, 6);
    expect([found.locRatio[1], found.partRatio[1], found.vecEntropy[1]]).toEqual([4, Math.SQRT2, 0]);
  });

  it("are undefined of null neurons, and means leave these out", async () => {
    const layer = layerOf(0, 20, 30);
    const weight = gaussian(layer).fill(0, 15 * 30);
    const { neurons, vectors } = layerMetrics(await decomposed(layer, weight), "f64");
    for (const values of [neurons.locRatio, neurons.partRatio, neurons.vecEntropy]) {
      expect([...values].map(Number.isNaN).indexOf(true)).toBe(15);
    }
    for (const mean of Object.values(vectors)) expect(mean === null || Number.isFinite(mean)).toBe(true);
  });
});

describe("the figures of a layer", () => {
  it("are null, not NaN, of zeros, of one neuron and of equal ones", async () => {
    const zeros = layerMetrics(await decomposed(layerOf(0, 10, 12), new Float64Array(120)), "f64");
    expect(zeros.spectrum).toMatchObject({
      matrix_rank: 0,
      rank_loss: 10,
      log_norm: null,
      alpha: null,
      entropy: null,
    });
    const one = layerMetrics(await decomposed(layerOf(0, 1, 12), new Float64Array(12).fill(2)), "f64");
    expect(one.spectrum).toMatchObject({
      matrix_rank: 1,
      stable_rank: 1,
      alpha: null,
      entropy: null,
      detX_num: null,
    });
    const unit = Float64Array.from({ length: 144 }, (_, at) => at % 13 === 0 ? 1 : 0);
    const equal = layerMetrics(await decomposed(layerOf(0, 12, 12), unit), "f64");
    expect(equal.spectrum).toMatchObject({ alpha: null, detX_num: null, log_norm: Math.log10(12) });
    for (const { spectrum } of [zeros, one, equal]) {
      for (const value of Object.values(spectrum)) {
        expect(value === null || Number.isFinite(value)).toBe(true);
      }
    }
  });

  it("are norms only where leading neurons were asked for, and those of the whole weight", async () => {
    const layer = layerOf(0, 40, 50);
    const weight = gaussian(layer);
    const whole = layerMetrics(await decomposed(layer, weight), "f64").spectrum;
    const blocks = unfold(layer, weight.slice(), "svr");
    const part = await spectrum(layer, blocks, "svr", kernel, { rank: 5 });
    const found = layerMetrics(part, "f64");
    expect(found.spectrum.log_norm).toBeCloseTo(whole.log_norm!, 9);
    expect(found.spectrum.stable_rank).toBeCloseTo(whole.stable_rank!, 1);
    expect([found.spectrum.alpha, found.spectrum.entropy, found.spectrum.matrix_rank]).toEqual([
      null,
      null,
      null,
    ]);
    expect(found.neurons.spikeLogP.every(Number.isNaN)).toBe(true);
  });

  it("have a bulk that fits noise, with none or few spikes, and the spikes that were planted", async () => {
    const layer = layerOf(0, 60, 90);
    const weight = gaussian(layer);
    const shape = { rows: 60, cols: 90 };
    const bulk = async () => {
      const found = await decomposed(layer, weight);
      return bulkMetrics(found.singularValues, layerMetrics(found, "f64").neurons, 1, shape, Math.log(0.001));
    };
    const noise = await bulk();
    expect(noise).toMatchObject({ num_spikes: 0, sigma_mp: 1 });
    expect(noise.mp_distance!).toBeLessThan(0.05);
    expect(noise.bulk_max! / (Math.sqrt(60) + Math.sqrt(90)) ** 2).toBeCloseTo(1, 1);
    weight.forEach((value, at) => weight[at] = value + 2 * (at % 90 < 45 ? 1 : -1));
    const planted = await bulk();
    expect(planted.num_spikes).toBe(1);
    expect(planted.bulk_max! / noise.bulk_max!).toBeCloseTo(1, 1);
    expect(planted.mp_softrank).toBeLessThan(0.5);
  });
});

describe("WeightWatcher's matrices", () => {
  it("are the positions of a convolution in both unfoldings, and the whole of a linear layer", () => {
    const conv = { ...layerOf(0, 2, 3, { kind: "conv" }), positions: 4 };
    // weight[o, c, k] = 100 o + 10 c + k, as a safetensors file has it.
    const weight = Float64Array.from(
      { length: 24 },
      (_, at) => 100 * Math.floor(at / 12) + 10 * (Math.floor(at / 4) % 3) + at % 4,
    );
    const strided = {
      ...conv,
      weight: { ...conv.weight, shape: [2, 3, 4], strides: { group: 24, out: 12, in: 4, position: 1 } },
    };
    const scale = Math.sqrt(0.5);
    for (const unfolding of ["svr", "cosvr"] as const) {
      const blocks = unfold(strided, weight.slice(), unfolding);
      const found = pooledMatrices({ layer: strided, unfolding, blocks });
      expect(found.length).toBe(4);
      expect([...found[3]!.data]).toEqual([3, 13, 23, 103, 113, 123].map((value) => scale * value));
      const linear = { ...strided, kind: "linear" as const };
      const [whole, ...others] = pooledMatrices({ layer: linear, unfolding, blocks });
      expect(others).toEqual([]);
      expect([...whole!.data]).toEqual([...weight]);
    }
  });
});

describe("figures that are asked for", () => {
  it("are made in a kernel's thread as in this one, and are the same of the same seed", async () => {
    const layer = layerOf(0, 30, 40);
    const weight = gaussian(layer);
    const found = await decomposed(layer, weight);
    const of = async (seed: number, by: Kernel) =>
      await measured(
        found,
        () => Promise.resolve(unfold(layer, weight.slice(), "svr")),
        { ...WANTED, seed },
        by,
      );
    const here = withoutThreads(kernel);
    const first = await of(3, kernel);
    expect(await of(3, kernel)).toEqual(first);
    expect(await of(3, here)).toEqual(first);
    expect((await of(4, kernel)).permuted).not.toEqual(first.permuted);
  });

  it("are pooled without another decomposition where WeightWatcher's matrices are the unfolded ones", async () => {
    const asked: string[] = [];
    const of = async (kind: Layer["kind"], unfolding: Unfolding, more: Partial<Layer> = {}) => {
      const layer = layerOf(0, 30, 20, { positions: 2, ...more, kind });
      const weight = gaussian(layer);
      const blocks = () => unfold(layer, weight.slice(), unfolding);
      const read = () => {
        asked.push(`${kind} ${unfolding} ${layer.positions}`);
        return Promise.resolve(blocks());
      };
      const wanted = { pooled: true, permuted: false, bootstrap: 3, seed: 1 };
      const { pooled } = await measured(await decomposed(layer, weight, unfolding), read, wanted, kernel);
      const expected = await pooledMetrics({ layer, unfolding, blocks: blocks() }, kernel);
      for (const name of Object.keys(expected) as (keyof typeof expected)[]) {
        expect(pooled![name], `${kind} ${unfolding} ${name}`).toBeCloseTo(expected[name]!, 8);
      }
    };
    await of("linear", "svr");
    await of("linear", "svr", { groups: 2 });
    await of("linear", "cosvr", { positions: 1 });
    expect(asked).toEqual([]);
    await of("linear", "cosvr");
    await of("conv", "svr");
    await of("conv-transpose", "svr", { positions: 1 });
    expect(asked).toEqual(["linear cosvr 2", "conv svr 2", "conv-transpose svr 1"]);
  });

  it("permute the weight where it is, and decompose it in blocks where the kernel does", async () => {
    const layer = layerOf(0, 12, 200, { kind: "conv" });
    const weight = gaussian(layer);
    const found = await decomposed(layer, weight);
    const asked: string[] = [];
    const here = withoutThreads(kernel);
    const of = async (workspace: number) => {
      const blocks = unfold(layer, weight.slice(), "svr");
      const memory = new Set<ArrayBufferLike>();
      const watched: Kernel = {
        ...here,
        workspace: () => workspace,
        svd: (input, options) => {
          if (input.data.buffer === blocks[0]!.data.buffer) asked.push("svd");
          return here.svd(matrix(input.rows, input.cols, input.data.slice()), options);
        },
        multiply: (a, b, options) => {
          asked.push(a === b ? "product" : "product of two");
          memory.add(a.data.buffer);
          return here.multiply(a, b, options);
        },
      };
      const { permuted, pooled } = await measured(
        found,
        () => Promise.resolve(blocks),
        { ...WANTED, bootstrap: 0 },
        watched,
      );
      for (const buffer of memory) expect(buffer).toBe(blocks[0]!.data.buffer);
      expect(blocks[0]!.data).not.toEqual(weight);
      expect(blocks[0]!.data.slice().sort()).toEqual(weight.slice().sort());
      return { permuted: permuted!, pooled };
    };
    const [product, blockwise] = [await of(Infinity), await of(0)];
    expect(asked).toEqual(["product", "svd"]);
    expect(blockwise.pooled).toEqual(product.pooled);
    const expected = await pooledMetrics(
      { layer, unfolding: "svr", blocks: unfold(layer, weight.slice(), "svr") },
      kernel,
    );
    expect(product.pooled).toEqual(expected);
    expect(blockwise.permuted.spikeLogP.length).toBe(12);
    for (const name of ["rand_alpha", "rand_D", "max_rand_eval", "rand_distance", "ww_softrank"] as const) {
      expect(blockwise.permuted[name], name).toBeCloseTo(product.permuted[name]!, 9);
    }
  });

  it("are given up by who computes in this thread, when nobody wants them any more", async () => {
    const layer = layerOf(0, 30, 40, { kind: "conv" });
    const weight = gaussian(layer);
    const found = await decomposed(layer, weight);
    for (const wanted of [{ ...WANTED, permuted: false }, { ...WANTED, pooled: false }]) {
      const stop = new AbortController();
      const read = () => {
        stop.abort(new Error("nobody waits"));
        return Promise.resolve(unfold(layer, weight.slice(), "svr"));
      };
      await expect(measured(found, read, wanted, withoutThreads(kernel), { signal: stop.signal }))
        .rejects.toThrow("nobody waits");
    }
  });

  it("say that noise is like its permutation, and a planted pattern is not", async () => {
    const layer = layerOf(0, 40, 60);
    const weight = gaussian(layer);
    const distance = async () => {
      const found = await decomposed(layer, weight);
      const read = () => Promise.resolve(unfold(layer, weight.slice(), "svr"));
      return (await measured(found, read, { ...WANTED, bootstrap: 0, pooled: false }, kernel)).permuted!;
    };
    const noise = await distance();
    expect(noise.ww_softrank).toBeCloseTo(1, 0);
    weight.forEach((value, at) => weight[at] = value + 3 * (at % 60 < 30 ? 1 : -1));
    const planted = await distance();
    expect(planted.rand_distance!).toBeGreaterThan(3 * noise.rand_distance!);
    expect(planted.ww_softrank!).toBeLessThan(0.5);
  });
});
