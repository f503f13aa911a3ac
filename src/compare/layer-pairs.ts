/** Which layer of one model corresponds to which of another: by name, or by the name that another format has for it. */

import type { Layer } from "../model/layer.ts";

/** How two layers are known to correspond, best first. */
export type PairEvidence = "name" | "alias" | "spectrum";

/** Two layers of one shape, as indices. */
export interface LayerPair {
  readonly base: number;
  readonly other: number;
  readonly evidence: PairEvidence;
}

/** The pairs, and which layers are in none of them. */
export interface PairedLayers {
  readonly pairs: readonly LayerPair[];
  readonly unpairedBase: readonly number[];
  readonly unpairedOther: readonly number[];
}

/** Prefixes that wrappers put before all names of a network. */
const WRAPPERS =
  /^(?:module|model|transformer|base_model|_orig_mod|_fsdp_wrapped_module|language_model|bert|roberta|gpt_neox)\./;

/** Names of one decoder in the formats of llama.cpp and of Meta, as transformers has them. */
const ALIASES: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^token_embd$|^tok_embeddings$|^wte$/, "embed_tokens"],
  [/^output$/, "lm_head"],
  [/^blk\.(\d+)\.attn_output$/, "layers.$1.self_attn.o_proj"],
  [/^blk\.(\d+)\.attn_([qkv])$/, "layers.$1.self_attn.$2_proj"],
  [/^blk\.(\d+)\.ffn_(gate|up|down)$/, "layers.$1.mlp.$2_proj"],
  [/^layers\.(\d+)\.attention\.w([qkvo])$/, "layers.$1.self_attn.$2_proj"],
  [/^layers\.(\d+)\.feed_forward\.w1$/, "layers.$1.mlp.gate_proj"],
  [/^layers\.(\d+)\.feed_forward\.w2$/, "layers.$1.mlp.down_proj"],
  [/^layers\.(\d+)\.feed_forward\.w3$/, "layers.$1.mlp.up_proj"],
];

/**
 * The name that a layer has in whatever format: without wrappers' prefixes, and as transformers names it where the format is known.
 *
 * @example
 * canonicalName("module.blk.3.ffn_gate") // "layers.3.mlp.gate_proj", that of "model.layers.3.mlp.gate_proj"
 */
export function canonicalName(name: string): string {
  let bare = name;
  while (WRAPPERS.test(bare)) bare = bare.replace(WRAPPERS, "");
  const alias = ALIASES.find(([pattern]) => pattern.test(bare));
  return alias === undefined ? bare : bare.replace(alias[0], alias[1]);
}

type Shaped = Pick<Layer, "name" | "outChannels" | "inChannels" | "positions" | "groups">;

/** What two layers must have alike so that their neurons can be compared. */
export function shapeOf({ outChannels, inChannels, positions, groups }: Shaped): string {
  return [outChannels, inChannels, positions, groups].join(" x ");
}

/**
 * Pairs the layers of two models by their names, else by canonical names that are in each model once. Only layers of one shape are paired.
 *
 * @param base layers of the earlier model
 * @param other those of the later one
 */
export function pairsByName(base: readonly Shaped[], other: readonly Shaped[]): PairedLayers {
  const pairs: LayerPair[] = [];
  const [left, right] = [new Set(base.keys()), new Set(other.keys())];
  const pairBy = (evidence: PairEvidence, nameOf: (layer: Shaped) => string) => {
    const known = byName(other, right, nameOf);
    for (const [name, from] of byName(base, left, nameOf)) {
      const to = known.get(name);
      if (from === null || to === null || to === undefined || shapeOf(base[from]!) !== shapeOf(other[to]!)) {
        continue;
      }
      pairs.push({ base: from, other: to, evidence });
      left.delete(from);
      right.delete(to);
    }
  };
  pairBy("name", ({ name }) => name);
  pairBy("alias", ({ name }) => canonicalName(name));
  return { pairs: inOrder(pairs), unpairedBase: [...left], unpairedOther: [...right] };
}

/** The layer of each name; null for a name that several have. */
function byName(
  layers: readonly Shaped[],
  left: ReadonlySet<number>,
  nameOf: (layer: Shaped) => string,
): Map<string, number | null> {
  const found = new Map<string, number | null>();
  for (const at of left) {
    const name = nameOf(layers[at]!);
    found.set(name, found.has(name) ? null : at);
  }
  return found;
}

/** A nearest spectrum counts within this share of its length, and where the next one is so many times as far. */
const NEAR = 0.1;
const CLEARLY = 2;

/** A layer that no name pairs, with its singular values. */
export interface UnnamedLayer extends Shaped {
  readonly index: number;
  readonly singularValues: Float64Array;
}

/**
 * Pairs layers of one shape whose singular values are each other's nearest, within a tenth of their length, and clearly so: every
 * other spectrum is twice as far. Whatever permutes, turns or negates channels leaves singular values as they are.
 */
export function pairsBySpectrum(base: readonly UnnamedLayer[], other: readonly UnnamedLayer[]): LayerPair[] {
  const nearest = (one: UnnamedLayer, of: readonly UnnamedLayer[]): UnnamedLayer | null => {
    const near = of.filter((each) => shapeOf(each) === shapeOf(one))
      .map((each) => ({ each, apart: distance(one.singularValues, each.singularValues) }))
      .sort((a, b) => a.apart - b.apart);
    const [first, second] = near;
    if (first === undefined || first.apart > NEAR) return null;
    return second === undefined || second.apart > CLEARLY * first.apart ? first.each : null;
  };
  const pairs: LayerPair[] = [];
  for (const one of base) {
    const match = nearest(one, other);
    if (match !== null && nearest(match, base) === one) {
      pairs.push({ base: one.index, other: match.index, evidence: "spectrum" });
    }
  }
  return inOrder(pairs);
}

const inOrder = (pairs: LayerPair[]) => pairs.sort((a, b) => a.base - b.base);

function distance(a: Float64Array, b: Float64Array): number {
  let [apart, length] = [0, 0];
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const [x, y] = [a[at] ?? 0, b[at] ?? 0];
    apart += (x - y) ** 2;
    length += x * x + y * y;
  }
  return length === 0 ? 0 : Math.sqrt(2 * apart / length);
}
