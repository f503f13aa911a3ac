/** Feed-forward layers: plain ones, gated ones, and gated ones whose two halves lie in one weight. */

import type { Signal } from "../../../../model/operators.ts";
import { GATE } from "../attention.ts";
import type { Network } from "../network.ts";
import { layerOf, outsOf, type WeightOrder } from "./weight-order.ts";

/** Names within a block. */
export interface FeedForwardNames {
  readonly up: string;
  readonly down: string;
  /** What scales `up`. */
  readonly gate?: string;
  /** Gate and `up` in one weight, the gate first. */
  readonly fused?: string;
}

interface Place {
  readonly block: string;
  readonly x: Signal;
  readonly layout?: WeightOrder;
}

/** Whether a block has the layers of these names. */
export function hasFeedForward(net: Network, block: string, { up, down, fused }: FeedForwardNames): boolean {
  return net.hasLayer(`${block}.${down}`) && net.hasLayer(`${block}.${fused ?? up}`);
}

/** `down(act(up(x)))`, or `down(act(gate(x)) * up(x))`, of which only `up` is followed. */
export function feedForward(
  net: Network,
  names: FeedForwardNames,
  { block, x, layout = "out-in" }: Place,
): Signal {
  const down = `${block}.${names.down}`;
  const last = (y: Signal) => layerOf(net, down, y, { layout });
  if (names.fused !== undefined) {
    return last(fusedUp(net, { fused: `${block}.${names.fused}`, down, x, layout }));
  }
  if (names.gate !== undefined) {
    const gate = `${block}.${names.gate}`;
    const gating = layerOf(net, gate, x, { layout });
    const up = layerOf(net, `${block}.${names.up}`, x, { layout });
    if (net.channels(gating) !== net.channels(up)) {
      net.fail(
        `${gate}.weight`,
        `${net.channels(gating)} out channels`,
        `${net.channels(up)}, as of what it scales`,
      );
    }
    net.noConnection(gate, down, GATE);
    return last(up);
  }
  return last(layerOf(net, `${block}.${names.up}`, x, { layout }));
}

/** Where gate and `up` lie in one weight. */
interface Fused {
  readonly fused: string;
  /** What reads `up`. */
  readonly down: string;
  readonly x: Signal;
  readonly layout?: WeightOrder;
  /** Default: the gate is the first half. */
  readonly gateLast?: true;
}

/**
 * `up` of a weight that holds it and what scales it, of which the gate is not followed.
 *
 * @throws {RangeError} when the weight has no two halves
 */
export function fusedUp(net: Network, { fused, down, x, layout = "out-in", gateLast }: Fused): Signal {
  const outs = outsOf(net, fused, layout);
  const length = Math.floor(outs / 2);
  if (2 * length !== outs) net.fail(`${fused}.weight`, `${outs} out channels`, "two halves");
  const parts = gateLast ? ["up", "gate"] : ["gate", "up"];
  const halves = parts.map((part, i) =>
    layerOf(net, fused, x, { layout, part, out: { from: i * length, length } })
  );
  net.noConnection(`${fused}.gate`, down, GATE);
  return halves[parts.indexOf("up")]!;
}
