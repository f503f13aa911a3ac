/** Layers whose weights may lie as `[in, out]`, and parts of weights that hold several layers. */

import type { Signal } from "../../../../model/operators.ts";
import type { Network } from "../network.ts";

/** Order of the axes of a matrix. */
export type WeightOrder = "out-in" | "in-out";

/** Out channels of a module's weight. */
export function outsOf(net: Network, module: string, layout: WeightOrder): number {
  return net.tensor(net.weight(module)).shape[layout === "out-in" ? 0 : 1]!;
}

/** In channels of a module's weight. */
export function insOf(net: Network, module: string, layout: WeightOrder): number {
  return net.tensor(net.weight(module)).shape[layout === "out-in" ? 1 : 0]!;
}

/** A layer, or a part of it by its out channels, which is then called after the part. */
export function layerOf(
  net: Network,
  module: string,
  x: Signal,
  { layout, part, out }: {
    readonly layout: WeightOrder;
    readonly part?: string;
    readonly out?: { readonly from: number; readonly length: number };
  },
): Signal {
  // A plain matrix keeps the order that its format says.
  const order = layout === "out-in" ? {} : { layout };
  if (part === undefined) return net.linear(module, x, order);
  return net.linear(module, x, {
    ...order,
    name: `${net.prefix}${module}.${part}`,
    ...out === undefined ? {} : { out },
  });
}
