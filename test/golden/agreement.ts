/** What it means to agree with a golden case: one suite per case. */

import { beforeAll, expect, it } from "vitest";
import { measureModel } from "../../src/analysis/model-measures.ts";
import type { ComputingKernelName } from "../../src/kernels/in-thread.ts";
import type { PathMetric } from "../../src/model/measures.ts";
import { describeKernel, KERNELS, NO_BLAS } from "../support/kernels.ts";
import { productOf } from "../support/random-flow.ts";
import { describeWithShared } from "../support/shared.ts";
import { type GoldenCase, type GoldenConnection, modelOf } from "./cases.ts";
import { compute, type ComputedCase, type ComputedConnection, testName } from "./computed.ts";

/** Of singular values, as a share of the largest. */
const SINGULAR_VALUE = 1e-10;

/**
 * Of an overlap whose vectors are well determined. A singular vector turns by about `eps * s_1 / gap` when
 * the matrix is changed in its last digit, `gap` being the distance to the nearest other singular value: no
 * program knows it better.
 */
const OVERLAP = 1e-12;
const EPSILONS_PER_GAP = 100;

/**
 * Of thresholds, relative. Golden takes `1 - Phi(5)` as a difference, which leaves it 9 digits; here the tail
 * is exact.
 */
const THRESHOLD = 1e-9;

/**
 * Of the sum and the entropy of an overlap matrix, relative. Vectors are unit to about 3e-14 after thousands
 * of rotations, which scales all overlaps of a neuron alike. What vectors of close singular values mix
 * between them cancels in the sum and, in the entropy, adds up with random signs: 1e-10 of 1400 at the
 * closest pair (gap 1e-6 `s_1`).
 */
const TOTAL = 1e-12;

/**
 * Of intensities, absolute (they are in [0, 1]). A running sum of `n A - 1` over `r' <= 256` rows of relative
 * error 1e-13 is off by 3e-11, and the largest of them, by which it is divided, is 0.98 or more.
 */
const INTENSITY = 1e-10;

/** Of the path metric, relative: 15 layers and 14 connections, each off by 1e-13, and a margin. */
const PATHS = 1e-11;

/** Distance of each singular value to its nearest neighbour. */
function gaps(s: readonly number[]): number[] {
  return s.map((value, j) => Math.min((s[j - 1] ?? Infinity) - value, value - (s[j + 1] ?? -Infinity)));
}

/** How far the overlap of a pair may be off, by the golden singular values of its layers. */
function pairTolerance(golden: GoldenCase, { source, target }: GoldenConnection) {
  const worst = [source, target].map((name) => {
    const { singularValues: s } = golden.layers.find((layer) => layer.name === name)!;
    return gaps(s).map((gap) => EPSILONS_PER_GAP * Number.EPSILON * s[0]! / gap);
  });
  return (j: number, i: number) => Math.max(OVERLAP, worst[0]![j]!, worst[1]![i]!);
}

/** Registers the suite of a case for each kernel; one is skipped, by name, where its model or the kernel's library is absent. */
export function describeCase(golden: GoldenCase): void {
  for (const kernel of KERNELS.keys()) {
    const name = `${golden.name} (${golden.method} of ${golden.model}) by ${kernel}`;
    const body = () => agreement(golden, kernel);
    if (modelOf(golden).own || kernel === "native" && NO_BLAS !== null) describeKernel(kernel, name, body);
    else describeWithShared(name, [golden.model], body);
  }
}

