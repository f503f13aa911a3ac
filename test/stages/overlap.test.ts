import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openReferenceKernel } from "../../src/kernels/reference.ts";
import type { ChannelRange, Connection, Unfolding } from "../../src/model/layer.ts";
import type { Spectrum } from "../../src/model/spectrum.ts";
import { overlapBlocks } from "../../src/stages/overlap.ts";
import { isDirect, overlapGeometry } from "../../src/stages/overlap-geometry.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { connectionOf, gaussian, layerOf, spectrumOf } from "../support/layer-fixture.ts";

const kernel = openReferenceKernel();

/** The whole matrix, gathered from blocks. */
async function all(connection: Connection, source: Spectrum, target: Spectrum, mostBytes?: number) {
  const [targets, sources] = [target.singularValues.length, source.singularValues.length];
  const gathered = {
    overlap: new Float64Array(targets * sources),
    cosine: new Float64Array(targets * sources),
    rho: new Float64Array(targets * sources).fill(1),
  };
  let next = 0;
  for await (const block of overlapBlocks(connection, source, target, kernel, mostBytes)) {
    expect(block.first).toBe(next);
    next += block.rows;
    gathered.overlap.set(block.overlap, block.first * sources);
    if (block.cosine !== null) gathered.cosine.set(block.cosine, block.first * sources);
    if (block.rho !== null) gathered.rho.set(block.rho, block.first * sources);
  }
  expect(next).toBe(targets);
  return gathered;
}

/** A neuron's vector on all channels of its layer at position `k`, zero outside its group. */
function entry(side: "left" | "right", of: Spectrum, neuron: number, channel: number, k: number): number {
  const { layer, unfolding, group } = of;
  const perGroup = (side === "left" ? layer.outChannels : layer.inChannels) / layer.groups;
  const z = (side === "right") === (unfolding === "svr") ? layer.positions : 1;
  const within = channel - group[neuron]! * perGroup;
  return within < 0 || within >= perGroup ? 0 : of[side].data[(neuron * perGroup + within) * z + k]!;
}

/** The definition: sum over positions of (sum over the channel map of T[c, k] w[c])^2, and rho = |w|^2 in T's group. */
function byDefinition(connection: Connection, source: Spectrum, target: Spectrum, i: number, j: number) {
  const svr = source.unfolding === "svr";
  const tested = svr ? target : source;
  const z = tested.layer.positions;
  const map = connection.channels.flatMap(({ source: s, target: t, length }) =>
    Array.from({ length }, (_, c) => [s + c, t + c] as const)
  );
  let overlap = 0;
  let inner = 0;
  for (let k = 0; k < z; k++) {
    inner = map.reduce(
      (sum, [s, t]) =>
        sum + entry("left", source, j, s, svr ? 0 : k) * entry("right", target, i, t, svr ? k : 0),
      0,
    );
    overlap += inner * inner;
  }
  // w on the channels of the tested side, gathered before it is squared: repeats add up.
  const w = new Map<number, number>();
  for (const [s, t] of map) {
    const [at, value] = svr ? [t, entry("left", source, j, s, 0)] : [s, entry("right", target, i, t, 0)];
    w.set(at, (w.get(at) ?? 0) + value);
  }
  const neuron = svr ? i : j;
  const perGroup = (svr ? tested.layer.inChannels : tested.layer.outChannels) / tested.layer.groups;
  const inGroup = [...w].filter(([channel]) => Math.floor(channel / perGroup) === tested.group[neuron]);
  return { overlap, inner, rho: inGroup.reduce((sum, [, value]) => sum + value * value, 0) };
}

/** Maps of every kind between 8 out and 12 in channels. */
const MAPS: Readonly<Record<string, readonly ChannelRange[]>> = {
  "slice of a concat": [{ source: 0, target: 4, length: 8 }],
  split: [{ source: 2, target: 0, length: 6 }],
  "padded shortcut": [{ source: 0, target: 2, length: 4 }],
  "repeated heads": [{ source: 0, target: 0, length: 4 }, { source: 0, target: 4, length: 4 }, {
    source: 4,
    target: 8,
    length: 4,
  }],
  crossed: [{ source: 4, target: 0, length: 4 }, { source: 0, target: 6, length: 4 }],
};

