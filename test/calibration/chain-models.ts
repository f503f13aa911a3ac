/** Generated models for the dominant connection: with a chain planted through some of their layers, and with none. */

import { lastValueFrom } from "rxjs";
import {
  openSynthetic,
  type SyntheticLayer,
  type SyntheticSpec,
} from "../../connectors/sources/synthetic.ts";
import { spectralGraph } from "../../src/flow/pipeline.ts";
import type { Engine } from "../../src/flow/engine.ts";
import type { Unfolding } from "../../src/model/layer.ts";
import type { Chain } from "../../src/model/measures.ts";
import { pipelineSettings } from "../support/pipeline-settings.ts";

/** A kind of model, of any number of layers. */
export interface ChainKind {
  readonly name: string;
  readonly unfolding: Unfolding;
  readonly layers: readonly Omit<SyntheticLayer, "name">[];
  /** Connections beside those from each layer to the next, by position. */
  readonly residual?: readonly (readonly [number, number])[];
}

const nameOf = (at: number) => `layer-${at}`;

/** A model of a kind; the chain, if there is one, joins the leading neurons of layers `from` to `to`. */
export function specOf(
  { layers, residual = [] }: ChainKind,
  seed: number,
  planted?: { readonly from: number; readonly to: number; readonly cosine: number },
): SyntheticSpec {
  const next = layers.slice(1).map((_, at) => [at, at + 1] as const);
  return {
    seed,
    layers: layers.map((layer, at) => ({ ...layer, name: nameOf(at) })),
    connections: [...next, ...residual].map(([from, to]) => ({
      from: nameOf(from),
      to: nameOf(to),
      ...to - from > 1 ? { via: "residual" as const } : {},
    })),
    // Noise of these shapes has singular values up to 2.
    planted: planted === undefined
      ? []
      : [{ from: nameOf(planted.from), to: nameOf(planted.to), cosine: planted.cosine, gain: 12 }],
  };
}

/** The best disjoint chains of a model, through the whole pipeline. */
export async function chainsOf(
  spec: SyntheticSpec,
  unfolding: Unfolding,
  logAlpha: number,
  engine: Engine,
  dominant = 1,
): Promise<readonly Chain[]> {
  const { measures } = await lastValueFrom(spectralGraph(openSynthetic(spec, "generated"), {
    ...pipelineSettings(engine, logAlpha),
    unfolding,
    dominant,
  }));
  return measures.chains;
}
