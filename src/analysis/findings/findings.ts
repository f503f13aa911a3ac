/** All findings of a model. */

import { dominantConnections, noDominantConnection } from "./dominant.ts";
import { compositions } from "./compositions.ts";
import { excessEdges } from "./excess-edges.ts";
import { isRefused, type ModelFacts } from "./facts.ts";
import { type Finding, ranked } from "./finding.ts";
import { hubs } from "./hubs.ts";
import { nearKernelBlock } from "./near-kernel-block.ts";
import { nearKernels } from "./near-kernels.ts";
import { outlyingLayers } from "./outlying-layers.ts";
import { overTrained, traps, underTrained } from "./training.ts";
import { counted } from "../../model/counted.ts";
import { auditRemarks, wiring } from "./wiring.ts";
import { shortened } from "./words.ts";

/** What stands out in a model, the most surprising first. Depends on the model alone, so that reports can be kept and merged. */
export function findings(facts: ModelFacts): Finding[] {
  const found = [
    wiring,
    dominantConnections,
    excessEdges,
    compositions,
    nearKernelBlock,
    hubs,
    nearKernels,
    outlyingLayers,
    overTrained,
    underTrained,
    traps,
  ];
  return ranked(found.flatMap((find) => find(facts)), facts.logAlpha);
}

/** What was looked for and is not there, one sentence each. */
export function remarks(facts: ModelFacts): string[] {
  return [
    ...noDominantConnection(facts),
    ...layersOfZeros(facts),
    ...refusedConnections(facts),
    ...auditRemarks(facts),
  ];
}

/** Layers all of whose neurons are null: they are in the graph, and nothing can be said of their directions. */
function layersOfZeros({ layers }: ModelFacts): string[] {
  const zeros = layers.filter(({ neurons, nullNeurons }) => nullNeurons === neurons);
  if (zeros.length === 0) return [];
  const named = zeros.slice(0, MOST_NAMED).map(({ name }) => shortened(name)).join(", ");
  const more = zeros.length > MOST_NAMED ? " and others" : "";
  return [
    `${counted(zeros.length, "layer")} ${
      zeros.length === 1 ? "is" : "are"
    } zero (${named}${more}): none of the ${
      zeros.reduce((sum, { neurons }) => sum + neurons, 0)
    } neurons there has a direction, and no edge ends at them.`,
  ];
}

/** Connections that are not tested, for a layer is sparse. */
function refusedConnections({ connections, names }: ModelFacts): string[] {
  const refused = connections.filter(isRefused);
  if (refused.length === 0) return [];
  const said = (layer: number) => shortened(names[layer] ?? String(layer));
  const named = refused.slice(0, MOST_NAMED).map(({ source, target }) =>
    `${said(source)} -> ${said(target)}`
  );
  return [
    `${refused.length} of ${counted(connections.length, "connection")} ${
      refused.length === 1 ? "is" : "are"
    } not tested (${named.join(", ")}${
      refused.length > MOST_NAMED ? " and others" : ""
    }): more than a quarter of a layer's weights are zero there, so that vectors may keep to few channels, and the permutation test of ` +
    "channels (shared_log_p) sees none that are shared, or cannot be made.",
  ];
}

const MOST_NAMED = 5;