describe("overlap", () => {
  const cases = fc.record({
    unfolding: fc.constantFrom<Unfolding>("svr", "cosvr"),
    map: fc.constantFrom(...Object.keys(MAPS)),
    sourcePositions: fc.constantFrom(1, 3),
    targetPositions: fc.constantFrom(1, 4),
    sourceGroups: fc.constantFrom(1, 2, 4),
    targetGroups: fc.constantFrom(1, 2, 3, 12),
    seed: fc.nat(1000),
  });

  it("is what its definition says, for every map, grouping, number of positions and unfolding", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (each) => {
        const from = layerOf(0, 8, 8, { positions: each.sourcePositions, groups: each.sourceGroups });
        const to = layerOf(1, 12, 12, { positions: each.targetPositions, groups: each.targetGroups });
        const source = spectrumOf(from, each.unfolding, 5, each.seed);
        const target = spectrumOf(to, each.unfolding, 7, each.seed + 1);
        const connection = connectionOf(0, 1, MAPS[each.map]!);
        const found = await all(connection, source, target);
        const z = overlapGeometry(connection, source, target).positions;
        for (let i = 0; i < 7; i++) {
          for (let j = 0; j < 5; j++) {
            const { overlap, inner, rho } = byDefinition(connection, source, target, i, j);
            const at = i * 5 + j;
            expect(Math.abs(found.rho[at]! - rho)).toBeLessThan(1e-14);
            expect(Math.abs(found.overlap[at]! - overlap)).toBeLessThan(1e-14);
            if (z === 1) expect(Math.abs(found.cosine[at]! - inner)).toBeLessThan(1e-14);
          }
        }
      }),
      { seed: 5, numRuns: 150 },
    );
  });

  it("is the same in blocks of any size", async () => {
    const source = spectrumOf(layerOf(0, 8, 8), "svr", 5, 1);
    const target = spectrumOf(layerOf(1, 12, 8, { positions: 3 }), "svr", 11, 2);
    const connection = connectionOf(0, 1, [{ source: 0, target: 0, length: 8 }]);
    const whole = await all(connection, source, target);
    for (const mostBytes of [1, 500, 1000, 1e6]) {
      const found = await all(connection, source, target, mostBytes);
      // Sums of products may be taken in another order.
      expect(Math.max(...found.overlap.map((value, at) => Math.abs(value - whole.overlap[at]!))))
        .toBeLessThan(1e-15);
      expect(found.rho).toEqual(whole.rho);
    }
  });

  it("of a direct connection sums to 1 over a complete frame, and lies in [0, 1]", async () => {
    const normal = gaussian(9);
    const from = layerOf(0, 10, 14);
    const to = layerOf(1, 30, 10, { positions: 3 });
    const weights = (count: number) => Float64Array.from({ length: count }, normal);
    const source = await spectrum(from, unfold(from, weights(140), "svr"), "svr", kernel);
    const target = await spectrum(to, unfold(to, weights(900), "svr"), "svr", kernel);
    const { overlap } = await all(connectionOf(0, 1, [{ source: 0, target: 0, length: 10 }]), source, target);
    // U is square: each v_i is spread over all u_j, with total |v_i|^2 = 1; V is square too: each u_j meets z dimensions.
    for (let i = 0; i < 30; i++) {
      const row = overlap.subarray(i * 10, i * 10 + 10);
      expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 12);
      expect(row.every((value) => value >= 0 && value <= 1)).toBe(true);
    }
    for (let j = 0; j < 10; j++) {
      let column = 0;
      for (let i = 0; i < 30; i++) column += overlap[i * 10 + j]!;
      expect(column).toBeCloseTo(3, 11);
    }
  });

  it("never exceeds 1, even where rounding would", async () => {
    const source = spectrumOf(layerOf(0, 3, 3), "svr", 3, 4);
    const same: Spectrum = { ...spectrumOf(layerOf(1, 3, 3), "svr", 3, 4), right: source.left };
    const { overlap } = await all(connectionOf(0, 1, [{ source: 0, target: 0, length: 3 }]), source, same);
    expect(Math.max(...overlap)).toBeLessThanOrEqual(1);
    for (let i = 0; i < 3; i++) expect(overlap[i * 3 + i]).toBeCloseTo(1, 14);
  });

  it("knows which sizes its null depends on", () => {
    const geometry = (
      map: readonly ChannelRange[],
      unfolding: Unfolding,
      sourceGroups = 1,
      targetGroups = 1,
    ) =>
      overlapGeometry(
        connectionOf(0, 1, map),
        spectrumOf(layerOf(0, 8, 8, { positions: 5, groups: sourceGroups }), unfolding, 4, 1),
        spectrumOf(layerOf(1, 12, 12, { positions: 3, groups: targetGroups }), unfolding, 6, 1),
      );
    expect(geometry(MAPS["slice of a concat"]!, "svr")).toEqual({
      sharedChannels: 8,
      testedChannels: 12,
      otherChannels: 8,
      turnedChannels: 8,
      live: new Uint8Array(8).fill(1),
      positions: 3,
      unit: true,
      direct: false,
      targets: 6,
      sources: 4,
    });
    expect(geometry(MAPS["slice of a concat"]!, "cosvr")).toMatchObject({
      testedChannels: 8,
      otherChannels: 12,
      positions: 5,
      unit: false,
    });
    expect(geometry(MAPS["split"]!, "svr")).toMatchObject({
      sharedChannels: 6,
      testedChannels: 12,
      unit: false,
    });
    expect(geometry(MAPS["repeated heads"]!, "svr").unit).toBe(false);
    expect(geometry(MAPS["slice of a concat"]!, "svr", 1, 3)).toMatchObject({
      testedChannels: 4,
      unit: false,
    });
    expect(geometry(MAPS["slice of a concat"]!, "cosvr", 4, 1)).toMatchObject({
      testedChannels: 2,
      unit: false,
    });
  });

  it("calls a connection direct only when it is the identity between dense layers", () => {
    const dense = [layerOf(0, 8, 8), layerOf(1, 5, 8)] as const;
    const whole = connectionOf(0, 1, [{ source: 0, target: 0, length: 8 }]);
    expect(isDirect(whole, ...dense)).toBe(true);
    expect(isDirect(connectionOf(0, 1, [{ source: 0, target: 0, length: 7 }]), ...dense)).toBe(false);
    expect(
      isDirect(
        connectionOf(0, 1, [{ source: 0, target: 0, length: 4 }, { source: 4, target: 4, length: 4 }]),
        ...dense,
      ),
    ).toBe(false);
    expect(isDirect(whole, dense[0], layerOf(1, 8, 8, { groups: 2 }))).toBe(false);
  });

  it("refuses spectra of two unfoldings", async () => {
    const blocks = overlapBlocks(
      connectionOf(0, 1, [{ source: 0, target: 0, length: 8 }]),
      spectrumOf(layerOf(0, 8, 8), "svr", 3, 1),
      spectrumOf(layerOf(1, 8, 8), "cosvr", 3, 1),
      kernel,
    );
    await expect(blocks.next()).rejects.toThrow(/svr and cosvr, required the same/);
  });
});
