import { describe, expect, it } from "vitest";
import { measureModel } from "../../src/analysis/model-measures.ts";
import type { PathMetric } from "../../src/model/measures.ts";
import { connectionOf, layerOf } from "../support/layer-fixture.ts";
import { everyPath, type Flow, measured, randomFlow, uniform } from "../support/random-flow.ts";

const SEEDS = Array.from({ length: 60 }, (_, at) => at + 101);

function metricOf(flow: Flow): PathMetric {
  const { pathMetric } = measured(measureModel, flow).measures;
  if ("unknown" in pathMetric) throw new Error(pathMetric.unknown);
  return pathMetric;
}

/** A chain of `depth` layers with one neuron each, and one overlap on all edges. */
function thread(depth: number, gain: number, overlap: number): Flow {
  const connections = Array.from({ length: depth - 1 }, (_, at) => connectionOf(at, at + 1, []));
  return {
    graph: {
      layers: Array.from({ length: depth }, (_, index) => layerOf(index, 1, 1)),
      connections,
      skipped: [],
      warnings: [],
    },
    values: Array.from({ length: depth }, () => Float64Array.of(gain)),
    connections: connections.map((connection) => ({ connection, overlap: Float64Array.of(overlap) })),
    links: [],
  };
}

describe("the path metric", () => {
  it.each(SEEDS)("is the sum over all paths, listed one by one, seed %i", (seed) => {
    const flow = randomFlow(seed);
    const [all, overlaps, above] = everyPath(flow, 0.5);
    const metric = metricOf(flow);
    expect(all).toBeGreaterThanOrEqual(above);
    for (
      const [found, expected] of [
        [metric.logWithSingularValues, all],
        [metric.logWithout, overlaps],
        [metric.logAboveFloor, above],
      ] as const
    ) {
      if (expected === 0) expect(found).toBe(-Infinity);
      else expect(Math.abs(Math.exp(found) / expected - 1)).toBeLessThan(1e-12);
    }
    expect(metric.floor).toBe(0.5);
  });

  it.each([[1e30, 0.5], [1e-30, 1e-9], [1e300, 1], [1e-300, 1e-300]])(
    "leaves the range of numbers at gain %d and overlap %d, and is still right",
    (gain, overlap) => {
      const metric = metricOf(thread(300, gain, overlap));
      const overlaps = 299 * Math.log(overlap);
      const expected = 300 * Math.log(gain) + overlaps;
      expect(Math.abs(metric.logWithSingularValues - expected)).toBeLessThan(1e-12 * Math.abs(expected));
      expect(Math.abs(metric.logWithout - overlaps)).toBeLessThanOrEqual(1e-12 * Math.abs(overlaps));
      expect(metric.logAboveFloor).toBe(metric.logWithSingularValues);
    },
  );

  it("is minus infinity where every path has a zero on it", () => {
    const metric = metricOf(thread(5, 2, 0));
    expect([metric.logWithSingularValues, metric.logWithout]).toEqual([-Infinity, -Infinity]);
    const zero = metricOf(thread(5, 0, 0.5));
    expect([zero.logWithSingularValues, zero.logAboveFloor]).toEqual([-Infinity, -Infinity]);
    expect(zero.logWithout).toBeCloseTo(4 * Math.log(0.5), 12);
  });

  it("is unknown where a connection could not be computed, or none leads on", () => {
    const flow = thread(4, 1, 0.5);
    const { pathMetric } =
      measured(measureModel, { ...flow, connections: flow.connections.slice(1) }).measures;
    expect(pathMetric).toHaveProperty("unknown", expect.stringContaining("1 of 3 connections"));
    expect(measured(measureModel, thread(1, 1, 1)).measures.pathMetric).toHaveProperty(
      "unknown",
      expect.stringContaining("no layer feeds another"),
    );
  });

  it("adds what comes along ways of very different strength", () => {
    const next = uniform(5);
    // Two ways into the last layer, one through a gain of 1e-200: lost beside the other, and alone not.
    const flow = (overlap: number): Flow => {
      const connections = [[0, 1], [0, 2], [1, 3], [2, 3]].map(([a, b]) => connectionOf(a!, b!, []));
      return {
        graph: {
          layers: [0, 1, 2, 3].map((index) => layerOf(index, 1, 1)),
          connections,
          skipped: [],
          warnings: [],
        },
        values: [1, 1e-200, 1e200, 1].map((s) => Float64Array.of(s)),
        connections: connections.map((connection, at) => ({
          connection,
          overlap: Float64Array.of(at === 3 ? overlap : 0.5 + next() / 1e9),
        })),
        links: [],
      };
    };
    expect(metricOf(flow(1)).logWithSingularValues).toBeCloseTo(Math.log(0.5) + 200 * Math.LN10, 7);
    expect(metricOf(flow(0)).logWithSingularValues).toBeCloseTo(Math.log(0.25) - 200 * Math.LN10, 7);
  });
});
