/** All findings of a model. */

import { dominantConnections, noDominantConnection } from "./dominant.ts";
import { excessEdges } from "./excess-edges.ts";
import type { ModelFacts } from "./facts.ts";
import { type Finding, ranked } from "./finding.ts";
import { nearKernelBlock } from "./near-kernel-block.ts";
import { nearKernels } from "./near-kernels.ts";
import { outlyingLayers } from "./outlying-layers.ts";

/** What stands out in a model, the most surprising first. Depends on the model alone, so that reports can be kept and merged. */
export function findings(facts: ModelFacts): Finding[] {
  const found = [dominantConnections, excessEdges, nearKernelBlock, nearKernels, outlyingLayers];
  return ranked(found.flatMap((find) => find(facts)), facts.logAlpha);
}

/** What was looked for and is not there, one sentence each. */
export function remarks(facts: ModelFacts): string[] {
  return noDominantConnection(facts);
}
