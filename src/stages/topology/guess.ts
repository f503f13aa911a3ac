/** The layer graph of a model of which only names and shapes are known. */

import type { Connection, LayerGraph, Skipped } from "../../model/layer.ts";
import { finishLayer, type LayerDraft } from "../../model/layer-draft.ts";
import type { Model } from "../../model/ports.ts";
import type { TensorInfo } from "../../model/tensor.ts";
import { guessChain } from "./chain.ts";
import { copiedNetworks } from "./networks.ts";
import { biasOf, readings, reasonByName } from "./readings.ts";
import { fitting, stateOf } from "./recurrent-state.ts";
import { isInOrder, normalizationBehind, sorted } from "./weights.ts";

/** What is guessed from. */
export type GuessedFrom = Pick<Model, "tensors" | "moduleOrder" | "networks" | "warnings">;

/** Layers by the names and shapes of tensors, connected as chains: one for each network of the file. */
export function guessedGraph(model: GuessedFrom): LayerGraph {
  return graphOfGuess(guess(model), model.tensors);
}

/** What is guessed of a model: its layers in the order in which they may be chained, and the chains. */
export interface Guess {
  readonly drafts: readonly LayerDraft[];
  /** By the drafts' numbers; `positions` of the target. */
  readonly links: readonly { readonly source: number; readonly target: number; readonly positions: number }[];
  readonly skipped: readonly Skipped[];
  /** Of the chains, and of how weights were read. */
  readonly warnings: readonly string[];
  readonly readings: readonly string[];
}

/** Guesses from names and shapes. */
export function guess(model: GuessedFrom): Guess {
  const { tensors, networks = [] } = model;
  const { weights, skipped } = sorted(tensors);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const biases = new Set(weights.flatMap(({ name }) => biasOf(name, byName)?.name ?? []));
  const named = weights.map((tensor) => ({ tensor, reason: reasonByName(tensor, byName, biases) }));
  const read = readings(
    named.flatMap(({ tensor, reason }) => reason === null ? [tensor] : []),
    tensors,
    isInOrder(model),
  );
  const copied = networks.length > 0 ? { beginnings: [], warnings: [] } : copiedNetworks(tensors);
  const fits = fitting(byName);
  const chains = parted(read.drafts, [...networks, ...copied.beginnings]).map((drafts) =>
    guessChain(drafts, fits)
  );
  const links = chains.flatMap((chain, at) => {
    const before = chains.slice(0, at).reduce((sum, { order }) => sum + order.length, 0);
    return chain.links.map(({ source, target, positions }) => ({
      source: before + source,
      target: before + target,
      positions,
    }));
  });
  return {
    drafts: [...chains.flatMap(({ order }) => order), ...read.experts],
    links,
    skipped: [
      ...skipped,
      ...named.flatMap(({ tensor: { name }, reason }): Skipped[] =>
        reason === null ? [] : [{ subject: "tensor", name, reason }]
      ),
    ],
    warnings: chains.flatMap(({ warnings }) => warnings),
    readings: [...read.warnings, ...copied.warnings],
  };
}

/** The layer graph of a guess. */
export function graphOfGuess(
  { drafts, links, skipped, warnings, readings }: Guess,
  tensors: readonly TensorInfo[],
): LayerGraph {
  const positions = new Map(links.map((link) => [link.target, link.positions]));
  const layers = drafts.map((draft, index) => ({
    ...finishLayer(draft, { index, positions: positions.get(index) ?? null }),
    ...normalizationBehind(draft, tensors),
  }));
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const connections = links.map(({ source, target }): Connection => {
    const state = stateOf(drafts[source]!.tensor, byName);
    const isFlat = layers[target]!.kind === "linear" && layers[target]!.positions > 1;
    return {
      source,
      target,
      part: 0,
      via: state !== null ? "recurrent" : isFlat ? "flatten" : "direct",
      evidence: "guessed",
      channels: [{
        source: state?.from ?? 0,
        target: 0,
        length: state?.length ?? layers[source]!.outChannels,
      }],
    };
  });
  return { layers, connections, skipped, warnings: [...warnings, ...readings], evidence: "guessed" };
}

/** Drafts by the network that they are part of. @param networks beginnings of names */
function parted(
  drafts: readonly LayerDraft[],
  networks: readonly string[],
): readonly (readonly LayerDraft[])[] {
  const within = (network: string) => drafts.filter(({ tensor }) => tensor.name.startsWith(network));
  const others = drafts.filter(({ tensor }) => networks.every((network) => !tensor.name.startsWith(network)));
  return [others, ...networks.map(within)].filter((each) => each.length > 0);
}
