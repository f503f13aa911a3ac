/**
 * Whether the test "do these two layers share channels at all" says what it means: on untrained layers it rejects as often as its level says, on
 * trained and planted ones far beyond.
 *
 * Of `L` sources and `L` targets all `L^2` pairs are tested. Channels of an untrained layer are exchangeable, so each layer may be thought of as
 * relabelled at random once more; two pairs, even of a common layer, then have independent relabellings between their ends. So counts of
 * rejections have the variance of a binomial. (Three or more pairs are not independent, so that Chernoff's bound does not hold.)
 */

import { describe, expect, it } from "vitest";
import { fileURLToPath } from "node:url";
import { formatOf } from "../../connectors/sources/registry.ts";
import { openSynthetic } from "../../connectors/sources/synthetic.ts";
import { openReferenceKernel } from "../../src/kernels/reference.ts";
import type { Model } from "../../src/model/ports.ts";
import { type Random, random } from "../../src/model/random.ts";
import type { Spectrum } from "../../src/model/spectrum.ts";
import { type Matrix, matrix } from "../../src/model/tensor.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { sharedChannels } from "../../src/stages/shared-channels.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { permutationLogP, portSums, relevantPart } from "../../src/stats/permutation-test.ts";
import { connectionOf, layerOf } from "../support/layer-fixture.ts";
import {
  type Initialization,
  INITIALIZATIONS,
  orthogonal,
  zeroMiddle,
} from "../untrained/initializations.ts";
import { chernoffExponent, criticalExponent } from "./sampling-error.ts";

const kernel = openReferenceKernel();

/** Channels of a layer that do not matter here. */
const OTHERS = 12;
const POSITIONS = 9;

type Port = "out" | "in";

/** Weights of a 3 x 3 convolution with `n` channels at a port, rounded to float32 unless they are to be exact. */
function weightsOf({ name, weight }: Initialization, port: Port, n: number, at: number, exact = false) {
  const [out, inputs] = port === "out" ? [n, OTHERS] : [OTHERS, n];
  const shape = { out, in: inputs, kernel: [3, 3], groups: 1, end: false, middle: false };
  const values = weight(shape, random(at, `shared/${name}/${port}/${n}`));
  return { out, inputs, values: exact ? values : values.map(Math.fround) };
}

async function layerWith(...wanted: Parameters<typeof weightsOf>): Promise<Spectrum> {
  const { out, inputs, values } = weightsOf(...wanted);
  const layer = layerOf(wanted[1] === "out" ? 0 : 1, out, inputs, { positions: POSITIONS });
  return await spectrum(layer, unfold(layer, values, "svr"), "svr", kernel);
}

const whole = (n: number) => connectionOf(0, 1, [{ source: 0, target: 0, length: n }]);

/** Of which relabelling changes nothing. */
const EXCHANGEABLE = INITIALIZATIONS.filter(({ holds }) => holds !== "neither");

describe("untrained layers", () => {
  // Rejections at 0.01 and 0.001, over all initializations.
  const pooled = new Map<number, { tests: number; hundredth: number; thousandth: number }>();

  describe.each([[9, 50], [24, 64]])("of %d channels", (n, layers) => {
    it.each(EXCHANGEABLE)(
      "share channels no more often than the level says: $name",
      async (initialization) => {
        const sources: Spectrum[] = [];
        const targets: Spectrum[] = [];
        for (let at = 0; at < layers; at++) {
          sources.push(await layerWith(initialization, "out", n, at));
          targets.push(await layerWith(initialization, "in", n, at));
        }
        const found = pooled.get(n) ?? { tests: 0, hundredth: 0, thousandth: 0 };
        let thousandth = 0;
        for (const source of sources) {
          for (const target of targets) {
            const logP = await sharedChannels(whole(n), source, target, kernel);
            if (logP === null) continue;
            found.tests++;
            if (logP <= Math.log(0.01)) found.hundredth++;
            if (logP <= Math.log(0.001)) thousandth++;
          }
        }
        found.thousandth += thousandth;
        pooled.set(n, found);
        const mean = 0.001 * layers ** 2;
        expect(thousandth).toBeLessThan(mean + 6 * Math.sqrt(mean));
      },
    );

    it("do so as often as it says, all together", () => {
      const { tests, hundredth, thousandth } = pooled.get(n)!;
      expect(tests).toBeGreaterThan(10 * layers ** 2);
      const within = (hits: number, level: number, least: number) => {
        const spread = 5 * Math.sqrt(tests * level);
        const what = `${hits} of ${tests} at ${level}: ${hits / tests / level} x nominal`;
        expect(hits, what).toBeLessThan(tests * level + spread);
        expect(hits, what).toBeGreaterThan(least * tests * level - spread);
      };
      // Of few channels the smallest p come out too large.
      within(hundredth, 0.01, n < 16 ? 0.5 : 0.85);
      within(thousandth, 0.001, n < 16 ? 0 : 0.6);
    });
  });

  it("are found out where channels of one number have to do with each other", async () => {
    const [dirac] = INITIALIZATIONS.filter(({ holds }) => holds === "neither");
    const [source, target] = [await layerWith(dirac!, "out", 24, 0), await layerWith(dirac!, "in", 24, 0)];
    expect(await sharedChannels(whole(24), source, target, kernel)).toBeLessThan(Math.log(1e-4));
  });
});

