/** Which models are checkpoints of which series. */

import type { IndexedModel } from "../protocol.ts";

/** A model with its step. */
export type Checkpoint = IndexedModel & { readonly step: number };

/** Checkpoints by series, steps ascending; series of one checkpoint are none. */
export function seriesIn(models: readonly IndexedModel[]): ReadonlyMap<string, readonly Checkpoint[]> {
  const found = new Map<string, Checkpoint[]>();
  for (const model of models) {
    const { series, step } = model;
    if (series === null || step === null) continue;
    found.set(series, [...found.get(series) ?? [], { ...model, step }]);
  }
  return new Map(
    [...found].filter(([, members]) => members.length > 1)
      .map(([series, members]) => [series, members.sort((a, b) => a.step - b.step)]),
  );
}
