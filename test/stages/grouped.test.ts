import { describe, expect, it } from "vitest";
import { openReferenceKernel } from "../../src/kernels/reference.ts";
import { draftLayer, finishLayer } from "../../src/model/layer-draft.ts";
import type { Layer, Unfolding } from "../../src/model/layer.ts";
import type { Spectrum } from "../../src/model/spectrum.ts";
import { overlapBlocks } from "../../src/stages/overlap.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";
import { connectionOf, gaussian, tensorOf } from "../support/layer-fixture.ts";

const kernel = openReferenceKernel();

/** A grouped convolution and the dense one with the same weights on its diagonal blocks, zeros elsewhere. */
function twins(out: number, inputs: number, groups: number, seed: number) {
  const [m, n, z] = [out / groups, inputs / groups, 4];
  const normal = gaussian(seed);
  const grouped = Float64Array.from({ length: out * n * z }, normal);
  const dense = new Float64Array(out * inputs * z);
  for (let o = 0; o < out; o++) {
    const first = Math.floor(o / m) * n;
    for (let i = 0; i < n * z; i++) dense[(o * inputs + first) * z + i] = grouped[o * n * z + i]!;
  }
  const layer = (shape: readonly number[], count: number): Layer =>
    finishLayer(draftLayer("conv", tensorOf("conv", shape), { groups: count }), { index: 0 });
  return [
    { layer: layer([out, n, 2, 2], groups), weight: grouped },
    { layer: layer([out, inputs, 2, 2], 1), weight: dense },
  ] as const;
}

async function spectrumOf(layer: Layer, weight: Float64Array, index: number, unfolding: Unfolding) {
  return await spectrum({ ...layer, index }, unfold(layer, weight.slice(), unfolding), unfolding, kernel);
}

async function overlaps(source: Spectrum, target: Spectrum): Promise<number[]> {
  const out: number[] = [];
  const connection = connectionOf(0, 1, [{ source: 0, target: 0, length: source.layer.outChannels }]);
  for await (const block of overlapBlocks(connection, source, target, kernel)) out.push(...block.overlap);
  return out;
}

const farthest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

describe.each<[string, number, number, number]>([
  ["grouped", 12, 18, 3],
  ["grouped, wide out", 24, 8, 4],
  ["depthwise", 6, 6, 6],
  ["depthwise with a multiplier", 12, 6, 6],
])("a %s convolution (%i out, %i in, %i groups)", (_, out, inputs, groups) => {
  it.each<Unfolding>(["svr", "cosvr"])("equals the dense block-diagonal one in %s", async (unfolding) => {
    const [grouped, dense] = twins(out, inputs, groups, 5);
    const normal = gaussian(6);
    const plain = (m: number, n: number) => ({
      layer: finishLayer(draftLayer("plain", tensorOf("plain", [m, n, 3])), { index: 0 }),
      weight: Float64Array.from({ length: m * n * 3 }, normal),
    });
    const [before, after] = [plain(inputs, 5), plain(7, out)];
    const first = await spectrumOf(before.layer, before.weight, 0, unfolding);
    const last = await spectrumOf(after.layer, after.weight, 1, unfolding);
    const at = async (index: number) =>
      [
        await spectrumOf(grouped.layer, grouped.weight, index, unfolding),
        await spectrumOf(dense.layer, dense.weight, index, unfolding),
      ] as const;
    const [asTarget, asSource] = [await at(1), await at(0)];
    // The block-diagonal matrix has the blocks' singular values and, where it has more rows or columns than they have values, zeros:
    // those vectors are any, and the grouped layer does not have them.
    const rank = asTarget[0].singularValues.length;
    expect(farthest(asTarget[0].singularValues, asTarget[1].singularValues)).toBeLessThan(1e-12);
    expect(asTarget[1].singularValues.slice(rank).every((s) => s < 1e-12)).toBe(true);
    const sources = first.singularValues.length;
    const into = await Promise.all(asTarget.map((each) => overlaps(first, each)));
    expect(farthest(into[0]!, into[1]!.slice(0, rank * sources))).toBeLessThan(1e-10);
    const [narrow, wide] = await Promise.all(asSource.map((each) => overlaps(each, last)));
    const all = asSource[1].singularValues.length;
    expect(farthest(narrow!, wide!.filter((_, i) => i % all < rank))).toBeLessThan(1e-10);
    expect(narrow!.some((value) => value > 0.01)).toBe(true);
  });
});
