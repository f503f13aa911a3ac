/**
 * Null controls: a *hub* and a *fan* of layers, connected in every way, without any structure between them. The fan's layers carry the vectors
 * that the null distribution turns; the hub's stay as they are, whatever they are.
 */

import { measureOverlap } from "../../src/analysis/overlap-measures.ts";
import { openReferenceKernel } from "../../src/kernels/reference.ts";
import type { ChannelRange, Connection, Layer, Unfolding } from "../../src/model/layer.ts";
import type { OverlapPart } from "../../src/model/ports.ts";
import { type Random, random } from "../../src/model/random.ts";
import type { Spectrum } from "../../src/model/spectrum.ts";
import { type Matrix, matrix } from "../../src/model/tensor.ts";
import type { KeptCandidates, TestSettings } from "../../src/stages/candidates.ts";
import { type OverlapGeometry, overlapGeometry } from "../../src/stages/overlap-geometry.ts";
import { scanPart } from "../../src/stages/overlap-part.ts";
import { spectrum } from "../../src/stages/svd.ts";
import { unfold } from "../../src/stages/unfold.ts";
import type { NullName } from "../../src/stats/null-distribution.ts";
import { connectionOf, layerOf } from "../support/layer-fixture.ts";

/** Channels over all groups. */
interface Sizes {
  readonly out: number;
  readonly in: number;
  readonly positions?: number;
  readonly groups?: number;
}

/** A kind of connection. */
export interface NullKind {
  readonly name: string;
  readonly unfolding: Unfolding;
  readonly source: Sizes;
  readonly target: Sizes;
  readonly channels: readonly ChannelRange[];
}

const whole = (length: number): ChannelRange[] => [{ source: 0, target: 0, length }];

/** Four heads that share two values of 8 channels each. */
const HEADS = [0, 1, 2, 3].map((head) => ({ source: 8 * (head >> 1), target: 8 * head, length: 8 }));

const SVR: readonly Omit<NullKind, "unfolding">[] = [
  {
    name: "direct, n=16 z=9",
    source: { out: 16, in: 2 },
    target: { out: 2, in: 16, positions: 9 },
    channels: whole(16),
  },
  {
    name: "direct, n=5 z=9",
    source: { out: 5, in: 2 },
    target: { out: 2, in: 5, positions: 9 },
    channels: whole(5),
  },
  {
    name: "concat, the latter 10 of 16, z=9",
    source: { out: 10, in: 2 },
    target: { out: 2, in: 16, positions: 9 },
    channels: [{ source: 0, target: 6, length: 10 }],
  },
  {
    name: "split, 8 of 24, z=4",
    source: { out: 24, in: 2 },
    target: { out: 2, in: 8, positions: 4 },
    channels: [{ source: 8, target: 0, length: 8 }],
  },
  {
    name: "padded shortcut, 8 into 16, z=9",
    source: { out: 8, in: 2 },
    target: { out: 2, in: 16, positions: 9 },
    channels: [{ source: 0, target: 4, length: 8 }],
  },
  {
    name: "flatten, n=16 z=4",
    source: { out: 16, in: 1, positions: 4 },
    target: { out: 2, in: 16, positions: 4 },
    channels: whole(16),
  },
  {
    name: "grouped target, 4 x 8, z=4",
    source: { out: 32, in: 2 },
    target: { out: 8, in: 32, positions: 4, groups: 4 },
    channels: whole(32),
  },
  {
    name: "grouped source, 4 x 8, z=9",
    source: { out: 32, in: 8, groups: 4 },
    target: { out: 2, in: 32, positions: 9 },
    channels: whole(32),
  },
  {
    name: "grouped, 4 x 6 into 2 x 12, z=4",
    source: { out: 24, in: 8, groups: 4 },
    target: { out: 4, in: 24, positions: 4, groups: 2 },
    channels: whole(24),
  },
  {
    name: "depthwise target, n=16 z=9",
    source: { out: 16, in: 2 },
    target: { out: 16, in: 16, positions: 9, groups: 16 },
    channels: whole(16),
  },
  {
    name: "depthwise source, n=16 z=9",
    source: { out: 16, in: 16, positions: 9, groups: 16 },
    target: { out: 2, in: 16, positions: 9 },
    channels: whole(16),
  },
  {
    name: "one attention head of 4, 8 of 16 values, z=1",
    source: { out: 16, in: 2 },
    target: { out: 2, in: 32 },
    channels: HEADS.slice(2, 3),
  },
  {
    name: "4 attention heads that share 2 x 8 values, z=4",
    source: { out: 16, in: 2 },
    target: { out: 2, in: 32, positions: 4 },
    channels: HEADS,
  },
];