/** A port's kernel straight from its weights, by code that shares nothing with the stage: cosines, cut at three deviations. */
function kernelOf({ values }: ReturnType<typeof weightsOf>, port: Port, n: number): Matrix {
  const inputs = port === "out" ? OTHERS : n;
  const channels = Array.from({ length: n }, (): number[] => []);
  values.forEach((value, at) => {
    const out = Math.floor(at / (inputs * POSITIONS));
    channels[port === "out" ? out : Math.floor(at / POSITIONS) % inputs]!.push(value);
  });
  const units = channels.map((each) => each.map((value) => value / (Math.hypot(...each) || 1)));
  const cosines = units.map((a) => units.map((b) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)));
  const others = cosines.flatMap((row, i) => row.filter((_, j) => j !== i));
  const most = 3 * Math.sqrt(others.reduce((sum, value) => sum + value * value, 0) / others.length);
  const cut = cosines.map((row, i) =>
    row.map((value, j) => i === j ? value : Math.min(most, Math.max(-most, value)))
  );
  return matrix(n, n, Float64Array.from(cut.flat()));
}

/** A relabelling of `n` channels, uniformly (Fisher and Yates). */
function shuffle(order: Int32Array, numbers: Random): void {
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(numbers.uniform() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
}

/** `<A, P' B P>` */
function relabelledProduct({ data: a }: Matrix, { data: b }: Matrix, order: Int32Array): number {
  const n = order.length;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const row = order[i]! * n;
    for (let j = 0; j < i; j++) sum += 2 * a[i * n + j]! * b[row + order[j]!]!;
    sum += a[i * n + i]! * b[row + order[i]!]!;
  }
  return sum;
}

describe("fixed layers, relabelled at random", () => {
  const CHOSEN = /^(kaiming normal|sparse, nine tenths zero|one blurred profile|dead channels)$/;
  const cases = [[12, 1_000_000], [24, 1_000_000], [48, 400_000]].flatMap(([n, draws]) =>
    INITIALIZATIONS.filter(({ name }) => CHOSEN.test(name) && (n! > 12 || !name.startsWith("sparse"))).map(
      (initialization) => ({ initialization, name: initialization.name, n: n!, draws: draws! }),
    )
  );

  it.each(cases)(
    "reach a p of 0.001 and of 0.00001 no more often than 1.25 and 2 times that: $name, $n channels",
    async ({ initialization, n, draws }) => {
      const A = relevantPart(kernelOf(weightsOf(initialization, "out", n, 1), "out", n))!;
      const B = relevantPart(kernelOf(weightsOf(initialization, "in", n, 1), "in", n))!;
      const [a, b] = [portSums(A), portSums(B)];
      const numbers = random(n, `relabelling/${initialization.name}`);
      const order = Int32Array.from({ length: n }, (_, i) => i);

      // It is what the stage tests: of a connection whose channels are relabelled.
      const [source, target] = [
        await layerWith(initialization, "out", n, 1),
        await layerWith(initialization, "in", n, 1),
      ];
      for (let draw = 0; draw < 3; draw++) {
        shuffle(order, numbers);
        const channels = Array.from(order, (to, from) => ({ source: from, target: to, length: 1 }));
        const found = await sharedChannels(connectionOf(0, 1, channels), source, target, kernel);
        expect(found).toBeCloseTo(permutationLogP(relabelledProduct(A, B, order), a, b)!, 7);
      }

      /** The statistic from which on p is at most the level. */
      const critical = (level: number) => {
        let [low, high] = [-1, 1];
        for (let step = 0; step < 60; step++) {
          const middle = (low + high) / 2;
          if (permutationLogP(middle, a, b)! <= Math.log(level)) high = middle;
          else low = middle;
        }
        return high;
      };
      const [first, second] = [critical(1e-3), critical(1e-5)];
      let [thousandth, rarest] = [0, 0];
      for (let draw = 0; draw < draws; draw++) {
        shuffle(order, numbers);
        const value = relabelledProduct(A, B, order);
        if (value >= first) thousandth++;
        if (value >= second) rarest++;
      }
      const notAbove = (hits: number, level: number) => {
        const what = `${hits} of ${draws}, ${hits / draws / level} x ${level}`;
        const exponent = hits <= draws * level ? 0 : chernoffExponent(hits, draws, level);
        expect(exponent, what).toBeLessThan(criticalExponent(1e-6));
      };
      notAbove(thousandth, 1.25e-3);
      notAbove(rarest, 2e-5);
    },
  );
});

