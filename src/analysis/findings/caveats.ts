/** What must be said beside a finding. */

import { counted } from "../../model/counted.ts";
import type { ConnectionFacts, LayerFacts, ModelFacts } from "./facts.ts";

/**
 * A title that says at its beginning what it rests on: connections that are guessed.
 *
 * @param connections those that the finding speaks of; where it speaks of layers, the model's
 */
export function doubted(title: string, connections: readonly ConnectionFacts[]): string {
  const guessed = connections.filter(({ evidence }) => evidence === "guessed").length;
  if (guessed === 0) return title;
  const all = connections.length;
  const rest = title.charAt(0).toLowerCase() + title.slice(1);
  return guessed === all
    ? `On a guessed topology: ${rest}`
    : `On a topology of which ${guessed} of ${all} connections are guessed: ${rest}`;
}

/** Connections with fewer channels than this are named as small. */
const FEW_CHANNELS = 16;

/**
 * Counts neurons that have not converged, which a finding's numbers leave out.
 *
 * @param connections those that the finding speaks of
 */
export function unconvergedCaveat(
  { layers }: Pick<ModelFacts, "layers">,
  connections: readonly ConnectionFacts[],
): string[] {
  const ends = new Set(connections.flatMap(({ source, target }) => [source, target]));
  return unconvergedIn(layers.filter(({ index }) => ends.has(index)));
}

/** The same of layers that a finding speaks of. */
export function unconvergedIn(layers: readonly LayerFacts[]): string[] {
  const open = layers.filter(({ unconverged }) => unconverged > 0);
  if (open.length === 0) return [];
  const sum = (figure: (layer: LayerFacts) => number) => open.reduce((all, layer) => all + figure(layer), 0);
  return [
    `not converged: ${sum((layer) => layer.unconverged)} of ${sum((layer) => layer.neurons)} neurons of ${
      counted(open.length, "layer")
    }. They are not tested, and no edge begins or ends there`,
  ];
}

/** Names connections whose null is wide, because few channels are tested. */
export function smallCaveat({ test }: ModelFacts, connections: readonly ConnectionFacts[]): string[] {
  const few = connections.filter(({ testedChannels }) => testedChannels < FEW_CHANNELS).length;
  if (few === 0) return [];
  const chi2 = test.null === "chi2" ? "; the chi2 null is not exact there, and finds too little" : "";
  return [
    `small n: ${few} of ${connections.length} connections test vectors of fewer than ${FEW_CHANNELS} channels, where chance overlaps are ` +
    `large and only strong alignment can be told from it${chi2}`,
  ];
}

/** Counts connections that have significant edges though the test of their channels, which supposes nothing about vectors, sees none shared. */
export function unsharedCaveat(
  { logAlpha }: Pick<ModelFacts, "logAlpha">,
  connections: readonly ConnectionFacts[],
): string[] {
  const tested = connections.filter(({ significant, sharedLogP }) => significant > 0 && sharedLogP !== null);
  const unshared = tested.filter(({ sharedLogP }) => sharedLogP! > logAlpha).length;
  if (unshared === 0) return [];
  return [
    `no shared channels seen: in ${unshared} of ${tested.length} connections with significant edges the permutation test of channels ` +
    `(shared_log_p) finds nothing; few aligned neurons look so, and so do vectors that keep to few channels, of which the null does not hold`,
  ];
}

/** Counts connections that are tested though a layer is sparse, for the permutation test sees shared channels. */
export function sparseCaveat(connections: readonly ConnectionFacts[]): string[] {
  const sparse = connections.filter((each) => each.sparse).length;
  if (sparse === 0) return [];
  return [
    `zero weights: in ${sparse} of ${connections.length} connections many weights of a layer are zero. The permutation test of channels ` +
    `(shared_log_p) sees shared ones there, but vectors may keep to few channels: then edges are too many, and their p-values too small`,
  ];
}
