/** What goes along with a page that has no server: the patterns of some neurons of a model. */

import { messageOf } from "../../model/errors.ts";
import type { NeuronPatterns } from "../../model/patterns/neuron-patterns.ts";
import type { Asking, RunWeights } from "./run-weights.ts";

/** Patterns of a model. */
export interface ExportedPatterns {
  /** By `<layer>-<neuron>`. */
  readonly neurons: Readonly<Record<string, NeuronPatterns>>;
  /** Why there are none, or no more; null where there are. */
  readonly failure: string | null;
}

/**
 * The patterns of the neurons of a model's dominant connections, and of the strongest of each layer.
 *
 * @param most neurons of a model
 * @throws the signal's reason when it is aborted
 */
export async function exportedPatterns(
  weights: RunWeights,
  id: string,
  most: number,
  asking: Asking,
): Promise<ExportedPatterns> {
  const neurons: Record<string, NeuronPatterns> = {};
  try {
    const wanted = (await weights.notedNeurons(id)).slice(0, most);
    // A layer is decomposed once.
    wanted.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    for (const [layer, neuron] of wanted) {
      neurons[`${layer}-${neuron}`] = await weights.patterns(id, layer, neuron, asking);
    }
    return { neurons, failure: null };
  } catch (failure) {
    asking.signal.throwIfAborted();
    return { neurons, failure: messageOf(failure) };
  }
}
