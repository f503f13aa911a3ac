/** Null controls: generated models without any structure, one family per kind of connection. */

import {
  openSynthetic,
  type SyntheticLayer,
  type SyntheticSpec,
} from "../../connectors/sources/synthetic.ts";
import { openReferenceKernel } from "../../src/kernels/reference.ts";
import type { ChannelRange, Connection, Unfolding } from "../../src/model/layer.ts";
import type { Spectrum } from "../../src/model/spectrum.ts";
import { layerGraph } from "../../src/stages/layers.ts";
import { overlapBlocks } from "../../src/stages/overlap.ts";
import { overlapGeometry } from "../../src/stages/overlap-geometry.ts";
import { candidateCollector, type Candidates, type TestSettings } from "../../src/stages/candidates.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";

/**
 * A kind of connection. Each model has one hub (two for a concat) and `fan` layers that carry the vectors whose
 * randomness is put to the test, the tested ones: targets of the hub in `svr`, sources of it in `cosvr`. (Where the tested vector lies on
 * a single channel, it is the other vector: the other way round.) The weights of the fan are independent
 * Gaussians, and so are its singular vectors, given those of the hub.
 */
export interface NullKind {
  readonly name: string;
  readonly unfolding: Unfolding;
  readonly hubs: readonly SyntheticLayer[];
  /** A layer of the fan, up to its name. */
  readonly fan: Omit<SyntheticLayer, "name">;
  /** Channel map per hub; all channels in order where left out. */
  readonly channels?: readonly (readonly ChannelRange[])[];
  /** Channel maps of several connections between the hub and each layer of the fan: attention heads. */
  readonly parts?: readonly (readonly ChannelRange[])[];
  /** Whether the fan feeds the hub in `svr`: where the hub's tested vectors lie on a single channel each. */
  readonly singleChannel?: boolean;
  /** Whether the carried vectors of the hubs are orthonormal (`rho = 1`, dense). */
  readonly orthonormal: boolean;
}

/** Every kind, small: at these sizes the chi-squared limit is far off. */
export const NULL_KINDS: readonly NullKind[] = [
  {
    name: "direct, svr, n=16 z=9",
    unfolding: "svr",
    hubs: [{ name: "hub", out: 16, in: 20 }],
    fan: { out: 2, in: 16, kernel: [3, 3] },
    orthonormal: true,
  },
  {
    name: "concat, svr, n=6 and 10 of N=16, z=1",
    unfolding: "svr",
    hubs: [{ name: "hub-a", out: 6, in: 9 }, { name: "hub-b", out: 10, in: 12 }],
    fan: { out: 3, in: 16 },
    channels: [[{ source: 0, target: 0, length: 6 }], [{ source: 0, target: 6, length: 10 }]],
    orthonormal: true,
  },
  {
    name: "split, svr, n=8 of 24, z=1",
    unfolding: "svr",
    hubs: [{ name: "hub", out: 24, in: 24 }],
    fan: { out: 2, in: 8 },
    channels: [[{ source: 8, target: 0, length: 8 }]],
    orthonormal: false,
  },
  {
    name: "flatten, svr, n=16 z=4",
    unfolding: "svr",
    hubs: [{ name: "hub", out: 16, in: 2, kernel: [3, 3] }],
    fan: { out: 3, in: 16, positions: 4 },
    orthonormal: true,
  },
  {
    name: "grouped, svr, N=8 of n=32, z=4",
    unfolding: "svr",
    hubs: [{ name: "hub", out: 32, in: 16 }],
    fan: { out: 8, in: 32, kernel: [2, 2], groups: 4 },
    orthonormal: false,
  },
  {
    name: "direct, cosvr, n=16 z=9",
    unfolding: "cosvr",
    hubs: [{ name: "hub", out: 16, in: 16 }],
    fan: { out: 16, in: 2, kernel: [3, 3] },
    orthonormal: true,
  },
  {
    name: "grouped, cosvr, N=8 of n=32, z=4",
    unfolding: "cosvr",
    hubs: [{ name: "hub", out: 16, in: 32 }],
    fan: { out: 32, in: 8, kernel: [2, 2], groups: 4 },
    orthonormal: false,
  },
  {
    // The overlap is the square of one entry of the fan's vector; those of one vector are disjoint parts of it.
    name: "depthwise, svr, N=1 of n=16, z=9",
    unfolding: "svr",
    hubs: [{ name: "hub", out: 16, in: 16, kernel: [3, 3], groups: 16 }],
    fan: { out: 16, in: 20 },
    singleChannel: true,
    orthonormal: true,
  },
  {
    name: "heads, svr, 4 that share 2 x 8 values, N=32",
    unfolding: "svr",
    hubs: [{ name: "hub", out: 16, in: 20 }],
    fan: { out: 2, in: 32 },
    parts: [0, 1, 2, 3].map((head) => [{ source: 8 * (head >> 1), target: 8 * head, length: 8 }]),
    orthonormal: false,
  },
];

/** Whether the fan's layers are the targets. */
export function fanReads({ unfolding, singleChannel = false }: NullKind): boolean {
  return (unfolding === "svr") !== singleChannel;
}

function specOf(kind: NullKind, seed: number, fan: number): SyntheticSpec {
  const fans = Array.from({ length: fan }, (_, at): SyntheticLayer => ({ ...kind.fan, name: `fan-${at}` }));
  return {
    seed,
    layers: [...kind.hubs, ...fans],
    connections: fans.flatMap(({ name }) =>
      kind.hubs.flatMap((hub, at) =>
        (kind.parts ?? [kind.channels?.[at]]).map((channels, part) => ({
          ...(fanReads(kind) ? { from: hub.name, to: name } : { from: name, to: hub.name }),
          channels,
          part,
        }))
      )
    ),
  };
}

/** A connection that was put to the test. */
export interface TestedConnection {
  readonly connection: Connection;
  /** The layer of the fan, whose vectors are tested, and the hub. */
  readonly tested: Spectrum;
  readonly other: Spectrum;
  readonly candidates: Candidates;
}

/** The connections of the null control of a kind and seed, decomposed and tested. */
export async function* testedConnections(
  kind: NullKind,
  seed: number,
  fan: number,
  settings: TestSettings,
): AsyncGenerator<TestedConnection> {
  for await (const each of connectionsOf(specOf(kind, seed, fan), kind.unfolding, settings)) {
    const { tested, other } = each;
    yield kind.singleChannel === true ? { ...each, tested: other, other: tested } : each;
  }
}

/** The connections of a generated model, decomposed and tested by the stages of the pipeline. */
export async function* connectionsOf(
  spec: SyntheticSpec,
  unfolding: Unfolding,
  settings: TestSettings,
): AsyncGenerator<TestedConnection> {
  const kernel = openReferenceKernel();
  const model = openSynthetic(spec, "control");
  const { layers, connections } = layerGraph(model);
  const spectra: Spectrum[] = [];
  for (const layer of layers) {
    const blocks = unfold(layer, await model.read(layer.weight.tensor), unfolding);
    spectra.push(await spectrum(layer, blocks, unfolding, kernel));
  }
  for (const connection of connections) {
    const [source, target] = [spectra[connection.source]!, spectra[connection.target]!];
    const collector = candidateCollector(overlapGeometry(connection, source, target), settings);
    for await (const block of overlapBlocks(connection, source, target, kernel)) collector.add(block);
    const [tested, other] = unfolding === "svr" ? [target, source] : [source, target];
    yield { connection, tested, other, candidates: collector.finish() };
  }
}