function agreement(golden: GoldenCase, name: ComputingKernelName): void {
  let computed: ComputedCase;
  beforeAll(async () => {
    const kernel = await KERNELS.get(name)!();
    try {
      computed = await compute(golden, kernel);
    } finally {
      await kernel.dispose();
    }
  });

  /** Every golden connection beside the computed one. */
  const each = (check: (golden: GoldenConnection, ours: ComputedConnection, label: string) => void) => {
    expect(computed.connections).toHaveLength(golden.connections.length);
    golden.connections.forEach((expected, at) => {
      check(expected, computed.connections[at]!, `${expected.source} -> ${expected.target}`);
    });
  };

  it("computes golden's layers and connections", () => {
    const { graph } = computed;
    const tensor = (index: number) => graph.layers[index]!.weight.tensor;
    expect(graph.connections.map(({ source, target }) => [tensor(source), tensor(target)])).toEqual(
      golden.connections.map(({ source, target }) => [source, target]),
    );
    expect(graph.layers.map(({ weight }) => weight)).toMatchObject(
      golden.layers.map(({ name, shape }) => ({ tensor: name, shape })),
    );
  });

  it("finds golden's chain by itself, where the network is one", () => {
    const { layers, connections } = computed.own;
    const tensor = (index: number) => layers[index]!.weight.tensor;
    if (connections.some(({ via }) => via === "residual")) {
      expect(golden.name).toMatch(/-as-chain$/);
    } else {
      expect(connections.map(({ source, target }) => [tensor(source), tensor(target)])).toEqual(
        golden.layers.slice(1).map(({ name }, at) => [golden.layers[at]!.name, name]),
      );
    }
  });

  it("finds the singular values", () => {
    golden.layers.forEach(({ name, singularValues: expected }, at) => {
      const s = computed.spectra[at]!.singularValues;
      expect(s, name).toHaveLength(expected.length);
      const worst = Math.max(...expected.map((value, j) => Math.abs(s[j]! - value)));
      expect(worst / expected[0]!, name).toBeLessThanOrEqual(SINGULAR_VALUE);
    });
  });

  it("finds the overlaps, all of them where golden has them all, else the 100 largest", () => {
    each((expected, { overlap, geometry }, label) => {
      expect(geometry, label).toMatchObject({
        targets: expected.shape[0],
        sources: expected.shape[1],
        sharedChannels: expected.channels,
        testedChannels: expected.channels,
        positions: expected.positions,
        unit: true,
      });
      const tolerance = pairTolerance(golden, expected);
      const whole = expected.overlap?.flatMap((row, i) => row.map((value, j) => [j, i, value] as const)) ??
        [];
      const pairs = [...expected.top, ...whole];
      expect(expected.top.length).toBe(Math.min(100, geometry.targets * geometry.sources));
      for (const [j, i, value] of pairs) {
        const off = Math.abs(overlap[i * geometry.sources + j]! - value);
        expect(off, `${label}, ${j} to ${i}`).toBeLessThanOrEqual(tolerance(j, i));
      }
    });
  });

  it("ranks the 100 largest overlaps alike, up to ties within the tolerance", () => {
    each((expected, { overlap, geometry, top }, label) => {
      const tolerance = pairTolerance(golden, expected);
      expect(top, label).toHaveLength(expected.top.length);
      expected.top.forEach(([j, i, value], rank) => {
        const [source, target, found] = top[rank]!;
        // The chosen edge is the pair that it says, and another pair than golden's only where the two tie.
        expect(found, `${label}, rank ${rank}`).toBe(overlap[target * geometry.sources + source]);
        if (source === j && target === i) return;
        expect(
          Math.abs(found - value),
          `${label}, rank ${rank}: found ${source} to ${target} for ${j} to ${i}`,
        )
          .toBeLessThanOrEqual(Math.max(tolerance(j, i), tolerance(source, target)));
      });
    });
  });

  it.each(
    (["chi2", "beta"] as const).flatMap((name) =>
      ([3, 5] as const).map((sigma) => [testName(name, sigma), name, sigma] as const)
    ),
  )("counts the significant edges of %s, and finds the threshold", (test, name, sigma) => {
    each((expected, { verdicts }, label) => {
      const level = expected[`sigma${sigma}`];
      const threshold = level[`${name}Threshold`];
      const found = verdicts.get(test)!;
      expect(found.significantCount, label).toBe(level[`${name}Significant`]);
      expect(found.nominal, label).toBe(level[`${name}Significant`]);
      // An overlap is at most 1: svrflow says null where golden has a threshold that nothing can reach.
      if (threshold > 1) expect(found.threshold, label).toBeNull();
      else expect(Math.abs(found.threshold! / threshold - 1), label).toBeLessThanOrEqual(THRESHOLD);
    });
  });

  it("measures the overlap matrices", () => {
    each((expected, { overlap, measures }, label) => {
      const [[j, i]] = expected.top as readonly [readonly [number, number, number]];
      const sum = overlap.reduce((total, value) => total + value, 0);
      expect(Math.abs(sum / expected.sum - 1), `${label}, sum`).toBeLessThanOrEqual(TOTAL);
      expect(Math.abs(measures.entropy / expected.entropy - 1), `${label}, entropy`).toBeLessThanOrEqual(
        TOTAL,
      );
      expect(Math.abs(measures.max - expected.max), `${label}, max`)
        .toBeLessThanOrEqual(pairTolerance(golden, expected)(j, i));
      expect([measures.internalTarget - 1, measures.internalSource - 1], `${label}, internal dimensions`)
        .toEqual(expected.internalDimensionsZeroBased);
      expect(measures.sourceIntensity, label).toHaveLength(expected.sourceIntensity.length);
      const off = expected.sourceIntensity.map((value, at) =>
        Math.abs(measures.sourceIntensity[at]! - value)
      );
      expect(Math.max(...off), `${label}, intensity`).toBeLessThanOrEqual(INTENSITY);
    });
  });

  // Golden files of cosvr hold no path metric.
  if (golden.pathMetric !== undefined) {
    it("sums over all paths to the same metric", () => {
      // Every overlap and singular value counts here, also of pairs that golden does not list.
      const values = computed.spectra.map(({ singularValues }) => singularValues);
      const model = measureModel({ graph: computed.graph, logAlpha: -10, floor: 0, chains: 1 });
      for (const { connection, overlap } of computed.connections) {
        const [from, to] = [values[connection.source]!, values[connection.target]!];
        const taken = model.connection(connection, from, to);
        taken.take(taken.vectors.map((vector) => productOf(overlap, vector, to.length)));
      }
      expect(model.finish().measures.pathMetric).toMatchObject({ floor: 0 });
      const { logWithSingularValues: metric } = model.finish().measures.pathMetric as PathMetric;
      expect(Math.abs(Math.exp(metric) / golden.pathMetric! - 1)).toBeLessThanOrEqual(PATHS);
    });
  }
}
