import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { measureOverlap } from "../../src/analysis/overlap-measures.ts";
import { openReferenceKernel } from "../../src/kernels/reference.ts";
import { type OverlapScan, scanOverlaps } from "../../src/stages/overlap-parts.ts";
import { gateSparse, isSparse } from "../../src/stages/sparse-layers.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { connectionOf, layerOf, spectrumOf } from "../support/layer-fixture.ts";

const shapes = fc.record({
  m: fc.integer({ min: 1, max: 4 }),
  n: fc.integer({ min: 1, max: 4 }),
  z: fc.integer({ min: 1, max: 4 }),
  groups: fc.integer({ min: 1, max: 3 }),
  bits: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 192, maxLength: 192 }),
  zeros: fc.integer({ min: 0, max: 9 }),
});

/** By the definition, weight by weight: `W[out, in, position]` of an out and an in channel of one group. */
function defined(
  weight: Float64Array,
  { m, n, z, groups }: { m: number; n: number; z: number; groups: number },
) {
  const places = [...weight].map((value, at) => ({
    alive: value !== 0,
    out: Math.floor(at / (n * z)),
    into: Math.floor(at / (m * n * z)) * n + Math.floor(at / z) % n,
    position: at % z,
  }));
  expect(places).toHaveLength(groups * m * n * z);
  const live = places.filter(({ alive }) => alive);
  const counting = places.filter(({ out, into, position }) =>
    live.some((each) => each.out === out) && live.some((each) => each.into === into) &&
    live.some((each) => each.position === position)
  );
  return counting.filter(({ alive }) => !alive).length > counting.length / 4;
}

const whole = (out: number, into: number, z: number, weight: (o: number, c: number, k: number) => number) => {
  const layer = layerOf(0, out, into, { positions: z });
  const values = Float64Array.from(
    { length: out * into * z },
    (_, at) => weight(Math.floor(at / (into * z)), Math.floor(at / z) % into, at % z),
  );
  return isSparse(layer, unfold(layer, values, "svr"), "svr");
};

describe("a sparse layer", () => {
  it("has more than a quarter of zeros, without dead channels and positions, however it is unfolded", () => {
    const seen = new Set<boolean>();
    fc.assert(
      fc.property(shapes, ({ m, n, z, groups, bits, zeros }) => {
        const layer = layerOf(0, m * groups, n * groups, { positions: z, groups });
        const weight = Float64Array.from(
          { length: groups * m * n * z },
          (_, at) => bits[at]! < zeros ? 0 : -1,
        );
        const expected = defined(weight, { m, n, z, groups });
        seen.add(expected);
        for (const unfolding of ["svr", "cosvr"] as const) {
          expect(isSparse(layer, unfold(layer, weight, unfolding), unfolding)).toBe(expected);
        }
      }),
      { seed: 1, numRuns: 300 },
    );
    expect(seen.size).toBe(2);
  });

  it("is none where all zeros are those of dead channels, or of taps that no kernel has", () => {
    expect(whole(8, 8, 9, (o, c) => o < 6 || c < 4 ? 0 : 1)).toBe(false);
    expect(whole(8, 8, 9, (_o, _c, k) => k === 4 ? 1 : 0)).toBe(false);
    expect(whole(8, 8, 1, () => 0)).toBe(false);
    expect(whole(8, 8, 9, (o, c, k) => k === (o + c) % 9 ? 1 : 0)).toBe(true);
    expect(whole(8, 8, 1, (o, c) => o === c ? 1 : 0)).toBe(true);
  });

  it("is none with a quarter of zeros, and is one with a zero more", () => {
    const first = (zeros: number) => (o: number, c: number) => 8 * c + (o + c) % 8 < zeros ? 0 : 1;
    expect(whole(8, 8, 1, first(16))).toBe(false);
    expect(whole(8, 8, 1, first(17))).toBe(false); // two channels and a weight: the channels are dead
    const scattered = (zeros: number) => (o: number, c: number) => (o + 3 * c) % 8 * 8 + c < zeros ? 0 : 1;
    expect(whole(8, 8, 1, scattered(16))).toBe(false);
    expect(whole(8, 8, 1, scattered(17))).toBe(true);
  });
});

describe("the gate before a connection", () => {
  const seen = async (sparse: boolean, sharedLogP: number | null): Promise<OverlapScan> => {
    const [source, target] = [
      spectrumOf(layerOf(0, 8, 8), "svr", 8, 1),
      spectrumOf(layerOf(1, 8, 8), "svr", 8, 2),
    ];
    const question = {
      connection: connectionOf(0, 1, [{ source: 0, target: 0, length: 8 }]),
      source,
      target: { ...target, sparse },
      near: { source: new Uint8Array(8).fill(1, 4), target: new Uint8Array(8).fill(1, 5) },
      test: { null: "rotation", logAlpha: Math.log(0.2), correction: "none", edges: "all" } as const,
      measure: measureOverlap,
      products: null,
    };
    return { ...await scanOverlaps(question, openReferenceKernel()), sharedLogP };
  };
  const at = { logAlpha: Math.log(0.01) };

  it("lets all pass where no layer is sparse", async () => {
    const free = await seen(false, null);
    expect(free.sparse).toBe(false);
    expect(gateSparse(free, at, "connection", 10)).toBe(free);
  });

  it("opens at alpha over the connections of the model, and for the control; a test that was not made is no rejection", async () => {
    const tests = async (logP: number | null, kind: "connection" | "control") =>
      gateSparse(await seen(true, logP), at, kind, 10).candidates.tests;
    const all = (await seen(true, null)).candidates.tests;
    expect(all).toBe(64);
    expect(await tests(Math.log(0.00099), "connection")).toBe(all);
    expect(await tests(Math.log(0.00101), "connection")).toBe(0);
    expect(await tests(null, "connection")).toBe(0);
    expect(await tests(null, "control")).toBe(all);
  });

  it("counts what the connection was chosen from, where its weights chose it", async () => {
    const tests = async (logP: number) =>
      gateSparse(await seen(true, logP), at, "connection", 10, 50).candidates.tests;
    expect(await tests(Math.log(0.0000199))).toBe(64);
    expect(await tests(Math.log(0.0000201))).toBe(0);
  });

  it("leaves overlaps and pairs, with p = 1, where it is shut; and no block between near-kernels where a layer is sparse", async () => {
    const before = await seen(true, 0);
    expect(before.measures.nearKernel).not.toBeNull();
    expect(before.candidates.nearKernelTests).toBe(12);
    const shut = gateSparse(before, at, "connection", 1);
    expect(shut.candidates).toEqual({
      ...before.candidates,
      tests: 0,
      nearKernelTests: 0,
      logP: new Float64Array(before.candidates.logP.length),
    });
    for (const open of [shut, gateSparse({ ...before, sharedLogP: -30 }, at, "connection", 1)]) {
      expect(open.measures).toEqual({ ...before.measures, nearKernel: null });
      expect(open.candidates.nearKernelTests).toBe(0);
      expect([...open.near.source, ...open.near.target].includes(1)).toBe(false);
    }
  });
});
