/** What stands at the end of a network, and is exchanged when it is trained for something else. */

import type { Signal } from "../../../model/operators.ts";
import type { Network } from "./network.ts";

/**
 * The head under the first of these names that is there: one layer, or a sequence of layers and batch normalizations by number.
 *
 * @throws {RangeError} when its first layer does not fit what arrives
 */
export function head(net: Network, names: readonly string[], x: Signal): void {
  const single = names.find((name) => net.hasLayer(name));
  if (single !== undefined) {
    net.linear(single, x);
    return;
  }
  const list = names.map((name) => `${name}.`).find((each) => net.numbers(each).length > 0);
  if (list === undefined) return;
  net.numbers(list).reduce((y, i) => {
    const module = `${list}${i}`;
    if (net.has(`${module}.running_var`)) return net.batchNorm(module, y);
    return net.shape(net.weight(module)).length === 2 ? net.linear(module, y) : net.norm(module, y);
  }, x);
}
