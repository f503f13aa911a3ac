/** What a series of checkpoints shows: the tracks of its neurons, from matches of each step with the next. */

import type { NeuronMatch } from "./neuron-matches.ts";
import { type StepNeurons, type TrackCounts, trackCounts, type TrackLink, tracksOf } from "./tracks.ts";

/** A checkpoint. */
export interface SeriesModel {
  readonly id: string;
  /** As its name says it; its place in the series, from 0, where a name does not. */
  readonly step: number;
}

/** A layer of one step and the one that it corresponds to at a later step. */
export interface LayerStep {
  /** Places in the series, from 0; `from` is before `to`. */
  readonly from: number;
  readonly to: number;
  /** Names of the layer at both. */
  readonly base: string;
  readonly other: string;
  readonly neurons: { readonly base: StepNeurons; readonly other: StepNeurons };
  readonly matches: readonly NeuronMatch[];
}

/** A neuron of a track at one step. */
export interface TrackRow {
  /** From 0; a number of the whole series. */
  readonly track: number;
  /** Which of the report's `layers` it is, from 0: a layer's name may differ from step to step. */
  readonly chain: number;
  readonly layer: string;
  readonly model: string;
  readonly step: number;
  readonly neuron: number;
  readonly singular_value: number;
  /** Inner product with the rank-one map of the track's step before, in [-1, 1]; null at the track's first. */
  readonly similarity: number | null;
  /** Whether the track begins here, after the first step of the layer. */
  readonly birth: boolean;
  /** Whether the track ends here, before the last step of the layer. */
  readonly death: boolean;
}

/** The tracks of a layer, counted. */
export interface LayerTracks extends TrackCounts {
  readonly layer: string;
}

/** The tracks of a series. */
export interface SeriesReport {
  /** What the series is called: as its models say it, else the id of the first. */
  readonly series: string;
  readonly models: readonly SeriesModel[];
  /** In the order of their tracks. */
  readonly layers: readonly LayerTracks[];
  readonly tracks: readonly TrackRow[];
}

const NO_NEURONS: StepNeurons = { singularValues: new Float64Array(), directed: new Uint8Array() };

/**
 * Follows neurons through a series. Only matches that are more than chance are followed; so a layer whose matches cannot be tested
 * (depthwise) has a track for each neuron of each step.
 *
 * @param series what it is called
 * @param models in order
 * @param pairs layers of each step with those of the next, and of some steps with those of the next but one
 * @param logAlpha matches up to this corrected `ln p` are one neuron
 */
export function seriesReport(
  series: string,
  models: readonly SeriesModel[],
  pairs: readonly LayerStep[],
  logAlpha: number,
): SeriesReport {
  const layers: LayerTracks[] = [];
  const rows: TrackRow[] = [];
  let number = 0;
  for (const chain of layerChains(pairs, models.length)) {
    const steps = chain.map((each) => each?.neurons ?? NO_NEURONS);
    const links = pairs.filter(({ from, to, base, other }) =>
      chain[from]?.name === base && chain[to]?.name === other
    ).flatMap((pair) => linksOf(pair, logAlpha));
    const tracks = tracksOf(steps, links);
    const [first, last] = [chain.findIndex(isThere), chain.findLastIndex(isThere)];
    layers.push({ layer: chain[last]!.name, ...trackCounts(tracks, steps, [first, last]) });
    for (const track of tracks) {
      for (const { step, neuron, similarity } of track) {
        const { id: model, step: named } = models[step]!;
        rows.push({
          track: number,
          chain: layers.length - 1,
          layer: chain[step]!.name,
          model,
          step: named,
          neuron,
          singular_value: steps[step]!.singularValues[neuron]!,
          similarity,
          birth: similarity === null && step > first,
          death: step === track.at(-1)!.step && step < last,
        });
      }
      number++;
    }
  }
  return { series, models, layers, tracks: rows };
}

const isThere = (layer: NamedNeurons | undefined) => layer !== undefined;

function linksOf({ from, to, matches }: LayerStep, logAlpha: number): TrackLink[] {
  return matches.filter(({ logPCorrected }) => (logPCorrected ?? 0) <= logAlpha)
    .map(({ base, other, similarity }) => ({ from, to, base, other, similarity }));
}

/** A layer at one step. */
interface NamedNeurons {
  readonly name: string;
  readonly neurons: StepNeurons;
}

/** Layers through the steps, as neighbouring steps pair them; by step, nothing where a layer is in no pair. */
function layerChains(pairs: readonly LayerStep[], steps: number): (NamedNeurons | undefined)[][] {
  const chains: (NamedNeurons | undefined)[][] = [];
  for (const { from, base, other, neurons } of pairs.filter((pair) => pair.to === pair.from + 1)) {
    let chain = chains.find((each) => each[from]?.name === base);
    if (chain === undefined) {
      chain = new Array<NamedNeurons | undefined>(steps).fill(undefined);
      chain[from] = { name: base, neurons: neurons.base };
      chains.push(chain);
    }
    chain[from + 1] = { name: other, neurons: neurons.other };
  }
  return chains;
}
