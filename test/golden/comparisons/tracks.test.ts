/** The epochs of vgg16s, whose neurons NumPy has followed. */

import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { runConfigOf } from "../../../config/load.ts";
import { CHANGE_SETTINGS } from "../../../src/compare/layer-change.ts";
import { comparisonOf } from "../../../src/run/compare.ts";
import { describeWithShared, shared } from "../../support/shared.ts";

interface GoldenLayer {
  readonly tracks: number;
  readonly through: number;
  readonly births: number;
  readonly deaths: number;
  readonly crossings: number;
  /** By step; null where the track is not. */
  readonly leading: readonly {
    readonly neurons: readonly (number | null)[];
    readonly similarities: readonly (number | null)[];
  }[];
}

const EPOCHS = ["000", "004", "016"].map((epoch) => `our-models/vgg16s/epoch-${epoch}.f16.safetensors`);

describeWithShared("tracks of vgg16s", EPOCHS, () => {
  it("are those of a direct computation", async () => {
    const { steps, layers } = JSON.parse(
      await readFile(new URL("../files/comparison/tracks.json", import.meta.url), "utf8"),
    ) as { steps: readonly number[]; layers: Readonly<Record<string, GoldenLayer>> };
    const loaded = runConfigOf({ models: EPOCHS.map(shared), cache: "off" });
    const { series: [series] } = await comparisonOf(loaded, { ...CHANGE_SETTINGS, series: true });
    expect(series!.layers).toHaveLength(Object.keys(layers).length);
    for (const { layer, ...counts } of series!.layers) {
      const { leading, ...golden } = layers[layer]!;
      expect(counts, layer).toEqual(golden);
      const tracks = Map.groupBy(series!.tracks.filter((row) => row.layer === layer), ({ track }) => track);
      for (const { neurons, similarities } of leading) {
        const found = [...tracks.values()].find((rows) =>
          rows.some(({ step, neuron }) => step === steps.at(-1) && neuron === neurons.at(-1))
        )!;
        const at = (step: number) => found.find((row) => row.step === step);
        expect(steps.map((step) => at(step)?.neuron ?? null), layer).toEqual(neurons);
        for (const [place, step] of steps.entries()) {
          const [own, known] = [at(step)?.similarity ?? null, similarities[place]!];
          if (known === null) expect(own).toBeNull();
          else expect(Math.abs(own! - known), layer).toBeLessThan(1e-9);
        }
      }
    }
  });
});
