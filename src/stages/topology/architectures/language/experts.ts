/** Mixtures of experts: feed-forward layers side by side, and a router that weighs what they add to the stream. */

import type { Signal } from "../../../../model/operators.ts";
import { gated } from "../attention.ts";
import type { Network } from "../network.ts";

/** What families call the parts of a mixture. */
const MIXTURES = [
  { module: "block_sparse_moe", gate: "w1", up: "w3", down: "w2" },
  { module: "mlp", gate: "gate_proj", up: "up_proj", down: "down_proj" },
] as const;

/**
 * Every layer that writes to the stream feeds every later one that reads it: with many experts, connections are as the square of their
 * number. This is more than a mixture of 8 in 32 blocks has, and some hundred megabytes.
 */
const MOST_CONNECTIONS = 200_000;

const ROUTED = "a router weighs experts by a product of activations";

/**
 * What the experts of a block add to the stream together; null where the block has none.
 *
 * @param block beginning of the names of its tensors
 */
export function expertsOf(net: Network, block: string, x: Signal): Signal | null {
  const names = MIXTURES.find(({ module }) => net.hasLayer(`${block}${module}.gate`));
  if (names === undefined) return null;
  const module = `${block}${names.module}`;
  const list = `${module}.experts.`;
  const router = `${module}.gate`;
  const number = net.channels(net.linear(router, x));
  net.noConnection(router, `${module}.experts`, ROUTED);
  const separate = net.numbers(list);
  const stacked = `${list}gate_up_proj`;
  const count = separate.length > 0 ? separate.length : net.shape(stacked)[0] ?? 0;
  if (count !== number) net.fail(`${router}.weight`, `${number} out channels`, `${count}, one per expert`);
  const tooMany = connections(net, block, count) > MOST_CONNECTIONS
    ? `experts of this model would have more than ${MOST_CONNECTIONS} connections`
    : null;
  const width = net.channels(x);
  const read = tooMany === null ? x : net.stop(tooMany, width, x);
  if (tooMany !== null) net.warn(`${tooMany}: none of them is connected to other layers`);
  const experts = separate.length > 0
    ? separate.map((i) => {
      const [gate, up, down] = [names.gate, names.up, names.down].map((name) => `${list}${i}.${name}`);
      return gated(net, { gate: gate!, up: up!, down: down! }, read);
    })
    : stackedExperts(net, { up: stacked, down: `${list}down_proj`, count }, read);
  const added = tooMany === null ? net.sum(...experts) : net.stop(tooMany, width, ...experts);
  const shared = sharedExpert(net, module, x);
  return shared === null ? added : net.sum(added, shared);
}

/** An expert that every token goes through, scaled by a gate of one channel. */
function sharedExpert(net: Network, module: string, x: Signal): Signal | null {
  const shared = `${module}.shared_expert`;
  if (!net.hasLayer(`${shared}.down_proj`)) return null;
  const gate = `${module}.shared_expert_gate`;
  if (net.hasLayer(gate)) {
    net.linear(gate, x);
    net.noConnection(gate, shared, ROUTED);
  }
  return gated(net, { gate: `${shared}.gate_proj`, up: `${shared}.up_proj`, down: `${shared}.down_proj` }, x);
}

interface Stacked {
  /** Tensors of three axes, the first of which counts experts. In `up` the gates come first. */
  readonly up: string;
  readonly down: string;
  readonly count: number;
}

function stackedExperts(net: Network, { up, down, count }: Stacked, x: Signal): Signal[] {
  const width = net.channels(x);
  const [, a, b] = net.shape(up);
  if ((a === width) === (b === width)) {
    net.fail(up, `axes of ${a} and ${b}`, `one of them, and only one, of ${width} channels`);
  }
  const layout = b === width ? "out-in" : "in-out";
  const length = (layout === "out-in" ? a! : b!) / 2;
  if (!Number.isInteger(length)) net.fail(up, `${2 * length} out channels`, "two halves");
  const layer = (tensor: string, expert: number, input: Signal) =>
    net.layer(tensor, input, { name: `${net.prefix}${tensor}.${expert}`, leading: [expert], layout });
  net.noConnection(`${up} (gates)`, down, "a gate scales what goes through");
  return Array.from({ length: count }, (_, expert) => {
    const both = layer(up, expert, x);
    return layer(down, expert, net.map(both, [{ source: length, target: 0, length }], length));
  });
}

/** About how many connections a network has whose blocks have so many experts each, gated ones. */
function connections(net: Network, block: string, experts: number): number {
  const blocks = net.numbers(block.replace(/\d+\.$/, "")).length;
  return blocks * blocks / 2 * (experts + 2) * (2 * experts + 6);
}