/** `ln p` of each connection of a model. */
async function sharedLogPs(model: Model): Promise<(number | null)[]> {
  const { layers, connections } = layerGraph(model);
  const spectra: Spectrum[] = [];
  for (const layer of layers) {
    const blocks = unfold(layer, await model.read(layer.weight.tensor), "svr");
    spectra.push(await spectrum(layer, blocks, "svr", kernel));
  }
  const found: (number | null)[] = [];
  for (const connection of connections) {
    const [source, target] = [spectra[connection.source]!, spectra[connection.target]!];
    found.push(await sharedChannels(connection, source, target, kernel));
  }
  return found;
}

describe("layers that share channels", () => {
  it("are told from those that do not: a network before and behind its training", async () => {
    const at = async (epoch: string) => {
      const path = fileURLToPath(
        new URL(`../../pipelines/models/mnist-mlp/epoch-${epoch}.safetensors`, import.meta.url),
      );
      const model = await (await formatOf(path)).open(path, epoch);
      const found = await sharedLogPs(model);
      await model.close();
      expect(found).toHaveLength(2);
      return found as number[];
    };
    for (const logP of await at("000")) expect(logP).toBeGreaterThan(Math.log(1e-3));
    for (const logP of await at("010")) expect(logP).toBeLessThan(Math.log(1e-9));
  });

  it("are told from those that do not: a planted chain, and the same patterns that do not meet", async () => {
    const chain = (cosine: number, seed: number) =>
      openSynthetic({
        seed,
        layers: [
          { name: "first", out: 48, in: 32, kernel: [3, 3] },
          { name: "second", out: 64, in: 48, kernel: [3, 3] },
          { name: "last", out: 40, in: 64 },
        ],
        planted: [{ from: "first", to: "last", cosine, gain: 10 }],
      }, "planted");
    for (let seed = 1; seed <= 5; seed++) {
      for (const logP of await sharedLogPs(chain(0.9, seed))) expect(logP).toBeLessThan(Math.log(1e-5));
      for (const logP of await sharedLogPs(chain(0, seed))) expect(logP).toBeGreaterThan(Math.log(1e-3));
    }
  });
});

describe("what cannot be compared", () => {
  const [usual] = INITIALIZATIONS as [Initialization];

  it("is null: orthogonal weights, exact or as a file has them, and zeros", async () => {
    const target = await layerWith(usual, "in", 24, 0);
    for (const exact of [true, false]) {
      const source = await layerWith(orthogonal, "out", 24, 0, exact);
      expect(await sharedChannels(whole(24), source, target, kernel)).toBeNull();
    }
    const { weight } = zeroMiddle("zeros", usual);
    const zeros: Initialization = {
      ...usual,
      weight: (shape, numbers) => weight({ ...shape, middle: true }, numbers),
    };
    expect(await sharedChannels(whole(24), await layerWith(zeros, "out", 24, 0), target, kernel)).toBeNull();
  });

  it("is null: two channels, and channels in groups of several", async () => {
    const target = await layerWith(usual, "in", 24, 0);
    const source = await layerWith(usual, "out", 24, 0);
    const two = connectionOf(0, 1, [{ source: 3, target: 5, length: 2 }]);
    expect(await sharedChannels(two, source, target, kernel)).toBeNull();
    const layer = layerOf(0, 24, 24, { groups: 4 });
    const values = new Float64Array(24 * 6);
    random(1, "grouped").normals(values);
    const grouped = await spectrum(layer, unfold(layer, values, "svr"), "svr", kernel);
    expect(await sharedChannels(whole(24), grouped, target, kernel)).toBeNull();
  });

  it("is not a depthwise layer: its channels have kernels, which may go with those of what it feeds", async () => {
    const layer = layerOf(0, 24, 24, { groups: 24, positions: POSITIONS });
    const values = new Float64Array(24 * POSITIONS);
    random(2, "depthwise").normals(values);
    const source = await spectrum(layer, unfold(layer, values, "svr"), "svr", kernel);
    const target = layerOf(1, 1, 24, { positions: POSITIONS });
    const reads = async (kernels: Float64Array) =>
      sharedChannels(
        whole(24),
        source,
        await spectrum(target, unfold(target, kernels, "svr"), "svr", kernel),
        kernel,
      );
    const other = new Float64Array(values.length);
    random(3, "depthwise").normals(other);
    const noKernels = await spectrum(
      layer,
      unfold(layer, new Float64Array(values.length), "svr"),
      "svr",
      kernel,
    );
    const reader = await spectrum(target, unfold(target, other.slice(), "svr"), "svr", kernel);
    expect(await sharedChannels(whole(24), noKernels, reader, kernel)).toBeNull();
    expect(await reads(other)).toBeGreaterThan(Math.log(1e-3));
    expect(await reads(values.slice())).toBeLessThan(Math.log(1e-6));
  });
});
