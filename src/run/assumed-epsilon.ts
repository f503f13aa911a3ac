/** Batch normalizations whose epsilon nothing says: whether it matters what it is. */

import { counted } from "../model/counted.ts";
import type { Layer } from "../model/layer.ts";
import type { Model } from "../model/ports.ts";
import { channelFactors } from "../stages/fold.ts";

/** TensorFlow's default, also of networks that were converted from it: the other epsilon that is usual. */
const OTHER = 1e-3;

/** Scales may be so much other, as a share of their length, before it is said. Most of a ResNet's are 1 % other. */
const MOST = 0.1;

/** How the warning begins; one that an earlier run has kept is found by it. */
const UNSAID = "batch norm: the file does not say epsilon";

/** Whether a warning is of an assumed epsilon: it is known only after weights have been read. */
export const isEpsilonWarning = (warning: string): boolean => warning.startsWith(UNSAID);

/**
 * What is to be said of layers that take a batch normalization in whose epsilon is assumed. Reads the tensors of those.
 *
 * @returns a warning where the scales of a layer would be more than a tenth other with epsilon 1e-3
 */
export async function epsilonWarnings(
  model: Pick<Model, "tensors" | "read">,
  layers: readonly Layer[],
  signal?: AbortSignal,
): Promise<string[]> {
  const unreadable = new Set(
    model.tensors.flatMap((tensor) => tensor.unreadable === undefined ? [] : [tensor.name]),
  );
  const changes: { readonly name: string; readonly change: number }[] = [];
  for (const layer of layers) {
    const scale = layer.folding?.batchNorm;
    if (scale?.assumed !== true || unreadable.has(scale.variance) || unreadable.has(scale.gamma ?? "")) {
      continue;
    }
    const kept = new Map<string, Promise<Float64Array>>();
    // Both epsilons are of the same numbers.
    const read = (tensor: string) => {
      const numbers = kept.get(tensor) ?? model.read(tensor, signal);
      kept.set(tensor, numbers);
      return numbers;
    };
    const [own, other] = await Promise.all(
      [scale.epsilon, OTHER].map(async (epsilon) =>
        (await channelFactors({ ...layer, folding: { batchNorm: { ...scale, epsilon } } }, read)).out!
      ),
    ) as [Float64Array, Float64Array];
    const length = (numbers: Float64Array) => Math.sqrt(numbers.reduce((sum, each) => sum + each * each, 0));
    changes.push({ name: layer.name, change: length(own.map((each, o) => each - other[o]!)) / length(own) });
  }
  const large = changes.filter(({ change }) => change > MOST);
  if (large.length === 0) return [];
  const worst = large.reduce((a, b) => b.change > a.change ? b : a);
  return [
    `${UNSAID}, and 1e-5 is taken; with 1e-3 the scales of ${
      counted(large.length, "layer")
    } would be other, by up to ${Math.round(100 * worst.change)} % (${worst.name}); batchNormEpsilon says it`,
  ];
}
