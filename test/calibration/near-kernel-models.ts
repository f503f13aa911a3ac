/** Blocks of near-kernels whose energy is drawn at random: the turned vectors by Haar frames that are made here, the others fixed. */

import { openReferenceKernel } from "../../src/kernels/reference.ts";
import type { NearKernels } from "../../src/model/graph.ts";
import type { EnergyChance } from "../../src/model/ports.ts";
import { type Random, random } from "../../src/model/random.ts";
import type { Spectrum } from "../../src/model/spectrum.ts";
import { nearKernelChance } from "../../src/stages/near-kernel-null.ts";
import { overlapGeometry, unturnedNeurons } from "../../src/stages/overlap-geometry.ts";
import type { NullName } from "../../src/stats/null-distribution.ts";
import { connectionOf } from "../support/layer-fixture.ts";
import { haarFrame } from "../untrained/haar.ts";
import { fanSide, layerOfKind, type NullKind, type Variant } from "./null-models.ts";

/** A block: of either side the last neurons. */
export interface NearKernelBlock {
  readonly chance: EnergyChance | null;
  /** The energy of a random turn. */
  draw(numbers: Random): number;
}

/** Of each side's neurons so many are near-kernels; of several groups the last of all. */
export async function nearKernelBlock(
  kind: NullKind,
  variant: Variant,
  [a, b]: readonly [source: number, target: number],
  seed: number,
  name: NullName = "rotation",
): Promise<NearKernelBlock> {
  const kernel = openReferenceKernel();
  const source = await layerOfKind(kind, "source", variant, seed, "one");
  const target = await layerOfKind(kind, "target", variant, seed, "other");
  const connection = connectionOf(0, 1, kind.channels);
  const geometry = overlapGeometry(connection, source, target);
  // Under the rotation null these do not count.
  const unturned = unturnedNeurons(geometry, source, target);
  const flags = (side: "source" | "target", count: number) =>
    unturned[side].map((flag, at) => at >= unturned[side].length - count ? 1 - flag : 0);
  const near: NearKernels = { source: flags("source", a), target: flags("target", b) };
  const question = { null: name, connection, source, target, geometry, near };
  const svr = kind.unfolding === "svr";
  const fan = fanSide(kind, "rotation");
  const sides = {
    source: vectorsOf(source, "left", near.source),
    target: vectorsOf(target, "right", near.target),
  };
  return {
    chance: await nearKernelChance(question, kernel),
    draw(numbers) {
      const turned = { ...sides, [fan]: turnedVectors(sides[fan], geometry.live, numbers) };
      const [carried, other] = svr ? [turned.target, turned.source] : [turned.source, turned.target];
      const pairs = kind.channels.flatMap(({ source, target, length }) =>
        Array.from(
          { length },
          (_, c): [number, number] => svr ? [target + c, source + c] : [source + c, target + c],
        )
      );
      return energyOf(carried, other, pairs);
    },
  };
}

/** Vectors over all channels, zero outside of their group: the number of channel `c` at position `k` is at `c * positions + k`. */
interface Vectors {
  readonly values: readonly Float64Array[];
  readonly groups: readonly number[];
  readonly groupCount: number;
  readonly positions: number;
}

function vectorsOf(spectrum: Spectrum, side: "left" | "right", near: Uint8Array): Vectors {
  const { data, cols } = spectrum[side];
  const { layer, group } = spectrum;
  const channels = side === "left" ? layer.outChannels : layer.inChannels;
  const chosen = Array.from(near.keys()).filter((neuron) => near[neuron] === 1);
  return {
    values: chosen.map((neuron) => {
      const out = new Float64Array(cols * layer.groups);
      out.set(data.subarray(neuron * cols, (neuron + 1) * cols), group[neuron]! * cols);
      return out;
    }),
    groups: chosen.map((neuron) => group[neuron]!),
    groupCount: layer.groups,
    positions: cols * layer.groups / channels,
  };
}

/** The live channels of each group turned by a Haar rotation of its own. */
function turnedVectors(vectors: Vectors, live: Uint8Array, numbers: Random): Vectors {
  const { values, groups, groupCount, positions: z } = vectors;
  const perGroup = live.length / groupCount;
  const rotations = Array.from({ length: groupCount }, (_, group) => {
    const channels = Array.from({ length: perGroup }, (_, c) => group * perGroup + c).filter((c) => live[c]);
    return { channels, q: haarFrame(channels.length, channels.length, numbers) };
  });
  return {
    ...vectors,
    values: values.map((before, at) => {
      const after = before.slice();
      const { channels, q } = rotations[groups[at]!]!;
      channels.forEach((channel, i) => {
        for (let k = 0; k < z; k++) {
          let sum = 0;
          for (let j = 0; j < channels.length; j++) {
            sum += q[i * channels.length + j]! * before[channels[j]! * z + k]!;
          }
          after[channel * z + k] = sum;
        }
      });
      return after;
    }),
  };
}

/** The sum of all overlaps: `sum_k (sum over pairs of T[c, k] w[d])^2`. */
function energyOf(
  carried: Vectors,
  other: Vectors,
  pairs: readonly (readonly [carried: number, other: number])[],
): number {
  const z = carried.positions;
  let energy = 0;
  for (const T of carried.values) {
    for (const w of other.values) {
      for (let k = 0; k < z; k++) {
        let inner = 0;
        for (const [c, d] of pairs) inner += T[c * z + k]! * w[d]!;
        energy += inner * inner;
      }
    }
  }
  return energy;
}

/** Seeded energies of random turns. */
export function energiesOf(block: NearKernelBlock, draws: number, stream: string): Float64Array {
  const numbers = random(1, stream);
  return Float64Array.from({ length: draws }, () => block.draw(numbers));
}
