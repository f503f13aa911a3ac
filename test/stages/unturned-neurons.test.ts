import { describe, expect, it } from "vitest";
import { measureOverlap } from "../../src/analysis/overlap-measures.ts";
import { openReferenceKernel } from "../../src/kernels/reference.ts";
import type { Unfolding } from "../../src/model/layer.ts";
import { random } from "../../src/model/random.ts";
import { overlapGeometry, unturnedNeurons } from "../../src/stages/overlap-geometry.ts";
import { scanOverlaps } from "../../src/stages/overlap-parts.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { connectionOf, layerOf } from "../support/layer-fixture.ts";

const kernel = openReferenceKernel();

/** A dense source of 8 channels, two of them dead, that feeds a convolution; in `cosvr` the target's in channels are dead. */
async function layersOf(unfolding: Unfolding) {
  const svr = unfolding === "svr";
  const layers = [
    layerOf(0, 8, 8, { positions: svr ? 1 : 4 }),
    layerOf(1, 8, 8, { positions: svr ? 4 : 1 }),
  ] as const;
  const spectra = layers.map(async (layer) => {
    const weights = new Float64Array(64 * layer.positions);
    random(1, `weights/${layer.name}`).normals(weights);
    const dead = (at: number) => svr ? Math.floor(at / 8) : at % 8;
    const turned = (layer === layers[0]) === svr;
    const values = turned ? weights.map((value, at) => dead(at) < 2 ? 0 : value) : weights;
    return await spectrum(layer, unfold(layer, values, unfolding), unfolding, kernel);
  });
  return await Promise.all(spectra);
}

describe.each(["svr", "cosvr"] as const)("neurons that cannot be turned, %s", (unfolding) => {
  it("are null ones of the turned side where it has dead channels", async () => {
    const [source, target] = await layersOf(unfolding);
    const connection = connectionOf(0, 1, [{ source: 0, target: 0, length: 8 }]);
    const geometry = overlapGeometry(connection, source!, target!);
    expect(geometry.turnedChannels).toBe(6);
    const found = unturnedNeurons(geometry, source!, target!);
    const [turned, other] = unfolding === "svr" ? [found.source, found.target] : [found.target, found.source];
    expect([...turned]).toEqual([0, 0, 0, 0, 0, 0, 1, 1]);
    expect([...other]).toEqual(new Array<number>(8).fill(0));
  });

  it("count neither in the block of near-kernels nor in what is expected of it", async () => {
    const [source, target] = await layersOf(unfolding);
    const near = { source: new Uint8Array(8).fill(1, 3), target: new Uint8Array(8).fill(1, 3) };
    const seen = async (flags: typeof near) =>
      (await scanOverlaps({
        connection: connectionOf(0, 1, [{ source: 0, target: 0, length: 8 }]),
        source: source!,
        target: target!,
        near: flags,
        measure: measureOverlap,
        products: null,
        test: { null: "rotation", logAlpha: Math.log(0.01), correction: "none", edges: "significant" },
      }, kernel)).measures;
    const side = unfolding === "svr" ? "source" : "target";
    const without = { ...near, [side]: near[side].map((flag, at) => at < 6 ? flag : 0) };
    const found = (await seen(near)).nearKernel!;
    expect(found).toEqual((await seen(without)).nearKernel);
    expect(found.energy).toBeGreaterThan(0);
    // Of three turned vectors: as far from its mean as chance allows.
    expect(Math.min(found.logP!, found.logPLow!)).toBeGreaterThan(Math.log(0.01));
  });

  it("are expected to overlap as they do", async () => {
    const [source, target] = await layersOf(unfolding);
    const { measures } = await scanOverlaps({
      connection: connectionOf(0, 1, [{ source: 0, target: 0, length: 8 }]),
      source: source!,
      target: target!,
      measure: measureOverlap,
      products: null,
      near: { source: new Uint8Array(8).fill(1), target: new Uint8Array(8).fill(1) },
      test: { null: "rotation", logAlpha: Math.log(0.01), correction: "none", edges: "significant" },
    }, kernel);
    // Six turned vectors are all that there are in six channels: their sum cannot vary, and the others' is what it is.
    expect(measures.nearKernel!.energy).toBeCloseTo(measures.nearKernel!.expected, 10);
    expect(measures.sparsification!).toBeCloseTo(measures.sparsificationExpected!, 10);
    expect(measures.nearKernel!.logP).toBeNull();
  });
});
