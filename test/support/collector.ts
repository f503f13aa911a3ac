/** Collectors of candidates for tests that have overlaps and no spectra. */

import type { NearKernels } from "../../src/model/graph.ts";
import {
  candidateCollector,
  type Candidates,
  keptLevel,
  type TestSettings,
} from "../../src/stages/candidates.ts";
import type { OverlapBlock } from "../../src/stages/overlap.ts";
import type { OverlapGeometry } from "../../src/stages/overlap-geometry.ts";
import { commonNulls } from "../../src/stages/pair-null.ts";

/** A geometry without dead channels; `turnedChannels` and `live` follow. */
export function wholeGeometry(
  sizes: Omit<OverlapGeometry, "turnedChannels" | "live" | "direct"> & { readonly direct?: boolean },
): OverlapGeometry {
  const turnedChannels = sizes.otherChannels > 1 ? sizes.otherChannels : sizes.testedChannels;
  return { direct: sizes.unit, ...sizes, turnedChannels, live: new Uint8Array(turnedChannels).fill(1) };
}

/** A collector under `beta` or `chi2`, without null neurons. */
export function collectorOf(geometry: OverlapGeometry, settings: TestSettings, near?: NearKernels) {
  if (settings.null === "rotation") throw new TypeError("collector: found rotation, which needs spectra");
  const { sources, targets } = geometry;
  const [source, target] = [new Uint8Array(sources), new Uint8Array(targets)];
  const none = { sourceNull: source, targetNull: target, sourceClustered: source, targetClustered: target };
  const sides = near ?? { source: new Uint8Array(sources), target: new Uint8Array(targets) };
  const nulls = commonNulls(settings.null, geometry, keptLevel(geometry, settings));
  const collector = candidateCollector(geometry, settings, nulls, { ...none, ...sides });
  return {
    add: (block: OverlapBlock) => collector.add(block),
    finish: (): Candidates => ({ ...collector.finish(), geometry }),
  };
}