/** The other way round: what the target was is the source, and its kernel comes along. Repeats are never on a target's side. */
function mirrored({ name, source, target, channels }: Omit<NullKind, "unfolding">): NullKind {
  const turned = (sizes: Sizes): Sizes => ({ ...sizes, out: sizes.in, in: sizes.out });
  return {
    name: name.replace("target", "TARGET").replace("source", "target").replace("TARGET", "source"),
    unfolding: "cosvr",
    source: turned(target),
    target: turned(source),
    channels: channels.map(({ source, target, length }) => ({ source: target, target: source, length })),
  };
}

/** Every kind in both unfoldings, small: at these sizes the chi-squared limit is far off. */
export const NULL_KINDS: readonly NullKind[] = [
  ...SVR.map((kind): NullKind => ({ ...kind, unfolding: "svr" })),
  ...SVR.filter(({ channels }) => channels !== HEADS).map(mirrored),
  {
    name: "4 attention heads that share 2 x 8 values, z=4",
    unfolding: "cosvr",
    source: { out: 16, in: 2, positions: 4 },
    target: { out: 2, in: 32 },
    channels: HEADS,
  },
];

/** What the kernels are, all of a layer. */
export type Profile = "gaussian" | "one blurred profile" | "one tap";

/** How the weights of a kind are made. */
export interface Variant {
  readonly name: string;
  /** Of the layer that carries the positions. */
  readonly profile: Profile;
  /** Which side has channels without any weight, a quarter of all: that which carries the positions (the target's in `svr`), or the other. */
  readonly dead: "none" | "carried" | "other";
}

/** The kernels with which the rotation null is put to the test. */
export const VARIANTS: readonly Variant[] = [
  { name: "gaussian kernels", profile: "gaussian", dead: "none" },
  { name: "one blurred profile", profile: "one blurred profile", dead: "none" },
  { name: "one tap", profile: "one tap", dead: "none" },
  { name: "dead channels at the kernels' side", profile: "gaussian", dead: "carried" },
  { name: "dead channels at the other side", profile: "gaussian", dead: "other" },
];

/** A layer's Gaussian weights, its kernels as they are to be, without those of dead channels. */
function weights(
  { out, in: inputs, positions: z = 1, groups = 1 }: Sizes,
  profile: Profile,
  dead: { readonly side: "in" | "out"; readonly residue: number } | null,
  numbers: Random,
): Float64Array {
  const perGroup = inputs / groups;
  const values = new Float64Array(out * perGroup * z);
  numbers.normals(values);
  const shape = profileOf(profile, z);
  for (let at = 0; at < values.length; at++) {
    const o = Math.floor(at / (perGroup * z));
    const c = Math.floor(at / z) % perGroup + perGroup * Math.floor(o * groups / out);
    // Of a fixed profile the first number of each kernel is the gain of all.
    if (shape !== null) values[at] = values[at - at % z]! * (at % z === 0 ? 1 : shape[at % z]!);
    if (dead !== null && (dead.side === "in" ? c : o) % 4 === dead.residue) values[at] = 0;
  }
  return values;
}

/** A kernel whose first number is 1, or 0.5 or so where it is blurred: gains are Gaussian. Null: kernels are not alike. */
function profileOf(profile: Profile, z: number): readonly number[] | null {
  if (profile === "gaussian" || z === 1) return null;
  if (profile === "one tap") return Array.from({ length: z }, (_, k) => k === 0 ? 1 : 0);
  return z === 9 ? [1, 2, 1, 2, 4, 2, 1, 2, 1] : Array.from({ length: z }, (_, k) => 1 / (1 + k));
}

const kernel = openReferenceKernel();

async function decomposed(layer: Layer, values: Float64Array, unfolding: Unfolding): Promise<Spectrum> {
  return await spectrum(layer, unfold(layer, values, unfolding), unfolding, kernel);
}

const layerWith = (index: number, { out, in: inputs, ...more }: Sizes) => layerOf(index, out, inputs, more);

/** Which end the fan is at: that whose vectors the null turns. */
export function fanSide({ unfolding, source, target }: NullKind, name: NullName): "source" | "target" {
  const [carried, other] = unfolding === "svr"
    ? ["target", "source"] as const
    : ["source", "target"] as const;
  const sizes = { source, target };
  const single = (side: "source" | "target", channels: "in" | "out") =>
    sizes[side].groups === sizes[side][channels];
  const [carriedPort, otherPort] = unfolding === "svr" ? ["in", "out"] as const : ["out", "in"] as const;
  if (name === "rotation") return single(other, otherPort) ? carried : other;
  return single(carried, carriedPort) ? other : carried;
}

/** A layer of a kind; the same for the same name, seed and profile. */
export function layerOfKind(
  kind: NullKind,
  side: "source" | "target",
  variant: Variant,
  seed: number,
  name: string,
) {
  const svr = kind.unfolding === "svr";
  const carried = (side === "target") === svr;
  const dead = variant.dead === (carried ? "carried" : "other")
    ? { side: side === "target" ? "in" : "out", residue: seed % 4 } as const
    : null;
  const profile = carried ? variant.profile : "gaussian";
  const numbers = random(seed, `${kind.unfolding}/${kind.name}/${profile}/${name}`);
  const layer = layerWith(side === "source" ? 0 : 1, kind[side]);
  return decomposed(
    layer,
    weights(kind[side], profile, dead, numbers),
    kind.unfolding,
  );
}

/**
 * The vectors of a fan as one spectrum: of each layer one per group, ranks in turns. Independent of each other and of the hub, which vectors of
 * one layer are not.
 */
export async function fanOf(
  kind: NullKind,
  side: "source" | "target",
  variant: Variant,
  seed: number,
  layers: number,
): Promise<Spectrum> {
  const found: Spectrum[] = [];
  for (let at = 0; at < layers; at++) found.push(await layerOfKind(kind, side, variant, seed, `fan/${at}`));
  const [first] = found as [Spectrum, ...Spectrum[]];
  const chosen = found.flatMap((each, at) =>
    [...Map.groupBy(each.group.keys(), (neuron) => each.group[neuron]!).values()].flatMap((members) => {
      const tested = members.filter((neuron) => each.nullNeurons[neuron] === 0);
      return tested.length === 0 ? [] : [{ each, neuron: tested[at % tested.length]! }];
    })
  );
  const vectors = (side: "left" | "right"): Matrix => {
    const { cols } = first[side];
    const out = matrix(chosen.length, cols);
    chosen.forEach(({ each, neuron }, row) =>
      out.data.set(each[side].data.subarray(neuron * cols, (neuron + 1) * cols), row * cols)
    );
    return out;
  };
  return {
    ...first,
    left: vectors("left"),
    right: vectors("right"),
    singularValues: Float64Array.from(chosen, ({ each, neuron }) => each.singularValues[neuron]!),
    group: Int32Array.from(chosen, ({ each, neuron }) => each.group[neuron]!),
    nullNeurons: new Uint8Array(chosen.length),
    clustered: new Uint8Array(chosen.length),
  };
}

/** What was seen of a connection. */
export interface TestedConnection {
  readonly geometry: OverlapGeometry;
  readonly candidates: KeptCandidates;
  readonly measures: OverlapPart;
}

/** Sees a connection as the pipeline does. */
export async function seen(
  connection: Connection,
  source: Spectrum,
  target: Spectrum,
  test: TestSettings,
): Promise<TestedConnection> {
  const geometry = overlapGeometry(connection, source, target);
  const sides = {
    source: new Uint8Array(geometry.sources),
    target: new Uint8Array(geometry.targets),
    sourceNull: source.nullNeurons,
    targetNull: target.nullNeurons,
    sourceClustered: source.clustered,
    targetClustered: target.clustered,
  };
  const question = { connection, source, target, first: 0, geometry, sides, test, vectors: [] };
  return { geometry, ...await scanPart(question, kernel, measureOverlap) };
}

/** A hub and a fan, connected and seen. */
export function seenKind(
  kind: NullKind,
  fanAt: "source" | "target",
  fan: Spectrum,
  hub: Spectrum,
  test: TestSettings,
): Promise<TestedConnection> {
  const [source, target] = fanAt === "source" ? [fan, hub] : [hub, fan];
  return seen(connectionOf(0, 1, kind.channels), source, target, test);
}
